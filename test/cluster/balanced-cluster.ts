/**
 * A cluster behind a balancer, and what is done to its nodes while clients work.
 */
import assert from 'node:assert/strict';
import { signal, waitForExit, waitUntil } from '../../jepsen-style/processes.js';
import { Balancer } from './balancer.js';
import { type Habits, Load } from './load.js';
import { TalusCluster } from './talus-cluster.js';

const READY_MS_MAX = 60_000;
const EXIT_MS_MAX = 30_000;

export class BalancedCluster {
  static async start(): Promise<BalancedCluster> {
    const cluster = await TalusCluster.start();
    const backends = [1, 2, 3].map((node) => ({
      port: cluster.port + node - 1,
      httpPort: cluster.httpPort(node),
    }));
    const balanced = new BalancedCluster(cluster, await Balancer.start(backends));
    await balanced.untilAllReady();
    return balanced;
  }

  private constructor(
    readonly cluster: TalusCluster,
    private readonly balancer: Balancer,
  ) {}

  async stop(): Promise<void> {
    this.balancer.close();
    await this.cluster.stop();
  }

  load(prefix: string, habits: Habits): Load {
    return new Load(this.balancer.port, prefix, habits);
  }

  async untilAllReady(): Promise<void> {
    const isSo = await waitUntil(() => this.balancer.readyPorts.length === 3, READY_MS_MAX);
    assert.ok(isSo, `ready: ${this.balancer.readyPorts}`);
  }

  /** The node that leads the most slots: it has the most to hand over. */
  async busiest(): Promise<string> {
    const led = await Promise.all([1, 2, 3].map((node) => this.cluster.metric(node, 'talus_slots_led')));
    return `node-${1 + led.indexOf(Math.max(...led))}`;
  }

  /** Drains the busiest node and starts it again; resolves when it takes clients. `step`: commands done in between. */
  async drainOne(load: Load, step: number): Promise<void> {
    const name = await this.busiest();
    await load.progress(step);
    const pid = this.cluster.pidOf(name);
    load.mark();
    signal(pid, 'SIGTERM');
    assert.ok(await waitForExit(pid, EXIT_MS_MAX), `${name} does not end`);
    await load.progress(step);
    this.cluster.startAgain(name);
    await this.untilAllReady();
    await load.progress(step);
  }
}
