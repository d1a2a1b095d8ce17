/**
 * Redis with two replicas, all three with their append-only file on: `always` (a sync before each answer) or `everysec`.
 *
 * `WAIT 1` is what Redis has nearest to a quorum, and it is less: it says that one replica has received the write, not that it has
 * it on disk; a fail-over may still choose the other replica; and others have seen the write before WAIT is answered.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../jepsen-style/ports.js';
import { waitUntil } from '../../jepsen-style/processes.js';
import { RespClient } from '../../jepsen-style/resp-client.js';
import { Child } from './child.js';
import type { Peer, Servers } from './peer.js';

const REPLICAS = 2;
const LINKED_MS_MAX = 30_000;

const PEERS = {
  always: {
    'redis-wait': 'on the disk of one, received by a second (WAIT 1); may be lost at a fail-over',
    'redis-async': 'on the disk of one; lost when it is',
  },
  everysec: { 'redis-everysec': 'in the memory of one; on its disk within a second' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

type Sync = keyof typeof PEERS;

export class RedisServers implements Servers {
  private readonly children: Child[] = [];
  private port = 0;

  constructor(
    private readonly folder: string,
    private readonly sync: Sync,
  ) {}

  async peer(name: string): Promise<Peer | undefined> {
    const promise = (PEERS[this.sync] as Readonly<Record<string, string>>)[name];
    if (promise === undefined) return undefined;
    if (this.children.length === 0) await this.start();
    return {
      name,
      promise,
      protocol: 'resp',
      wait: name === 'redis-wait',
      targets: async () => [{ host: '127.0.0.1', port: this.port }],
      pids: () => this.children.map(({ pid }) => pid),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.children.map((child) => child.stop()));
  }

  private async start(): Promise<void> {
    const offsets = Array.from({ length: 1 + REPLICAS }, (_, i) => i);
    this.port = await freePorts(offsets);
    for (const offset of offsets) {
      const folder = join(this.folder, `redis-${this.sync}-${offset}`);
      mkdirSync(folder);
      const args = ['--port', `${this.port + offset}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
      args.push('--appendonly', 'yes', '--appendfsync', this.sync);
      if (offset > 0) args.push('--replicaof', '127.0.0.1', `${this.port}`);
      this.children.push(
        await Child.start('redis-server', args, (said) => said.includes('Ready to accept connections')),
      );
    }
    if (!(await waitUntil(() => this.areLinked(), LINKED_MS_MAX, 200)))
      throw new Error(`redis: the replicas are not linked after ${LINKED_MS_MAX} ms`);
  }

  private async areLinked(): Promise<boolean> {
    const client = await RespClient.connect({ host: '127.0.0.1', port: this.port }, 5000);
    const outcome = await client.call('INFO', 'replication');
    client.close();
    const text = outcome.kind === 'ok' && outcome.reply.kind === 'bulk' ? outcome.reply.text : '';
    return (text.match(/state=online/g)?.length ?? 0) === REPLICAS;
  }
}
