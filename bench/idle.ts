/**
 * `npm run bench -- idle`: what many slots cost when nobody uses them, and whether a death among them stays cheap.
 *
 * Three nodes, 1,024 slots, no traffic. Each quiet time is measured from the kernel's own count of processor time, over a window
 * that begins after everything had time to settle, and nothing is asked of the nodes meanwhile. In between: the first commands
 * on a sleeping cluster, the death of a node, the first commands again, its return.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { signal, waitUntil } from '../jepsen-style/processes.js';
import type { RespClient } from '../jepsen-style/resp-client.js';
import { keyOfSlot } from '../test/cluster/gap-writer.js';
import { cpuMs, residentBytes } from '../test/cluster/processes.js';
import { TalusCluster } from '../test/cluster/talus-cluster.js';
import { Report, type Verdict } from './report.js';

const CPU_PERCENT_MAX = 3;
const RESIDENT_MIB_MAX = 250;
const LEADERS_MS_MAX = 5000;
const FIRST_ANSWER_MS_MAX = 100;
/** Of GETs and of SETs, each on a slot that nobody has touched. */
const FIRST_KEYS = 5;
const LEADERS_PATIENCE_MS = 60_000;
const READY_MS_MAX = 300_000;
const NODES = [1, 2, 3];

export async function runIdle(args: readonly string[]): Promise<Verdict> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      slots: { type: 'string', default: '1024' },
      settle: { type: 'string', default: '30' },
      window: { type: 'string', default: '60' },
    },
  });
  const cluster = await TalusCluster.start({ args: ['--slots', values.slots], readyMsMax: READY_MS_MAX });
  const idle = new Idle(cluster, Number(values.slots), Number(values.settle), Number(values.window));
  try {
    return await idle.run();
  } finally {
    await cluster.stop();
  }
}

class Idle {
  private readonly report = new Report('idle');
  private touched = 0;

  constructor(
    private readonly cluster: TalusCluster,
    private readonly slots: number,
    private readonly settleSeconds: number,
    private readonly windowSeconds: number,
  ) {}

  async run(): Promise<Verdict> {
    const { report, slots } = this;
    report.line(
      `3 nodes, ${slots} slots, ${this.settleSeconds} s to settle, ${this.windowSeconds} s measured`,
    );
    await this.quietTime('without traffic', NODES);
    await this.firstCommands('asleep', 1);
    const victim = 3;
    await sleep(this.settleSeconds * 1000);
    await this.kill(victim);
    const survivors = NODES.filter((node) => node !== victim);
    await this.quietTime('a node dead', survivors);
    await this.firstCommands('asleep, a node dead', 1);
    await this.restart(victim);
    await this.quietTime('the node back', NODES);
    return report.finish();
  }

  /** The memory is taken at the end: what settling left behind is in it. */
  private async quietTime(when: string, nodes: readonly number[]): Promise<void> {
    await sleep(this.settleSeconds * 1000);
    const pids = nodes.map((node) => this.cluster.pidOf(`node-${node}`));
    const before = pids.map(cpuMs);
    const startMs = performance.now();
    await sleep(this.windowSeconds * 1000);
    const elapsedMs = performance.now() - startMs;
    const percents = pids.map((pid, at) => ((cpuMs(pid) - before[at]!) / elapsedMs) * 100);
    const mebibytes = pids.map((pid) => residentBytes(pid) / 2 ** 20);
    const list = nodes.map(
      (node, at) => `node-${node} ${percents[at]!.toFixed(1)} % ${mebibytes[at]!.toFixed(0)} MiB`,
    );
    this.report.line(`${when}: ${list.join(', ')}`);
    this.report.goal(`CPU of a node, ${when}`, Math.max(...percents), CPU_PERCENT_MAX, '%');
    this.report.goal(`memory of a node, ${when}`, Math.max(...mebibytes), RESIDENT_MIB_MAX, 'MiB');
  }

  /** Each on a slot of its own that slept until then. */
  private async firstCommands(when: string, node: number): Promise<void> {
    const client = await this.cluster.connect(node, LEADERS_PATIENCE_MS);
    // Its connection and its code are warm: what is measured is the slot's awakening.
    await client.call('PING');
    for (const words of [['GET'], ['SET', 'x']] as const) {
      const times: number[] = [];
      for (let i = 0; i < FIRST_KEYS; i++) times.push(await this.timed(client, words, this.freshKey()));
      const [command] = words;
      this.report.line(`first ${command}s, ${when}: ${times.map((ms) => ms.toFixed(1)).join(', ')} ms`);
      this.report.goal(`first ${command}, ${when}`, Math.max(...times), FIRST_ANSWER_MS_MAX, 'ms');
    }
    client.close();
  }

  private async timed(client: RespClient, [command, value]: readonly string[], key: string): Promise<number> {
    const startMs = performance.now();
    const outcome = await client.call(command!, key, ...(value === undefined ? [] : [value]));
    if (outcome.kind !== 'ok') throw new Error(`${command} ${key}: ${outcome.error}`);
    return performance.now() - startMs;
  }

  /** Strides far enough that neighbours, which may have woken together, are not asked one after the other. */
  private freshKey(): string {
    this.touched++;
    return keyOfSlot((this.touched * 37) % this.slots, this.slots, `idle:${this.touched}`);
  }

  private async kill(victim: number): Promise<void> {
    const survivors = NODES.filter((node) => node !== victim);
    signal(this.cluster.pidOf(`node-${victim}`), 'SIGKILL');
    const startMs = performance.now();
    const isLed = async (): Promise<boolean> => {
      const led = await Promise.all(survivors.map((node) => this.cluster.metric(node, 'talus_slots_led')));
      return led.reduce((sum, count) => sum + count) === this.slots;
    };
    await waitUntil(isLed, LEADERS_PATIENCE_MS, 100);
    const tookMs = performance.now() - startMs;
    this.report.line(`node-${victim} killed: all slots led after ${tookMs.toFixed(0)} ms`);
    this.report.goal('all slots led after a kill', tookMs, LEADERS_MS_MAX, 'ms');
  }

  private async restart(victim: number): Promise<void> {
    const startMs = performance.now();
    this.cluster.startAgain(`node-${victim}`);
    const isBack = await waitUntil(() => this.cluster.isReady(victim), READY_MS_MAX, 100);
    this.report.line(`node-${victim} back after ${(performance.now() - startMs).toFixed(0)} ms`);
    this.report.holds(`node-${victim} comes back`, isBack);
  }
}
