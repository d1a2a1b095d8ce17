/**
 * Sees to it that slot time moves on when keys have come of age: their deaths are logged, also where nobody writes.
 *
 * One entry removes a bounded number of keys, so the next is wanted at once while more are due; clients' writes go into the same
 * entries, and the event loop has its turn between two.
 */
import type { ExpiryWindow } from './expiry.js';
import type { SlotClock } from './stamp.js';
import type { SlotState } from './state.js';

export interface DueKeysHost {
  readonly isLeader: boolean;
  readonly appliedTo: { readonly index: number };
  wake(): void;
}

/** Of the proposals, what this needs. */
export interface ClockEntries {
  wantClock(): void;
  /** None that moves slot time is on its way. */
  isIdleAt(appliedIndex: number): boolean;
}

export class DueKeys {
  constructor(
    private readonly state: SlotState,
    private readonly clock: SlotClock,
    private readonly entries: ClockEntries,
    private readonly host: DueKeysHost,
  ) {}

  /** A read met a key that is dead but not removed: an entry stamped later will. False: only the leader can log one. */
  wantClock(): boolean {
    if (!this.host.isLeader) return false;
    this.entries.wantClock();
    this.host.wake();
    return true;
  }

  /** Keys may come of age here, and this replica would have to say so. */
  get isWatching(): boolean {
    return this.host.isLeader && this.expiry.nextMs !== Number.POSITIVE_INFINITY;
  }

  /** Keys are due and nothing else moves slot time: a clock entry will. */
  look(): void {
    if (!this.isWatching) return;
    this.expiry.tidy(this.state.judgeDue);
    const isIdle = this.entries.isIdleAt(this.host.appliedTo.index);
    if (isIdle && this.expiry.nextMs <= this.clock.nowMs()) this.wantClock();
  }

  /** It removed as many as one may: those that are left wait for no tick. */
  entryApplied(): void {
    if (this.expiry.nextMs <= this.clock.lastStampMs) this.look();
  }

  private get expiry(): ExpiryWindow {
    return this.state.expiry;
  }
}
