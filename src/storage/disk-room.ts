/**
 * Does a write again that found the disk full, when there may be room: at every sample of the gauge that shows some.
 *
 * Between two attempts what was begun is undone, so that the write is done whole or not at all, and nothing is on the disk that was
 * never acknowledged. Only want of room is waited for; every other failure, and every failure to undo, is the caller's.
 */
import { DiskFull, isDiskFull } from './disk-full.js';
import type { DiskGauge } from './disk-gauge.js';

interface Waiting {
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (why: Error) => void;
}

export class DiskRoom {
  private waiting: Waiting | undefined;
  private closed = false;

  constructor(private readonly gauge: DiskGauge) {}

  /** One at a time. `bytes`: what it is going to write. */
  async write<Result>(
    bytes: number,
    work: () => Promise<Result>,
    undo: () => Promise<void>,
  ): Promise<Result> {
    try {
      for (;;) {
        const result = await this.attempt(work, undo);
        if (result !== undefined) return result.value;
        await this.untilRoomFor(bytes);
      }
    } finally {
      this.gauge.starved = false;
    }
  }

  /** Takes a sample; what waits tries again when it shows room. */
  async look(): Promise<void> {
    await this.gauge.sample();
    const { waiting } = this;
    if (waiting === undefined || this.gauge.freeBytes < waiting.bytes) return;
    this.waiting = undefined;
    waiting.resolve();
  }

  /** What waits is given up, and nothing waits any more. */
  close(): void {
    this.closed = true;
    this.waiting?.reject(new DiskFull('closed while the disk was full'));
    this.waiting = undefined;
  }

  private async attempt<Result>(
    work: () => Promise<Result>,
    undo: () => Promise<void>,
  ): Promise<{ readonly value: Result } | undefined> {
    try {
      return { value: await work() };
    } catch (why) {
      if (!isDiskFull(why)) throw why;
    }
    this.gauge.starved = true;
    await undo();
    return undefined;
  }

  private untilRoomFor(bytes: number): Promise<void> {
    if (this.closed) return Promise.reject(new DiskFull('the disk is full'));
    return new Promise((resolve, reject) => {
      this.waiting = { bytes, resolve, reject };
    });
  }
}
