/**
 * One run: a fresh cluster, a workload under faults, healing, reading back, and the verdicts.
 *
 * Order matters: the history is closed before it is judged, and it is judged from the file, so that what a
 * reader is handed is what was judged. Whatever happens, what was started is stopped.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../src/random.js';
import { BETWEEN_FAULTS_MIN, checkValidity, DRIVEN } from './checkers/validity.js';
import { Cluster, PM_NAME } from './cluster.js';
import { runCuts } from './cuts.js';
import { Etcd } from './etcd.js';
import { readHistory } from './history.js';
import { formatStrike, Nemesis, planStrikes, type Strike } from './nemesis.js';
import type { Options, WorkloadName } from './options.js';
import { Recorder } from './recorder.js';
import { compareDisks } from './replicas.js';
import { type CheckResult, fail, formatResult, invalid, overallVerdict, pass } from './report.js';
import { StaleReadProxy } from './stale-read-proxy.js';
import { AsyncWorkload } from './workloads/async.js';
import { RegisterWorkload } from './workloads/register.js';
import { SetCounterWorkload } from './workloads/set-counter.js';
import { WakeReadWorkload } from './workloads/wake-read.js';
import { readBack, type Workload, type WorkloadContext } from './workloads/workload.js';

/** After the last operation ended, before anything is read back: what still travels lands or is lost. */
const SETTLE_MS = 2000;

export type Print = (line: string) => void;

/** What a run holds that must be given back, in the order of giving back. */
interface Held {
  proxy?: StaleReadProxy;
  cluster?: Cluster;
  etcd?: Etcd;
}

export function newWorkload(name: WorkloadName): Workload {
  if (name === 'wake-read') return new WakeReadWorkload();
  if (name === 'async') return new AsyncWorkload();
  return name === 'register' ? new RegisterWorkload() : new SetCounterWorkload();
}

export class Run {
  private readonly held: Held = {};
  private readonly anomalies: string[] = [];
  private readonly strikes: readonly Strike[];

  constructor(
    private readonly options: Options,
    private readonly workload: Workload,
    private readonly folder: string,
    private readonly print: Print,
  ) {
    this.strikes = planStrikes(options.nemesis, options.seed, options.timeMs, options.strikes);
  }

  /** Every check's result; the folder is gone afterwards when all passed and nobody asked to keep it. */
  async judge(): Promise<CheckResult[]> {
    mkdirSync(this.folder, { recursive: true });
    const results = await this.execute().catch((error: Error) => [
      fail('run', error.message.split('\n')[0]!, error.stack ?? error.message),
    ]);
    await this.stop();
    const text = results.map((result) => [formatResult(result), result.detail].filter(Boolean).join('\n'));
    writeFileSync(join(this.folder, 'report.txt'), `${this.title()}\n${text.join('\n')}\n`);
    if (overallVerdict(results) === 'pass' && !this.options.keep)
      rmSync(this.folder, { recursive: true, force: true });
    return results;
  }

  /** Safe to call twice, and from a signal handler. */
  async stop(): Promise<void> {
    const { proxy, cluster, etcd } = this.held;
    proxy?.close();
    await cluster?.stop();
    await etcd?.stop();
  }

  private async execute(): Promise<CheckResult[]> {
    this.print(this.title());
    for (const strike of this.strikes) this.print(`  ${formatStrike(strike)}`);
    const recorder = new Recorder(join(this.folder, 'history.ndjson'));
    const results: CheckResult[] = [];
    try {
      const isCut = this.options.nemesis === 'power';
      results.push(...(await (isCut ? this.observeCuts(recorder) : this.observe(recorder))));
    } finally {
      recorder.close();
    }
    const history = await readHistory(recorder.path);
    results.push(...this.workload.judge(history), ...this.ownResults());
    results.push(
      checkValidity(history, {
        acknowledgedMin: this.options.operationsMin,
        betweenFaultsMin: BETWEEN_FAULTS_MIN,
        faultsPlanned: this.strikes.length,
      }),
    );
    return results;
  }

  private async observe(recorder: Recorder): Promise<CheckResult[]> {
    const context = await this.prepare(recorder);
    const lag = monitorEventLoopDelay({ resolution: 10 });
    lag.enable();
    const faults = this.applyFaults(recorder);
    let isOver = false;
    const clients = this.workload.drive(context, () => isOver);
    // It is awaited below; until then a failure must not end the process before the cluster is stopped.
    clients.catch(() => {});
    const startMs = performance.now();
    const problem = await faults.then(
      () => undefined,
      (error: Error) => error.message,
    );
    await sleep(Math.max(0, this.options.timeMs - (performance.now() - startMs)));
    isOver = true;
    await clients;
    recorder.fault(DRIVEN, null);
    if (recorder.counts.unknown > 0) await sleep(SETTLE_MS);
    lag.disable();
    this.printCounts(recorder, Math.round(lag.max / 1e6));
    const back = await readBack(context, this.workload.keys());
    const concluded = (await this.workload.conclude?.(context)) ?? [];
    return [
      problem === undefined ? pass('recovery', 'every node came back') : fail('recovery', problem),
      back,
      ...concluded,
    ];
  }

  /** Load comes and goes with the cuts: what each has left is looked at in stillness. */
  private async observeCuts(recorder: Recorder): Promise<CheckResult[]> {
    const context = await this.prepare(recorder);
    const random = seededRandom(this.options.seed, 2);
    const nemesis = new Nemesis(this.held.cluster!, recorder, this.print, random);
    const { workload, print } = this;
    const results = await runCuts({ workload, context, nemesis, random, print }, this.strikes);
    recorder.fault(DRIVEN, null);
    this.printCounts(recorder, 0);
    return [...results, await this.stoppedDisks()];
  }

  /** After a cut's run nobody needs the nodes any more. */
  private async stoppedDisks(): Promise<CheckResult> {
    const cluster = this.held.cluster!;
    const killed = await cluster.halt();
    if (killed.length > 0) return fail('disks', `had to be killed: ${killed.join(', ')}`);
    return compareDisks(cluster.engineFolders);
  }

  private printCounts(recorder: Recorder, lagMs: number): void {
    const { invoked, acknowledged, failed, unknown } = recorder.counts;
    const outcomes = `${acknowledged} ok, ${failed} failed, ${unknown} unknown`;
    this.print(`${invoked} operations: ${outcomes}; harness lag at most ${lagMs} ms`);
    const errors = recorder.errorCounts.map(([kind, count]) => `${count} ${kind}`);
    if (errors.length > 0) this.print(`errors: ${errors.join(', ')}`);
  }

  private async prepare(recorder: Recorder): Promise<WorkloadContext> {
    const nodes = [...(this.options.against.length > 0 ? this.options.against : await this.startCluster())];
    if (this.options.plantStaleRead && this.workload.name === 'register') {
      this.held.proxy = await StaleReadProxy.start(nodes[0]!);
      nodes[0] = this.held.proxy.address;
    }
    return {
      recorder,
      nodes,
      random: seededRandom(this.options.seed, 1),
      clients: this.options.clients,
      timeoutMs: this.options.timeoutMs,
      prefix: `jepsen-${this.options.seed}-${Date.now().toString(36)}`,
      onAnomaly: (text) => this.anomalies.push(text),
    };
  }

  private async startCluster(): Promise<readonly { host: string; port: number }[]> {
    const { program } = this.options;
    let { metadata } = this.options;
    if (metadata === 'etcd') {
      this.held.etcd = await Etcd.start(this.folder);
      metadata = this.held.etcd.metadata;
    }
    const cluster = await Cluster.launch({
      folder: this.folder,
      nodes: this.options.nodes,
      metadata,
      program,
      nodeSettings: this.nodeSettings(),
      withPeerProxies: ['sever', 'reset', 'pause', 'block'].includes(this.options.nemesis),
      withDisks: this.options.nemesis === 'power',
    });
    this.held.cluster = cluster;
    await cluster.untilReady();
    this.print(`cluster ready: ${cluster.nodes.map(({ host, port }) => `${host}:${port}`).join(' ')}`);
    const { table } = this.workload;
    if (table !== undefined) await cluster.createTable(table.name, table.slots);
    if (this.options.withoutPm) {
      await cluster.kill(PM_NAME);
      this.print(`${PM_NAME} is dead for the whole run`);
    }
    return cluster.nodes;
  }

  private nodeSettings(): string[] {
    const debug = this.options.nemesis === 'block' ? ['enable-debug-command: local'] : [];
    return [...this.options.nodeSettings, ...debug];
  }

  private async applyFaults(recorder: Recorder): Promise<void> {
    const { cluster, etcd } = this.held;
    if (!cluster) return;
    const stopEtcd = async (): Promise<void> => {
      if (!etcd || !this.options.etcdStopHalf) return;
      await sleep(this.options.timeMs / 2);
      this.print('etcd stops for good');
      recorder.fault('stop-etcd', null);
      await etcd.stop();
    };
    const random = seededRandom(this.options.seed, 2);
    const nemesis = new Nemesis(cluster, recorder, this.print, random);
    await Promise.all([nemesis.run(this.strikes), stopEtcd()]);
  }

  private ownResults(): CheckResult[] {
    const results: CheckResult[] = [];
    const crashes = this.held.cluster?.crashes ?? [];
    if (crashes.length > 0)
      results.push(fail('crashes', `${crashes.length} processes ended`, crashes.join('\n')));
    const [anomaly] = this.anomalies;
    if (anomaly) results.push(fail('replies', `${this.anomalies.length} impossible replies`, anomaly));
    const resets = this.held.cluster?.resetCount;
    if (resets !== undefined) {
      const summary = `${resets} connections between peers were reset`;
      results.push(resets > 0 ? pass('resets', summary) : invalid('resets', summary));
    }
    if (this.held.proxy?.planted === 0) results.push(invalid('plant', 'no chance to answer falsely came up'));
    return results;
  }

  private title(): string {
    const { seed, nemesis, timeMs, withoutPm, metadata } = this.options;
    const parts = [
      `workload ${this.workload.name}`,
      `nemesis ${nemesis}`,
      `seed ${seed}`,
      `${timeMs / 1000} s`,
    ];
    parts.push(...this.options.nodeSettings);
    if (withoutPm) parts.push('without pm');
    if (metadata) parts.push(`metadata ${metadata}`);
    return parts.join(', ');
  }
}
