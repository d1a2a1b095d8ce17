/**
 * The Env of one life of one process: virtual time as this process sees it, its own dice, its timers.
 *
 * - Its monotonic clock has its own origin and runs at its own rate; its wall clock is off by an amount that faults may change.
 * - After `kill` no callback ever fires, whatever asked for it: code of the dead process may still run to its next await
 *   (the crash came within an event) but can't touch the world.
 * - Deferred calls keep the order in which they were asked for.
 */
import type { Env, Log, Timer } from '../../src/env.js';
import type { Random } from '../../src/random.js';
import type { Owner, Scheduler } from './scheduler.js';

/** What a machine's clocks are like; `wallOffsetMs` may be changed while it runs. */
export interface MachineClock {
  readonly rate: number;
  wallOffsetMs: number;
}

const EPOCH_MS = 1_700_000_000_000;
/** A turn of a busy event loop. */
const DEFER_US_MAX = 30;
/** Timers are late now and then. */
const LATE_US_MAX = 3000;

export class ProcessLife implements Env, Owner {
  alive = true;
  pausedUntilUs = 0;
  pendingEvents = 0;
  private readonly bornUs: number;
  private readonly originMs: number;
  private readonly deferred: (() => void)[] = [];

  constructor(
    private readonly scheduler: Scheduler,
    /** Of the machine, and of the life: `machine * 1000 + life`. */
    readonly ownerId: number,
    private readonly clock: MachineClock,
    readonly random: Random,
    readonly log: Log,
  ) {
    this.bornUs = scheduler.nowUs;
    this.originMs = random.below(1_000_000);
  }

  monotonicMs(): number {
    return this.originMs + ((this.scheduler.nowUs - this.bornUs) * this.clock.rate) / 1000;
  }

  wallMs(): number {
    return EPOCH_MS + this.scheduler.nowMs + this.clock.wallOffsetMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const lateUs = this.random.below(64) === 0 ? this.random.below(LATE_US_MAX) : 0;
    const delayUs = Math.ceil((Math.max(0, delayMs) * 1000) / this.clock.rate) + 1 + lateUs;
    return this.scheduler.after(delayUs, 'timer', this, run);
  }

  defer(run: () => void): void {
    this.deferred.push(run);
    this.scheduler.after(this.random.below(DEFER_US_MAX), 'defer', this, () => this.deferred.shift()!());
  }

  pause(forUs: number): void {
    this.pausedUntilUs = Math.max(this.pausedUntilUs, this.scheduler.nowUs + forUs);
  }

  kill(): void {
    this.alive = false;
  }
}
