/**
 * A cluster to measure storage on: probes in its nodes, settings by environment, and the few questions that every line asks.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../jepsen-style/processes.js';
import { hash14, slotOfHash } from '../src/slot/hash.js';
import { settledLeaders } from '../test/cluster/leaders.js';
import { TalusCluster } from '../test/cluster/talus-cluster.js';
import { untilQuiet } from './cpu.js';
import type { ProbeDump } from './loop-probe.js';
import { PipelinedClient } from './pipeline.js';
import { Probes } from './probes.js';
import { MemoryWatch } from './watch.js';

export interface BenchClusterOptions {
  readonly slots: number;
  /** Settings of the nodes, by the names that they have in the environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Kept by the caller. */
  readonly folder?: string;
}

const NODES = 3;
const READY_MS_MAX = 300_000;
const WRITTEN_MS_MAX = 600_000;
const POLL_MS = 100;
const QUIET_LOOK_MS = 2000;
const QUIET_MS_MAX = 300_000;

export class BenchCluster {
  readonly memory: MemoryWatch;
  private led: readonly number[] = [];

  static async start(options: BenchClusterOptions): Promise<BenchCluster> {
    const probes = new Probes(mkdtempSync(join(tmpdir(), 'talus-probe-')));
    const cluster = await TalusCluster.start({
      args: ['--slots', `${options.slots}`, '--nodes', `${NODES}`],
      environment: { ...options.environment, ...probes.environment },
      readyMsMax: READY_MS_MAX,
      ...(options.folder === undefined ? {} : { folder: options.folder }),
    });
    const one = new BenchCluster(cluster, options.slots, probes);
    await one.learnLeaders();
    return one;
  }

  private constructor(
    readonly talus: TalusCluster,
    readonly slots: number,
    private readonly probes: Probes,
  ) {
    this.memory = new MemoryWatch(() => this.nodes.flatMap((node) => this.pidIfAlive(node)));
  }

  get nodes(): readonly number[] {
    return Array.from({ length: NODES }, (_, at) => at + 1);
  }

  pid(node: number): number {
    return this.talus.pidOf(`node-${node}`);
  }

  /** Waits until leaders stay where they are. */
  async learnLeaders(): Promise<void> {
    const leaders = await settledLeaders(this.talus.addresses[0]!, this.slots);
    this.led = leaders.map((leader) => 1 + this.talus.clusterAddresses.indexOf(leader!));
  }

  slotOf(key: string): number {
    return slotOfHash(hash14(Buffer.from(key)), this.slots);
  }

  leaderOf(key: string): number {
    return this.led[this.slotOf(key)]!;
  }

  leaderOfSlot(slot: number): number {
    return this.led[slot]!;
  }

  client(node: number): Promise<PipelinedClient> {
    return PipelinedClient.open(this.talus.port + node - 1);
  }

  clients(): Promise<PipelinedClient[]> {
    return Promise.all(this.nodes.map((node) => this.client(node)));
  }

  probe(node: number): Promise<ProbeDump> {
    return this.probes.read(this.pid(node));
  }

  probeAll(): Promise<ProbeDump[]> {
    return Promise.all(this.nodes.map((node) => this.probe(node)));
  }

  /** Until nothing is dirty anywhere: what follows is not disturbed by what went before, and what was asked for is in the engine. */
  async written(nodes: readonly number[] = this.nodes): Promise<void> {
    const isWritten = async (): Promise<boolean> => {
      const dirty = await Promise.all(nodes.map((node) => this.talus.metric(node, 'talus_dirty_bytes')));
      return dirty.every((bytes) => bytes === 0);
    };
    if (!(await waitUntil(isWritten, WRITTEN_MS_MAX, POLL_MS)))
      throw new Error('what is dirty is not written');
    // LevelDB's own work goes on after the last write: minutes, after a long load.
    const pids = nodes.map((node) => this.pid(node));
    if (!(await untilQuiet(pids, QUIET_LOOK_MS, QUIET_MS_MAX)))
      throw new Error('nodes are still at work behind what was loaded');
  }

  async stop(): Promise<void> {
    this.memory.stop();
    await this.talus.stop();
    this.probes.remove();
  }

  private pidIfAlive(node: number): number[] {
    try {
      return [this.pid(node)];
    } catch {
      return [];
    }
  }
}
