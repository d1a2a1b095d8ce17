/**
 * The servers of a run: started when their first peer is asked for, stopped together, their data removed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CeilingServer } from './peers/ceiling.js';
import { EtcdServers } from './peers/etcd.js';
import { NotHere, type Peer, type Servers } from './peers/peer.js';
import { RedisServers } from './peers/redis.js';
import { type TalusOptions, TalusServers } from './peers/talus.js';

export class Fleet {
  readonly talus: TalusServers;
  readonly skipped: string[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), 'talus-bench-'));
  private readonly servers: readonly Servers[];

  constructor(options: TalusOptions) {
    this.talus = new TalusServers(options);
    this.servers = [
      this.talus,
      new RedisServers(this.folder, 'always'),
      new RedisServers(this.folder, 'everysec'),
      new EtcdServers(this.folder),
      new CeilingServer(),
    ];
  }

  /** Those that can be had, in order; the others are noted as skipped. */
  async peers(names: readonly string[]): Promise<readonly Peer[]> {
    const peers: Peer[] = [];
    for (const name of names) {
      try {
        peers.push(await this.peer(name));
      } catch (why) {
        if (!(why instanceof NotHere)) throw why;
        this.skipped.push(`${name}: ${why.message}`);
      }
    }
    return peers;
  }

  async stop(): Promise<void> {
    try {
      for (const server of this.servers) await server.stop();
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  private async peer(name: string): Promise<Peer> {
    for (const server of this.servers) {
      const peer = await server.peer(name);
      if (peer !== undefined) return peer;
    }
    throw new Error(`no servers know the peer ${name}`);
  }
}
