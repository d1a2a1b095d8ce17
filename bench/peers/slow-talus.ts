/**
 * Talus where the world is slow: peers behind proxies that hold every byte for a while, nodes whose syncs take longer.
 *
 * Started as any cluster, with proxies before the peer ports; for slow syncs each node is then stopped and started again as
 * bench/slow-disk-node.ts, with the same file of settings.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../jepsen-style/ports.js';
import { signal, waitForExit, waitUntil } from '../../jepsen-style/processes.js';
import type { TalusCluster } from '../../test/cluster/talus-cluster.js';
import type { DelayedLink } from '../delay-proxies.js';
import { Child } from './child.js';
import { type TalusOptions, TalusServers } from './talus.js';

export interface Slowness {
  /** Of what goes to each node and comes back on the same connections: one number a node. 0: carried at once, by a proxy still. */
  readonly linkMs: readonly number[];
  readonly syncMs: number;
}

const PROXIES = fileURLToPath(new URL('../delay-proxies.js', import.meta.url));
const SLOW_NODE = fileURLToPath(new URL('../slow-disk-node.js', import.meta.url));
const READY_MS_MAX = 60_000;

export class SlowTalus extends TalusServers {
  private proxies: Child | undefined;
  private readonly nodes: ChildProcess[] = [];

  constructor(
    options: TalusOptions,
    private readonly slowness: Slowness,
  ) {
    super(options);
  }

  override async stop(): Promise<void> {
    for (const node of this.nodes) node.kill('SIGTERM');
    await Promise.all(this.nodes.map((node) => waitForExit(node.pid!, READY_MS_MAX)));
    await super.stop();
    await this.proxies?.stop();
  }

  protected override async launch(cluster: TalusCluster): Promise<void> {
    await this.standBefore(cluster);
    await cluster.launch();
    if (this.slowness.syncMs === 0) return;
    for (let node = 1; node <= cluster.nodes; node++) await this.slowDown(cluster, node);
  }

  /** The launcher keeps what it finds in a node's file. */
  private async standBefore(cluster: TalusCluster): Promise<void> {
    const { linkMs } = this.slowness;
    const port = await freePorts(linkMs.map((_, at) => at));
    const links = linkMs.map(
      (delayMs, at): DelayedLink => ({ port: port + at, target: cluster.port + 200 + at, delayMs }),
    );
    const args = [PROXIES, JSON.stringify(links)];
    this.proxies = await Child.start(process.execPath, args, (said) => said.includes('ready'));
    for (const [at, link] of links.entries()) {
      const folder = join(cluster.dataDir, `node-${at + 1}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'node.yaml'), `advertise-peer-port: ${link.port}\n`);
    }
  }

  private async slowDown(cluster: TalusCluster, node: number): Promise<void> {
    const pid = cluster.pidOf(`node-${node}`);
    signal(pid, 'SIGTERM');
    if (!(await waitForExit(pid, READY_MS_MAX))) throw new Error(`node-${node} does not stop`);
    const config = join(cluster.dataDir, `node-${node}`, 'node.yaml');
    const env = { ...process.env, TALUS_SYNC_DELAY_MS: `${this.slowness.syncMs}` };
    this.nodes.push(spawn(process.execPath, [SLOW_NODE, '--config', config], { stdio: 'ignore', env }));
    if (!(await waitUntil(() => cluster.isReady(node), READY_MS_MAX, 100)))
      throw new Error(`node-${node} is not ready on its slow disk`);
  }
}
