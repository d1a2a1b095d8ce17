/**
 * Loaded into each node's process (`NODE_OPTIONS=--import`) to profile it from inside: the shipped build runs, and nothing in src knows.
 *
 * SIGUSR2 begins a window, and the next one ends it. TALUS_PROFILE_KINDS says what the windows are of, in turn: `cpu,heap`, the
 * processor and allocations, or `lag`, the event loop alone, which costs next to nothing. What a window saw is written as
 * `<node>-<kind>.json` into TALUS_PROFILE_DIR, whole or not at all.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { type HeapProfiler, type Profiler, Session } from 'node:inspector';
import { basename, dirname, join } from 'node:path';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

/** How late the event loop was. */
export interface LagMs {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface LagWindow {
  readonly kind: 'lag';
  readonly elapsedMs: number;
  readonly lagMs: LagMs;
}

export interface CpuWindow {
  readonly kind: 'cpu';
  readonly elapsedMs: number;
  /** Of the whole process, its threads too. */
  readonly userMs: number;
  readonly systemMs: number;
  readonly profile: Profiler.Profile;
  readonly lagMs: LagMs;
  readonly collections: number;
  readonly collectionMs: number;
}

export interface HeapWindow {
  readonly kind: 'heap';
  readonly elapsedMs: number;
  readonly profile: HeapProfiler.SamplingHeapProfile;
}

type End = () => Promise<CpuWindow | HeapWindow | LagWindow>;

const CPU_SAMPLE_US = 500;
const HEAP_SAMPLE_BYTES = 16_384;
const LAG_LOOK_MS = 2;

const folder = process.env.TALUS_PROFILE_DIR;
if (folder !== undefined && process.argv[2] === 'node') listen(folder, nodeName());

/** Its folder is called as it is. */
function nodeName(): string {
  return basename(dirname(process.argv[process.argv.indexOf('--config') + 1] ?? ''));
}

function listen(folder: string, name: string): void {
  const session = new Session();
  session.connect();
  const begin: Readonly<Record<string, (session: Session) => End>> = {
    cpu: beginCpu,
    heap: beginHeap,
    lag: beginLag,
  };
  const kinds = (process.env.TALUS_PROFILE_KINDS ?? 'cpu,heap').split(',');
  let turn = 0;
  let end: End | undefined;
  process.on('SIGUSR2', () => {
    if (end === undefined) {
      end = begin[kinds[turn++ % kinds.length]!]!(session);
      return;
    }
    const ended = end();
    end = undefined;
    void ended.then((window) => {
      const file = join(folder, `${name}-${window.kind}.json`);
      writeFileSync(`${file}.part`, JSON.stringify(window));
      renameSync(`${file}.part`, file);
    });
  });
}

/** Answers the function that ends it. */
function watchLag(): () => LagMs {
  const lag = monitorEventLoopDelay({ resolution: LAG_LOOK_MS });
  lag.enable();
  // What it tells is the time between two looks.
  const at = (percent: number): number => Math.max(0, lag.percentile(percent) / 1e6 - LAG_LOOK_MS);
  return () => {
    lag.disable();
    return { p50: at(50), p99: at(99), p999: at(99.9), max: Math.max(0, lag.max / 1e6 - LAG_LOOK_MS) };
  };
}

function beginLag(): End {
  const startMs = performance.now();
  const lag = watchLag();
  return async () => ({ kind: 'lag', elapsedMs: performance.now() - startMs, lagMs: lag() });
}

function beginCpu(session: Session): () => Promise<CpuWindow> {
  const lag = watchLag();
  let collections = 0;
  let collectionMs = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      collections++;
      collectionMs += duration;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: CPU_SAMPLE_US });
  session.post('Profiler.start');
  const startMs = performance.now();
  const before = process.cpuUsage();
  return () =>
    new Promise((resolve, reject) => {
      const { user, system } = process.cpuUsage(before);
      const elapsedMs = performance.now() - startMs;
      const lagMs = lag();
      observer.disconnect();
      session.post('Profiler.stop', (error, { profile }) => {
        if (error !== null) return reject(error);
        const times = { elapsedMs, userMs: user / 1000, systemMs: system / 1000 };
        resolve({ kind: 'cpu', ...times, profile, lagMs, collections, collectionMs });
      });
    });
}

/** What was thrown away since counts too: the question is who makes the collector work. */
function beginHeap(session: Session): () => Promise<HeapWindow> {
  const options = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true };
  session.post('HeapProfiler.startSampling', { samplingInterval: HEAP_SAMPLE_BYTES, ...options });
  const startMs = performance.now();
  return () =>
    new Promise((resolve, reject) => {
      session.post('HeapProfiler.stopSampling', (error, { profile }) => {
        if (error !== null) reject(error);
        else resolve({ kind: 'heap', elapsedMs: performance.now() - startMs, profile });
      });
    });
}
