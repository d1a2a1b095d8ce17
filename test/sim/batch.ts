/**
 * Many seeds on several cores: worker threads take one after the other; what they report is handed on in the order of the seeds.
 *
 * A run that does not end (an endless loop has no virtual time) is ended with its worker and is a failure.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { RunOptions, RunResult } from './simulate.js';

export interface Job {
  readonly seed: number;
  /** Data only: it goes to a worker. */
  readonly options: Omit<RunOptions, 'say'>;
  /** Each seed runs again and must leave the same trace. */
  readonly twice: boolean;
}

export type Report = { readonly seed: number } & (
  | { readonly kind: 'ran'; readonly result: RunResult }
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly report: string;
      readonly faults: readonly string[];
    }
);

export interface BatchOptions {
  readonly jobs: Iterable<Job>;
  readonly workers?: number;
  /** Compiled; of another copy of the program when its bugs are looked for. */
  readonly workerFile?: URL;
  /** In the order of the jobs; true: no more are wanted. */
  readonly take: (report: Report) => boolean;
}

/** Real seconds; a run takes one or two. */
const RUN_MS_MAX = 120_000;
const WORKER = new URL('./worker.js', import.meta.url);

export function runBatch(options: BatchOptions): Promise<void> {
  return new Batch(options).run();
}

class Batch {
  private readonly jobs: Iterator<Job>;
  private readonly reports = new Map<number, Report>();
  private handedOut = 0;
  private taken = 0;
  private over = false;
  private readonly workers = new Set<Worker>();

  constructor(private readonly options: BatchOptions) {
    this.jobs = options.jobs[Symbol.iterator]();
  }

  async run(): Promise<void> {
    const count = Math.max(1, this.options.workers ?? availableParallelism());
    try {
      await Promise.all(Array.from({ length: count }, () => this.work()));
    } finally {
      for (const worker of this.workers) await worker.terminate();
    }
  }

  private async work(): Promise<void> {
    let worker: Worker | undefined;
    for (let next = this.jobs.next(); !next.done && !this.over; next = this.jobs.next()) {
      const place = this.handedOut++;
      worker ??= this.hire();
      const report = await this.give(worker, next.value);
      if (report === undefined) {
        await this.dismiss(worker);
        worker = undefined;
      }
      this.reports.set(place, report ?? endless(next.value.seed));
      this.handOn();
    }
    if (worker !== undefined) await this.dismiss(worker);
  }

  /** undefined: it never came. */
  private give(worker: Worker, job: Job): Promise<Report | undefined> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(undefined), RUN_MS_MAX);
      worker.removeAllListeners();
      worker.once('message', (report: Report) => {
        clearTimeout(timer);
        resolve(report);
      });
      worker.once('error', reject);
      worker.postMessage(job);
    });
  }

  private hire(): Worker {
    const worker = new Worker(this.options.workerFile ?? WORKER);
    this.workers.add(worker);
    return worker;
  }

  private async dismiss(worker: Worker): Promise<void> {
    this.workers.delete(worker);
    await worker.terminate();
  }

  private handOn(): void {
    for (let report = this.reports.get(this.taken); report !== undefined; ) {
      this.reports.delete(this.taken++);
      if (!this.over && this.options.take(report)) this.over = true;
      report = this.reports.get(this.taken);
    }
  }
}

function endless(seed: number): Report {
  return {
    seed,
    kind: 'failed',
    message: 'the run did not end',
    report: '',
    faults: [],
  };
}

export function* jobsOf(first: number, count: number, options: Job['options'], twice = true): Generator<Job> {
  for (let seed = first; seed < first + count; seed++) yield { seed, options, twice };
}
