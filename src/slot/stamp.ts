/**
 * Slot time: what an entry is stamped with and what a read sees.
 *
 * It is the newest stamp plus monotonic time since it was made, slewed towards the wall clock by at most a tenth of the time that
 * passed, and never backwards, also across leaders (each observes the stamps that it applies). A leader counts from where it
 * made a stamp, not from where it applied it: else every entry would cost slot time its own way to the disks. A stamp
 * replayed after a restart, or come with a snapshot, says nothing about the time since; then, and only then, time may step
 * forward to the wall clock.
 */
import type { Env } from '../env.js';

const SLEW = 0.1;

export class SlotClock {
  /** The newest stamp applied. */
  private stampMs = 0;
  /** Slot time was this, fraction included, ... */
  private anchorMs = 0;
  /** ... when the monotonic clock showed this. */
  private anchoredAtMs = 0;
  private elapsedKnown = false;
  /** The newest time that was given out: the floor of the next. */
  private givenMs = 0;

  constructor(private readonly env: Env) {}

  get lastStampMs(): number {
    return this.stampMs;
  }

  /** An entry with this stamp was applied. `live`: just now, not replayed from disk, nor a snapshot's. */
  observe(stampMs: number, live: boolean): void {
    if (stampMs < this.stampMs) return;
    this.stampMs = stampMs;
    this.givenMs = Math.max(this.givenMs, stampMs);
    // A stamp of our own was the anchor already when it was made.
    if (stampMs > this.anchorMs) this.anchor(stampMs, live);
  }

  /** The state went back to one with this newest stamp. Times that were given out stay the floor of those to come. */
  wentBack(stampMs: number): void {
    this.stampMs = stampMs;
  }

  /** For a new entry of ours: nowMs, and time counts from here. */
  stamp(): number {
    const nowMs = this.nowMs();
    this.anchor(Math.max(nowMs, this.slewed()), true);
    return nowMs;
  }

  /** Whole milliseconds; at least every time given before. */
  nowMs(): number {
    this.givenMs = Math.max(this.givenMs, Math.floor(this.slewed()));
    return this.givenMs;
  }

  private anchor(slotMs: number, elapsedKnown: boolean): void {
    this.anchorMs = slotMs;
    this.anchoredAtMs = this.env.monotonicMs();
    this.elapsedKnown = elapsedKnown;
  }

  private slewed(): number {
    const wallMs = this.env.wallMs();
    const elapsedMs = this.env.monotonicMs() - this.anchoredAtMs;
    const expectedMs = this.anchorMs + elapsedMs;
    if (!this.elapsedKnown) return Math.max(expectedMs, wallMs);
    const driftMs = wallMs - expectedMs;
    return expectedMs + Math.max(-SLEW * elapsedMs, Math.min(SLEW * elapsedMs, driftMs));
  }
}
