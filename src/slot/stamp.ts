/**
 * Slot time: what an entry is stamped with and what a read sees.
 *
 * It is the last stamp plus monotonic time since, slewed towards the wall clock by at most a tenth of the time that
 * passed, and never backwards, also across leaders (each observes the stamps that it applies). A stamp replayed after a
 * restart says nothing about the time since; then, and only then, time may step forward to the wall clock.
 */
import type { Env } from '../env.js';

const SLEW = 0.1;

export class SlotClock {
  private stampMs = 0;
  private observedAtMs = 0;
  private elapsedKnown = false;
  /** The newest time that was given out: the floor of the next. */
  private givenMs = 0;

  constructor(private readonly env: Env) {}

  get lastStampMs(): number {
    return this.stampMs;
  }

  /** An entry with this stamp was applied. `live`: just now, not replayed from disk. */
  observe(stampMs: number, live: boolean): void {
    if (stampMs < this.stampMs) return;
    this.stampMs = stampMs;
    this.observedAtMs = this.env.monotonicMs();
    this.elapsedKnown = live;
    this.givenMs = Math.max(this.givenMs, stampMs);
  }

  /** Whole milliseconds; at least every time given before. */
  nowMs(): number {
    this.givenMs = Math.max(this.givenMs, Math.floor(this.slewed()));
    return this.givenMs;
  }

  private slewed(): number {
    const wallMs = this.env.wallMs();
    const elapsedMs = this.env.monotonicMs() - this.observedAtMs;
    const expectedMs = this.stampMs + elapsedMs;
    if (!this.elapsedKnown) return Math.max(expectedMs, wallMs);
    const driftMs = wallMs - expectedMs;
    return expectedMs + Math.max(-SLEW * elapsedMs, Math.min(SLEW * elapsedMs, driftMs));
  }
}
