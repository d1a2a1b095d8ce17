/**
 * `cold` and `restart`: 10 million keys of 200 bytes on three nodes, each with all of them, under a pool of 256 MiB.
 *
 * Hot: a small range of keys, over and over. Cold: any of them. redis-benchmark asks through node 1, so that two requests of three
 * are forwarded. The data is loaded once, in MSETs of keys of one slot; with `--folder` it is there for the next time.
 *
 * Restart: from the start of the process to its own word that it is ready (`/readyz`), after SIGTERM and after SIGKILL; before the
 * latter writes were under way that no checkpoint has seen.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, signal, waitUntil } from '../jepsen-style/processes.js';
import { BenchCluster } from './bench-cluster.js';
import { command, errorsOf, type PipelinedClient } from './pipeline.js';
import { quantileOfCounts } from './probes.js';
import { benchmarkKey, figuresOf, type Load } from './redis-benchmark.js';
import { quantile } from './report.js';
import type { StorageBench } from './storage.js';
import { mebibytes } from './watch.js';

const KEYS = 10_000_000;
const VALUE_BYTES = 200;
const POOL_BYTES = 256 << 20;
const POOL_BYTES_MIN = 16 << 20;
const SLOTS = 16;
const HOT_KEYS = 10_000;
const CLIENTS = 50;
const REQUESTS = 300_000;
const REQUESTS_MIN = 30_000;

const BEYOND_POOL_BYTES_MAX = 400_000_000;
const LOOP_P999_MS_MAX = 50;
const READY_MS_MAX = 5000;
const RESTARTS = 3;
const BACK_MS_MAX = 300_000;

const KEYS_A_COMMAND = 50;
const COMMANDS_OUT = 8;

interface Ground {
  readonly cluster: BenchCluster;
  readonly keys: number;
  readonly poolBytes: number;
  readonly requests: number;
}

export function runCold(bench: StorageBench): Promise<void> {
  return onGround(bench, (ground) => measureCold(bench, ground));
}

export function runRestart(bench: StorageBench): Promise<void> {
  return onGround(bench, (ground) => measureRestart(bench, ground));
}

/** A cluster with the data in it. */
async function onGround(bench: StorageBench, measure: (ground: Ground) => Promise<void>): Promise<void> {
  const keys = Math.round(KEYS * bench.scale);
  const poolBytes = Math.max(POOL_BYTES_MIN, Math.round(POOL_BYTES * bench.scale));
  const requests = Math.max(REQUESTS_MIN, Math.round(REQUESTS * bench.scale));
  const folder = bench.folder ?? mkdtempSync(join(tmpdir(), 'talus-cold-'));
  mkdirSync(folder, { recursive: true });
  const cluster = await BenchCluster.start({
    slots: SLOTS,
    environment: { TALUS_POOL_BYTES: `${poolBytes}` },
    folder,
  });
  try {
    await load(bench, cluster, keys, join(folder, `loaded-${keys}`));
    await measure({ cluster, keys, poolBytes, requests });
  } finally {
    await cluster.stop();
    if (bench.folder === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

async function load(bench: StorageBench, cluster: BenchCluster, keys: number, mark: string): Promise<void> {
  if (existsSync(mark)) return;
  const startMs = performance.now();
  const clients = await cluster.clients();
  const loader = new Loader(cluster, clients, keys);
  await loader.run();
  const errors = errorsOf(clients);
  if (errors !== '') throw new Error(`loading: ${errors}`);
  for (const client of clients) client.close();
  const seconds = (performance.now() - startMs) / 1000;
  await cluster.written();
  const { totalBytes } = cluster.memory.take();
  const rate = `${(keys / seconds).toFixed(0)}/s`;
  bench.report.line(
    `loaded ${keys} keys in ${seconds.toFixed(0)} s, ${rate}; resident at most ${mebibytes(totalBytes)}`,
  );
  writeFileSync(mark, '');
}

/** Each key once, in MSETs of keys of one slot, sent to the slot's leader. */
class Loader {
  private readonly waiting: string[][];
  private readonly value = 'v'.repeat(VALUE_BYTES);
  private number = 0;

  constructor(
    private readonly cluster: BenchCluster,
    private readonly clients: readonly PipelinedClient[],
    private readonly keys: number,
  ) {
    this.waiting = Array.from({ length: cluster.slots }, () => []);
  }

  async run(): Promise<void> {
    const drive = async (): Promise<void> => {
      for (let slot = this.nextFull(); slot !== undefined; slot = this.nextFull()) await this.send(slot);
    };
    await Promise.all(Array.from({ length: COMMANDS_OUT * this.clients.length }, drive));
    for (let slot = 0; slot < this.cluster.slots; slot++)
      if (this.waiting[slot]!.length > 0) await this.send(slot);
  }

  /** A slot that has enough keys for a command. */
  private nextFull(): number | undefined {
    while (this.number < this.keys) {
      const key = benchmarkKey(this.number++);
      const slot = this.cluster.slotOf(key);
      if (this.waiting[slot]!.push(key) === KEYS_A_COMMAND) return slot;
    }
    return undefined;
  }

  private async send(slot: number): Promise<void> {
    const keys = this.waiting[slot]!;
    this.waiting[slot] = [];
    const words = keys.flatMap((key) => [key, this.value]);
    await this.clients[this.cluster.leaderOfSlot(slot) - 1]!.send(command('MSET', ...words));
  }
}

interface Measured {
  readonly name: string;
  readonly range: 'hot' | 'cold';
  readonly load: Load;
}

async function measureCold(bench: StorageBench, ground: Ground): Promise<void> {
  const { report } = bench;
  const { keys, poolBytes, cluster } = ground;
  const rows: string[][] = [];
  let peakBytes = 0;
  for (const one of loadsOf(ground)) {
    await cluster.written();
    await cluster.probeAll();
    cluster.memory.take();
    const figures = await figuresOf(one.load, cluster.talus.port);
    const probes = await cluster.probeAll();
    const peak = cluster.memory.take();
    peakBytes = Math.max(peakBytes, peak.totalBytes);
    const loopMs = Math.max(...probes.map(({ delays }) => quantileOfCounts(delays, 0.999)));
    const worstMs = Math.max(...probes.map(({ delays }) => quantileOfCounts(delays, 1)));
    const memory = `${mebibytes(peak.totalBytes)} (own ${mebibytes(peak.ownBytes)})`;
    const gcMs = Math.max(...probes.map(({ gcMaxMs }) => gcMaxMs));
    report.line(
      `${one.name.padEnd(10)} ${figures.perSecond.toFixed(0)}/s, p50 ${figures.p50Ms} p99 ${figures.p99Ms} max ${figures.maxMs} ms; ` +
        `event loop p99.9 ${loopMs} max ${worstMs} ms, longest GC ${gcMs.toFixed(0)} ms; resident ${memory}`,
    );
    rows.push([
      one.name,
      figures.perSecond.toFixed(0),
      `${figures.p50Ms}`,
      `${figures.p99Ms}`,
      `${loopMs}`,
      mebibytes(peak.totalBytes),
      mebibytes(peak.ownBytes),
    ]);
    if (one.range === 'cold')
      report.goal(`event-loop delay p99.9, ${one.name}`, loopMs, LOOP_P999_MS_MAX, 'ms');
  }
  const beyond = (peakBytes - poolBytes) / 1e6;
  report.goal('resident memory of a node beyond its pool', beyond, BEYOND_POOL_BYTES_MAX / 1e6, 'MB');
  bench.save(
    [
      `${keys} keys of ${VALUE_BYTES} bytes, ${SLOTS} slots, 3 replicas on 3 nodes, pool-bytes ${mebibytes(poolBytes)}`,
      `${CLIENTS} clients through node 1; hot: ${HOT_KEYS} keys, cold: all keys`,
    ],
    ['load', 'requests/s', 'p50 ms', 'p99 ms', 'event loop p99.9 ms', 'resident', 'of it own'],
    rows,
  );
}

function loadsOf({ keys, requests }: Ground): readonly Measured[] {
  const load = (command: 'get' | 'set', range: 'hot' | 'cold', pipeline: number): Measured => {
    const name = `${command.toUpperCase()} ${range}${pipeline > 1 ? ` x ${pipeline}` : ''}`;
    const drawn = range === 'hot' ? Math.min(HOT_KEYS, keys) : keys;
    const shape = { clients: CLIENTS, pipeline, requests, keys: drawn, valueBytes: VALUE_BYTES };
    return { name, range, load: { name, command, ...shape } };
  };
  return [
    load('get', 'hot', 1),
    load('set', 'hot', 1),
    load('get', 'cold', 1),
    load('set', 'cold', 1),
    load('get', 'cold', 16),
    load('set', 'cold', 16),
  ];
}

async function measureRestart(
  bench: StorageBench,
  { cluster, keys, poolBytes, requests }: Ground,
): Promise<void> {
  const rows: string[][] = [];
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    const times: number[] = [];
    for (let round = 0; round < RESTARTS; round++) {
      const shape = { clients: CLIENTS, pipeline: 16, requests, keys, valueBytes: VALUE_BYTES };
      await figuresOf({ name: 'writes before', command: 'set', ...shape }, cluster.talus.port);
      times.push(await restart(cluster, 3, name));
    }
    const binlogBytes = await cluster.talus.metric(3, 'talus_binlog_bytes');
    const list = times.map((ms) => ms.toFixed(0)).join(', ');
    bench.report.line(`after ${name}: ready after ${list} ms; binlog ${mebibytes(binlogBytes)}`);
    bench.report.goal(
      `restart after ${name}, the longest of ${RESTARTS}`,
      Math.max(...times),
      READY_MS_MAX,
      'ms',
    );
    rows.push([name, quantile(times, 0.5).toFixed(0), quantile(times, 1).toFixed(0), mebibytes(binlogBytes)]);
  }
  bench.save(
    [
      `${keys} keys of ${VALUE_BYTES} bytes, pool-bytes ${mebibytes(poolBytes)}; ${requests} cold SETs before each restart`,
      'from the start of the process to /readyz; the other two nodes serve',
    ],
    ['stopped by', 'median ms', 'longest ms', 'binlog'],
    rows,
  );
}

async function restart(cluster: BenchCluster, node: number, name: 'SIGTERM' | 'SIGKILL'): Promise<number> {
  const pid = cluster.pid(node);
  signal(pid, name);
  if (!(await waitUntil(() => !isAlive(pid), BACK_MS_MAX))) throw new Error(`node-${node} does not stop`);
  const startMs = performance.now();
  cluster.talus.startAgain(`node-${node}`);
  const isBack = await waitUntil(() => cluster.talus.isReady(node), BACK_MS_MAX, 10);
  if (!isBack) throw new Error(`node-${node} is not back after ${BACK_MS_MAX} ms`);
  const tookMs = performance.now() - startMs;
  await cluster.learnLeaders();
  return tookMs;
}
