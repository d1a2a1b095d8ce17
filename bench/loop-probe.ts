/**
 * Rides along in a node process (`NODE_OPTIONS=--import`) and measures what only the process itself can: how late its event loop
 * is, and how long handlers run. Nothing in src/ knows of it.
 *
 * - A timer that is due every STEP_MS notes how late it is. A stand-still of 100 ms is one late timer, but twenty moments at
 *   which a request could have come: it is counted as 100, 95, 90 ms and so on. So a percentile is a share of time, and is
 *   stricter than the node's own metric (`nodejs_eventloop_lag_p99_seconds`), which counts a stand-still once and has steps
 *   of 10 ms.
 * - A read's handler, and the whole application of an entry, are timed in microseconds, under the name of the entry's first
 *   command. Loads from the engine lie between two runs and are in neither.
 *
 * SIGUSR2 writes all that was counted since the last time to `$TALUS_PROBE/<pid>.json`, and counting begins anew.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { stateMachine } from '../src/commands/state-machine.js';
import { EntryRun } from '../src/slot/apply.js';

/** What one dump says; counts by whole milliseconds of delay, and by whole microseconds of run. */
export interface ProbeDump {
  readonly sequence: number;
  readonly delays: Readonly<Record<string, number>>;
  readonly runs: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly gcCount: number;
  readonly gcMaxMs: number;
  readonly gcMs: number;
  readonly memory: NodeJS.MemoryUsage;
}

const STEP_MS = 5;

class Counts {
  private counts = new Map<number, number>();

  add(value: number): void {
    const at = Math.max(0, Math.floor(value));
    this.counts.set(at, (this.counts.get(at) ?? 0) + 1);
  }

  take(): Record<string, number> {
    const taken = Object.fromEntries(this.counts);
    this.counts = new Map();
    return taken;
  }
}

const delays = new Counts();
let runs = new Map<string, Counts>();
let sequence = 0;
let gc = { count: 0, ms: 0, maxMs: 0 };

function lookAtTheLoop(dueMs: number): void {
  setTimeout(
    () => {
      const nowMs = performance.now();
      for (let lateMs = nowMs - dueMs; lateMs >= 0; lateMs -= STEP_MS) delays.add(lateMs);
      lookAtTheLoop(nowMs + STEP_MS);
    },
    Math.max(1, dueMs - performance.now()),
  ).unref();
}

function note(name: string, startMs: number): void {
  let counts = runs.get(name);
  if (counts === undefined) {
    counts = new Counts();
    runs.set(name, counts);
  }
  counts.add((performance.now() - startMs) * 1000);
}

function timeHandlers(): void {
  const { read } = stateMachine;
  stateMachine.read = (view, argv, context) => {
    const startMs = performance.now();
    try {
      return read(view, argv, context);
    } finally {
      note(argv[0]!.toString('latin1').toUpperCase(), startMs);
    }
  };
  // biome-ignore lint/suspicious/noExplicitAny: the method is wrapped whatever its replies are.
  const prototype = EntryRun.prototype as EntryRun<any>;
  const { go } = prototype;
  prototype.go = function timed() {
    const startMs = performance.now();
    try {
      return go.call(this);
    } finally {
      const name = this.entry.groups[0]?.commands[0]?.[0];
      note(name?.toString('latin1').toUpperCase() ?? 'CLOCK', startMs);
    }
  };
}

function dump(folder: string): void {
  const taken: ProbeDump = {
    sequence: ++sequence,
    delays: delays.take(),
    runs: Object.fromEntries([...runs].map(([name, counts]) => [name, counts.take()])),
    gcCount: gc.count,
    gcMs: gc.ms,
    gcMaxMs: gc.maxMs,
    memory: process.memoryUsage(),
  };
  runs = new Map();
  gc = { count: 0, ms: 0, maxMs: 0 };
  const file = join(folder, `${process.pid}.json`);
  // Whole or not at all for whoever waits for it.
  writeFileSync(`${file}.new`, JSON.stringify(taken));
  renameSync(`${file}.new`, file);
}

const folder = process.env.TALUS_PROBE;
if (folder !== undefined) {
  mkdirSync(folder, { recursive: true });
  lookAtTheLoop(performance.now() + STEP_MS);
  timeHandlers();
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      gc = { count: gc.count + 1, ms: gc.ms + duration, maxMs: Math.max(gc.maxMs, duration) };
    }
  }).observe({ entryTypes: ['gc'] });
  process.on('SIGUSR2', () => dump(folder));
}
