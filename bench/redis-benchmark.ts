/**
 * `redis-benchmark` as a function: one load of SET or GET, its requests per second and how long they took; or a load of the
 * bench's own, as far as `redis-benchmark` can serve it.
 */
import { execFile } from 'node:child_process';
import { cpuMs } from '../test/cluster/processes.js';
import { benchmarkWords, commandsOfMix } from './load/commands.js';
import type { LoadPlan, LoadResult } from './load/plan.js';

export interface Load {
  readonly name: string;
  readonly command: 'set' | 'get';
  readonly clients: number;
  readonly pipeline: number;
  readonly requests: number;
  /** Drawn from so many: `key:000000000000` and up. */
  readonly keys?: number;
  readonly valueBytes?: number;
}

export interface LoadFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const KEYS = 100_000;
const VALUE_BYTES = 64;
const CPU_LOOK_MS = 100;
const CALIBRATION_REQUESTS = 2000;

/** A key as redis-benchmark writes it. */
export function benchmarkKey(number: number): string {
  return `key:${String(number).padStart(12, '0')}`;
}

export async function requestsPerSecond(load: Load, port: number | string): Promise<number> {
  return (await figuresOf(load, port)).perSecond;
}

export async function figuresOf(load: Load, port: number | string): Promise<LoadFigures> {
  const args = ['-t', load.command, '-n', load.requests, '-c', load.clients, '-P', load.pipeline];
  const { perSecond, latencyMs } = await run(
    [...args, '-d', load.valueBytes ?? VALUE_BYTES],
    load.keys ?? KEYS,
    port,
  );
  return { perSecond, p50Ms: latencyMs.p50, p99Ms: latencyMs.p99, maxMs: latencyMs.max };
}

/** One kind of command, without WAIT, at its own pace, to one address. */
export function canServe(plan: LoadPlan): boolean {
  const isPlain = !plan.wait && plan.rate === undefined && plan.greeting === undefined;
  return isPlain && plan.targets.length === 1 && commandsOfMix(plan.mix).length === 1;
}

/** It counts requests and not seconds: how many fill the time is found out by a first run, which also warms up. */
export async function runByRedisBenchmark(plan: LoadPlan): Promise<LoadResult> {
  const words = benchmarkWords(commandsOfMix(plan.mix)[0]![0], 'x'.repeat(plan.valueBytes));
  const { port } = plan.targets[0]!;
  const measure = (requests: number): Promise<LoadResult> => {
    const args = ['-n', requests, '-c', plan.connections, '-P', plan.pipeline];
    return run([...args, ...words], plan.keys, port);
  };
  const enough = (rate: number, seconds: number): number =>
    Math.max(plan.connections * plan.pipeline, Math.ceil(rate * seconds));
  const first = await measure(enough(CALIBRATION_REQUESTS, 1));
  const warm = await measure(enough(first.perSecond, plan.warmSeconds));
  return measure(enough(warm.perSecond, plan.seconds));
}

function run(args: readonly (string | number)[], keys: number, port: number | string): Promise<LoadResult> {
  const words = ['-p', port, '-r', keys, '--csv', '--precision', 3, ...args].map(String);
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    let usedMs = 0;
    const child = execFile('redis-benchmark', words, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      clearInterval(look);
      const seconds = (performance.now() - startMs) / 1000;
      const result = resultOf(stdout, seconds, usedMs / 1000 / seconds);
      // It warns on standard error of a server without CONFIG; of an error reply it dies.
      if (result !== undefined && error === null) resolve(result);
      else reject(new Error(`redis-benchmark: ${stderr || stdout || error?.message}`));
    });
    // The kernel forgets a process's time with the process; the last look before its end is near enough.
    const look = setInterval(() => {
      try {
        usedMs = cpuMs(child.pid!);
      } catch {}
    }, CPU_LOOK_MS);
  });
}

/** Of its CSV: test, requests a second, and latencies: average, least, p50, p95, p99, most. */
function resultOf(stdout: string, seconds: number, generatorCpu: number): LoadResult | undefined {
  const row = stdout.trim().split('\n').at(-1) ?? '';
  const numbers = /((?:,?"[\d.]+"){7})$/
    .exec(row)?.[1]
    ?.match(/[\d.]+/g)
    ?.map(Number);
  if (numbers === undefined) return undefined;
  const [perSecond = 0, , , p50 = 0, , p99 = 0, max = 0] = numbers;
  const operations = Math.round(perSecond * seconds);
  // It tells no p99.9.
  return {
    perSecond,
    operations,
    seconds,
    errors: 0,
    latencyMs: { p50, p99, p999: Number.NaN, max },
    generatorCpu,
  };
}
