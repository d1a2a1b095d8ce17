/**
 * An Env whose time passes only when a test says so. Promises settle between timers.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { type Env, silentLog } from '../../src/env.js';
import { seededRandom } from '../../src/random.js';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class VirtualClock {
  private nowMs = 0;
  private order = 0;
  private queue: Due[] = [];

  /** Each process has its own: after `crash`, nothing of it runs any more. */
  env(seed: number): { readonly env: Env; crash(): void } {
    let alive = true;
    const after: Env['after'] = (delayMs, run) => {
      const due: Due = { atMs: this.nowMs + delayMs, order: this.order++, run: () => alive && run() };
      this.queue.push(due);
      return { cancel: () => this.remove(due) };
    };
    const env: Env = {
      monotonicMs: () => this.nowMs,
      wallMs: () => 1_700_000_000_000 + this.nowMs,
      after,
      defer: (run) => void after(0, run),
      random: seededRandom(seed),
      log: silentLog,
    };
    const crash = (): void => {
      alive = false;
    };
    return { env, crash };
  }

  /** Runs everything that falls due within `durationMs`. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.nowMs + durationMs;
    for (;;) {
      await turn();
      const next = this.earliest();
      if (next === undefined || next.atMs > endMs) break;
      this.remove(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = endMs;
  }

  /** Lets time pass until `promise` has settled. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    for (let round = 0; round < 10_000 && !settled; round++) await this.pass(1);
    return promise;
  }

  private remove(due: Due): void {
    this.queue = this.queue.filter((other) => other !== due);
  }

  private earliest(): Due | undefined {
    return this.queue.reduce<Due | undefined>((best, due) => {
      if (best === undefined) return due;
      return due.atMs < best.atMs || (due.atMs === best.atMs && due.order < best.order) ? due : best;
    }, undefined);
  }
}
