/**
 * A pace in bytes a second, shared by all who ask: each is told how long to wait for its turn.
 */
import type { Env } from '../env.js';

export class Throttle {
  /** What was asked for so far has had its time by then. */
  private freeAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly env: Pick<Env, 'monotonicMs'>,
    private readonly bytesPerSecond: number,
  ) {}

  /** Milliseconds until so many bytes may go. */
  take(bytes: number): number {
    const nowMs = this.env.monotonicMs();
    const startMs = Math.max(nowMs, this.freeAtMs);
    this.freeAtMs = startMs + (bytes / this.bytesPerSecond) * 1000;
    return startMs - nowMs;
  }
}
