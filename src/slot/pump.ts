/**
 * Drives all slots of a node: one turn takes what every woken slot has ready, and one binlog batch carries it all.
 *
 * Entries are formed only when no batch is in flight or one just ended, so that what arrives while the disk works goes as
 * one entry a slot; everything else (votes, acks, followers' entries) goes to the binlog at once and shares its next batch. What the
 * disk or a peer tells has its turn in the same callback: another turn of the event loop costs more than most of what is done in it. Save, then send: what depends on a record leaves when its batch is durable. A batch of nothing but what may wait for
 * its sync is in flight until it is written; the sync comes soon, or with the next batch that wants one.
 *
 * Only slots that wait for the clock are looked at every tick; a thousand that rest cost a glance now and then, for keys that
 * have come of age.
 */
import type { Env, Timer } from '../env.js';
import type { Binlog } from '../storage/binlog.js';
import { SaveBatch } from './save-batch.js';
import type { Slot } from './slot.js';

/** Between two looks at slots that rest. */
const RESTING_LOOK_MS = 250;

/** After a write that may wait for its sync: half of the second that is promised, for a sync takes time itself. */
const SYNC_LATER_MS = 500;

export class Pump<R> {
  private readonly slots = new Set<Slot<R>>();
  private woken = new Set<Slot<R>>();
  /** Wait for the clock, or may: looked at every tick. */
  private readonly awake = new Set<Slot<R>>();
  private restingLookMs = 0;
  /** Have something to propose and wait for the batch in flight. */
  private holding = new Set<Slot<R>>();
  private scheduled = false;
  private batchesInFlight = 0;
  private batchEnded = false;
  /** Resolves when everything handed to the binlog so far is durable. */
  private saved: Promise<void> = Promise.resolve();
  private timer: Timer | undefined;
  /** Set while something is written and not synced. */
  private syncTimer: Timer | undefined;
  private closed = false;
  /** Who is woken now has a turn without asking for one. */
  private gathering = false;

  constructor(
    private readonly env: Env,
    private readonly binlog: Binlog,
    private readonly tickMs: number,
    private readonly fatal: (why: unknown) => void,
    /** Messages of this turn may leave. */
    private readonly turnEnded: () => void,
  ) {}

  start(): void {
    const delayMs = this.awake.size > 0 ? this.tickMs : RESTING_LOOK_MS;
    this.timer = this.env.after(delayMs, () => {
      this.timer = undefined;
      this.tick(this.env.monotonicMs());
      if (!this.closed) this.start();
    });
  }

  add(slot: Slot<R>): void {
    this.slots.add(slot);
    this.wake(slot);
  }

  remove(slot: Slot<R>): void {
    this.slots.delete(slot);
    this.woken.delete(slot);
    this.awake.delete(slot);
    this.holding.delete(slot);
  }

  wake(slot: Slot<R>): void {
    if (this.closed || !this.slots.has(slot)) return;
    this.woken.add(slot);
    this.stayAwake(slot);
    if (!this.gathering) this.turnSoon();
  }

  /** Whom `run` wakes, by the frames of one message for instance, have a turn together and at once; what they propose follows. */
  together(run: () => void): void {
    this.gathering = true;
    try {
      run();
    } finally {
      this.gathering = false;
    }
    if (this.woken.size > 0) this.turn(false);
    else this.tookNoTurn();
    this.proposeSoon();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.syncTimer?.cancel();
    this.woken.clear();
  }

  private tick(nowMs: number): void {
    for (const slot of this.awake) {
      const { stillness } = slot;
      if (nowMs < stillness.dueMs && stillness.dueMs !== Number.POSITIVE_INFINITY) continue;
      slot.tick(nowMs);
      if (stillness.isResting && !this.woken.has(slot)) this.awake.delete(slot);
    }
    if (nowMs >= this.restingLookMs) {
      this.restingLookMs = nowMs + RESTING_LOOK_MS;
      for (const slot of this.slots) if (!this.awake.has(slot)) slot.tick(nowMs);
    }
    this.tookNoTurn();
  }

  /** What those said that are still leaves now, or with a turn that is about to come. */
  private tookNoTurn(): void {
    if (!this.closed && !this.scheduled) this.turnEnded();
  }

  /** The clock looks at it; it needs no turn. False: nothing of it may leave any more. */
  stayAwake(slot: Slot<R>): boolean {
    if (this.closed || !this.slots.has(slot)) return false;
    if (this.awake.size === 0 && this.timer !== undefined) {
      // The clock was set for a rest.
      this.timer.cancel();
      this.awake.add(slot);
      this.start();
    } else {
      this.awake.add(slot);
    }
    return true;
  }

  private turnSoon(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.env.defer(() => {
      this.scheduled = false;
      this.turn(true);
    });
  }

  private get mayBegin(): boolean {
    return this.batchesInFlight === 0 || this.batchEnded;
  }

  /** Not in the callback that made it possible: more that can go along may have come in this turn of the event loop. */
  private proposeSoon(): void {
    if (this.holding.size === 0 || this.closed || !this.mayBegin) return;
    for (const slot of this.holding) this.woken.add(slot);
    // Emptied, its old table would keep the new one (churn-map.ts).
    this.holding = new Set();
    this.turnSoon();
  }

  /** `isWhole`: all that came in this turn of the event loop is here, and may go into entries. */
  private turn(isWhole: boolean): void {
    if (this.closed || this.woken.size === 0) return;
    const slots = this.woken;
    this.woken = new Set();
    const proposes = isWhole && this.mayBegin;
    if (isWhole) this.batchEnded = false;
    const batch = new SaveBatch();
    for (const slot of slots) {
      if (proposes) slot.proposeWaiting();
      else if (slot.wantsToPropose) this.holding.add(slot);
      slot.collect(batch);
    }
    if (batch.needsSync) this.saved = this.save(batch);
    else {
      if (!batch.isEmpty) void this.write(batch);
      // Without records of its own a message may still speak of what an earlier batch is writing.
      if (this.batchesInFlight > 0) this.saved = this.follow(this.saved, batch.afterEarlier);
      else for (const done of batch.afterEarlier) done();
    }
    this.turnEnded();
  }

  private async follow(earlier: Promise<void>, afterSave: readonly (() => void)[]): Promise<void> {
    await earlier;
    this.letGo(afterSave);
  }

  private async save(batch: SaveBatch): Promise<void> {
    this.batchesInFlight++;
    try {
      await this.binlog.append(batch.records);
    } catch (why) {
      return this.fail(why);
    }
    this.ended([...batch.afterWrite, ...batch.afterEarlier, ...batch.afterSave]);
  }

  /** Of what may wait for its sync. */
  private async write(batch: SaveBatch): Promise<void> {
    this.batchesInFlight++;
    const { written, durable } = this.binlog.appendUnsynced(batch.records);
    durable.then(
      () => this.letGo(batch.afterSave),
      (why) => this.fail(why),
    );
    try {
      await written;
    } catch (why) {
      return this.fail(why);
    }
    this.ended(batch.afterWrite);
    this.syncLater();
  }

  private syncLater(): void {
    if (this.closed) return;
    this.syncTimer ??= this.env.after(SYNC_LATER_MS, () => {
      this.syncTimer = undefined;
      this.binlog.sync().catch((why) => this.fail(why));
    });
  }

  /** Nothing more leaves: what waits behind a batch that failed would speak of records that may not be there. */
  private fail(why: unknown): void {
    if (this.closed) return;
    this.close();
    this.fatal(why);
  }

  private letGo(afterSave: readonly (() => void)[]): void {
    if (this.closed) return;
    for (const done of afterSave) done();
    this.turnEnded();
  }

  /** The next one may be formed. */
  private ended(done: readonly (() => void)[]): void {
    this.batchesInFlight--;
    if (this.closed) return;
    this.batchEnded = true;
    this.together(() => {
      for (const each of done) each();
      // What waited behind the batch leaves before anything new.
      this.turnEnded();
    });
  }
}
