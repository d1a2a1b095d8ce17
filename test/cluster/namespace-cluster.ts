/**
 * A cluster whose nodes live in network namespaces, as on machines of their own; PM is in the clients' namespace, beside them.
 *
 * Beyond loopback nodes want a cluster token, and protected mode is off, since the clients are strangers to each node.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signal, waitForExit, waitUntil } from '../../jepsen-style/processes.js';
import type { Address } from '../../jepsen-style/resp-client.js';
import { leadersBySlot } from './leaders.js';
import { Namespaces } from './namespaces.js';
import { TALUS } from './talus-cluster.js';

const PORT = 9221;
const CLUSTER_PORT = PORT + 100;
const PM_PORT = 9300;
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;

export class NamespaceCluster {
  readonly addresses: readonly Address[];
  readonly clusterAddresses: readonly string[];
  private readonly children: ChildProcess[] = [];

  /** `settings`: more lines for every node's configuration file. */
  static async start(
    slots: number,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<NamespaceCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'talus-namespaces-'));
    const cluster = new NamespaceCluster(folder, slots, Namespaces.create(3));
    try {
      await cluster.launch(settings);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  private constructor(
    private readonly folder: string,
    private readonly slots: number,
    readonly network: Namespaces,
  ) {
    const hosts = [1, 2, 3].map((node) => network.hostOf(node));
    this.addresses = hosts.map((host) => ({ host, port: PORT }));
    this.clusterAddresses = hosts.map((host) => `${host}:${CLUSTER_PORT}`);
  }

  /** Does the node know a leader of every slot? */
  async knowsLeaders(node: number): Promise<boolean> {
    const leaders = await leadersBySlot(this.addresses[node - 1]!, this.slots).catch(() => [undefined]);
    return leaders.every((leader) => leader !== undefined);
  }

  async stop(): Promise<void> {
    for (const child of this.children) child.kill('SIGTERM');
    for (const { pid } of this.children) {
      if (pid !== undefined && !(await waitForExit(pid, STOP_MS_MAX))) signal(pid, 'SIGKILL');
    }
    this.network.remove();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async launch(settings: Readonly<Record<string, string>>): Promise<void> {
    const token = join(this.folder, 'cluster-token');
    await writeFile(token, 'a token of the test\n'.replaceAll(' ', '-'), { mode: 0o600 });
    const pm = `${this.network.host}:${PM_PORT}`;
    await this.startProcess('pm', 'pm-1', [], {
      host: this.network.host,
      port: PM_PORT,
      'default-table-slots': this.slots,
      'cluster-token-file': token,
    });
    for (const node of [1, 2, 3]) {
      await this.startProcess('node', `node-${node}`, this.network.prefix(node), {
        name: `node-${node}`,
        host: this.network.hostOf(node),
        port: PORT,
        pm: `[${pm}]`,
        'cluster-token-file': token,
        'protected-mode': false,
        ...settings,
      });
    }
    const isReady = async (): Promise<boolean> =>
      (await Promise.all([1, 2, 3].map((node) => this.knowsLeaders(node)))).every(Boolean);
    if (!(await waitUntil(isReady, READY_MS_MAX, 100))) throw new Error(`not ready: ${this.lastWords()}`);
  }

  private async startProcess(
    kind: 'node' | 'pm',
    name: string,
    prefix: readonly string[],
    settings: Readonly<Record<string, string | number | boolean>>,
  ): Promise<void> {
    const own = join(this.folder, name);
    const file = join(own, `${kind}.yaml`);
    await mkdir(own, { recursive: true });
    const lines = Object.entries({ 'data-dir': own, ...settings }).map(
      ([key, value]) => `${key}: ${value}\n`,
    );
    await writeFile(file, lines.join(''));
    const [program, ...args] = [...prefix, process.execPath, TALUS, kind, '--config', file];
    const env = { ...process.env, TALUS_STOP_WITH_STDIN: '1' };
    this.children.push(spawn(program!, args, { stdio: ['pipe', 'ignore', 'inherit'], env }));
  }

  private lastWords(): string {
    const log = join(this.folder, 'node-1', 'log');
    return existsSync(log) ? readFileSync(log, 'utf8').slice(-1000) : 'node-1 wrote no log';
  }
}
