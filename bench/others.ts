/**
 * Other clients, at a fixed pace: half GET, half SET, on keys of every slot. How long each took counts from when it was due, so that a
 * stand-still is felt by every request that would have come in it, and not by one alone.
 */
import type { PipelinedClient } from './pipeline.js';
import { command, errorsOf } from './pipeline.js';
import { quantile } from './report.js';

const STEP_MS = 5;
const A_STEP = 10;
export const OTHERS_PER_SECOND = (1000 / STEP_MS) * A_STEP;
const KEYS = 10_000;
const VALUE = 'v'.repeat(200);

export interface OthersFigures {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly errors: string;
}

export class Others {
  private times: number[] = [];
  private sent = 0;
  private over = false;
  private failure: unknown;
  private readonly running: Promise<void>;

  constructor(private readonly clients: readonly PipelinedClient[]) {
    this.running = this.drive();
  }

  /** Since they were last asked. */
  take(): OthersFigures {
    const { times } = this;
    this.times = [];
    const [p50Ms, p99Ms, maxMs] = [quantile(times, 0.5), quantile(times, 0.99), quantile(times, 1)];
    return { count: times.length, p50Ms, p99Ms, maxMs, errors: errorsOf(this.clients) };
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.running;
    for (const client of this.clients) client.close();
    if (this.failure !== undefined) throw this.failure;
  }

  private async drive(): Promise<void> {
    for (let dueMs = performance.now(); !this.over; dueMs += STEP_MS) {
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      for (let at = 0; at < A_STEP; at++) this.send(dueMs);
    }
  }

  private send(dueMs: number): void {
    const number = ++this.sent;
    const key = `other:${(number * 7919) % KEYS}`;
    const bytes = number % 2 === 0 ? command('GET', key) : command('SET', key, VALUE);
    const client = this.clients[number % this.clients.length]!;
    client.send(bytes, dueMs).then(
      (tookMs) => this.times.push(tookMs),
      (why: unknown) => {
        // Those whose connection was closed at the end are no failure.
        if (!this.over) this.failure ??= why;
      },
    );
  }
}

export function othersLine({ p50Ms, p99Ms, maxMs, count, errors }: OthersFigures): string {
  const times = `p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)}, max ${maxMs.toFixed(1)} ms of ${count}`;
  return errors === '' ? times : `${times}; errors: ${errors}`;
}
