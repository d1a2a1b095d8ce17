/**
 * Many callers' reads as few: what is asked for while others are under way goes together, in the order asked.
 *
 * A read is a job for a thread of the pool and a callback for the event loop, whatever it reads. A key apiece, hundreds of them at
 * once, is more threads than cores, and what they take from the event loop is more than what they read.
 */
import { invariant } from '../assert.js';

/** Under way at once: where the disk is slow they wait for it side by side; where all is in memory more would only contend. */
const READS_MAX = 4;
/** A read takes at least so many keys before a second one begins beside it, ... */
const KEYS_MIN = 8;
/** ... and no more than so many, or one request of as many: whoever comes next waits that long. */
const KEYS_MAX = 64;

type Rows = readonly (Buffer | undefined)[];

interface Asked {
  readonly keys: readonly Buffer[];
  readonly resolve: (rows: Rows) => void;
  readonly reject: (why: unknown) => void;
}

export class ReadGatherer {
  private waiting: Asked[] = [];
  private waitingKeys = 0;
  private underWay = 0;
  private scheduled = false;
  private readonly drained: (() => void)[] = [];

  /** `read` answers in the order asked; where it rejects, all that went together are rejected. */
  constructor(private readonly read: (keys: readonly Buffer[]) => Promise<Rows>) {}

  get(keys: readonly Buffer[]): Promise<Rows> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ keys, resolve, reject });
      this.waitingKeys += keys.length;
      if (this.scheduled || this.underWay >= READS_MAX) return;
      this.scheduled = true;
      // Not at once: others ask in the same turn.
      queueMicrotask(() => {
        this.scheduled = false;
        this.start();
      });
    });
  }

  /** Resolves when nothing is asked for any more. */
  async settled(): Promise<void> {
    while (this.waiting.length + this.underWay > 0) {
      await new Promise<void>((resolve) => this.drained.push(resolve));
    }
  }

  private start(): void {
    while (this.waiting.length > 0 && this.underWay < READS_MAX) void this.run(this.take());
  }

  private take(): readonly Asked[] {
    const share = Math.ceil(this.waitingKeys / (READS_MAX - this.underWay));
    const wanted = Math.min(KEYS_MAX, Math.max(KEYS_MIN, share));
    let count = 0;
    let keys = 0;
    while (count < this.waiting.length && (count === 0 || keys + this.waiting[count]!.keys.length <= wanted))
      keys += this.waiting[count++]!.keys.length;
    this.waitingKeys -= keys;
    const taken = this.waiting.slice(0, count);
    this.waiting = this.waiting.slice(count);
    return taken;
  }

  private async run(asked: readonly Asked[]): Promise<void> {
    this.underWay++;
    try {
      const keys = asked.length === 1 ? asked[0]!.keys : asked.flatMap((each) => each.keys);
      const rows = await this.read(keys);
      invariant(rows.length === keys.length, 'a row for each key', { rows: rows.length, keys: keys.length });
      let at = 0;
      for (const { keys: own, resolve } of asked) {
        resolve(rows.slice(at, at + own.length));
        at += own.length;
      }
    } catch (why) {
      for (const each of asked) each.reject(why);
    }
    this.underWay--;
    this.start();
    if (this.waiting.length + this.underWay === 0) for (const resolve of this.drained.splice(0)) resolve();
  }
}
