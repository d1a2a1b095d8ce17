/**
 * Applies a replica's log to its state: one entry after the other, each once, in a run that may stop for loads from the engine.
 *
 * Entries come from three places. Raft hands out what is committed. On the leader of an async group those of its term come
 * earlier, once they are written here: applied *ahead*, they are settled when Raft hands them out as well. And after the state
 * went back to a checkpoint (rollback.ts), what is committed behind it comes from the binlog once more.
 *
 * Invariants: `index` grows by one, but for a jump or a step back that replaces the whole state; settled <= committed, in order, and
 * told once each; an entry that was begun is finished, or the state is thrown away.
 * Left out: what follows from an entry (the slot), whether what was applied ahead is still in the log (the slot asks).
 */
import { invariant } from '../assert.js';
import type { BinlogEntry } from '../storage/binlog.js';
import { EntryRun } from './apply.js';
import type { Loader } from './loader.js';
import type { StateMachine } from './machine.js';
import type { SlotState } from './state.js';

export interface ApplierHost<R> {
  /** No further entry is begun. */
  mustWait(): boolean;
  /** What no checkpoint may write yet is as much as may be. */
  aheadIsFull(): boolean;
  /** The state holds it now. `run`: of a command. */
  applied(entry: BinlogEntry, run: EntryRun<R> | undefined): void;
  /** Committed and applied, whichever came first. */
  settled(entry: BinlogEntry): void;
  /** Entries of the log from `from` on. */
  read(from: number, bytesMax: number): Promise<readonly BinlogEntry[]>;
  wake(): void;
  fatal(why: unknown): void;
}

/** Of the log at a time, when a state that went back catches up. */
const REPLAY_BYTES = 1 << 20;

/** A place in the log. */
export interface LogPlace {
  readonly index: number;
  readonly term: number;
}

export class Applier<R> {
  /** The state is that after this entry, and maybe a part of the next one. */
  index: number;
  term: number;
  /** Up to here what is applied is committed; larger than `index` while the state catches up from a checkpoint. */
  settledIndex: number;
  settledTerm: number;
  /** Raft's, all behind settledIndex. */
  private readonly committed: BinlogEntry[] = [];
  /** In the file, of the term that this replica leads. */
  private written: BinlogEntry[] = [];
  /** Read from the binlog, up to settledIndex. */
  private replayed: readonly BinlogEntry[] = [];
  private current: { readonly entry: BinlogEntry; readonly run: EntryRun<R> } | undefined;
  /** A load from engine or binlog is under way. */
  private loading = false;

  constructor(
    at: LogPlace,
    private readonly state: SlotState,
    private readonly machine: StateMachine<R>,
    private readonly loader: Loader,
    private readonly host: ApplierHost<R>,
  ) {
    this.index = at.index;
    this.term = at.term;
    this.settledIndex = at.index;
    this.settledTerm = at.term;
  }

  /** A part of an entry is applied. */
  get isMidEntry(): boolean {
    return this.current !== undefined;
  }

  /** The state holds what may still be cut from the log. */
  get isAhead(): boolean {
    return this.index > this.settledIndex;
  }

  get isCatchingUp(): boolean {
    return this.index < this.settledIndex;
  }

  /** All that it was told of is applied and settled. */
  get isIdle(): boolean {
    const hasMore = this.isMidEntry || this.committed.length > 0 || this.written.length > 0;
    return !hasMore && this.index === this.settledIndex;
  }

  /** The newest entry that the state holds anything of. */
  get reached(): LogPlace {
    return this.current?.entry ?? this;
  }

  addCommitted(entries: readonly BinlogEntry[]): void {
    for (const entry of entries) this.committed.push(entry);
  }

  /** Of an async group: these may be applied before they are committed. */
  addWritten(entries: readonly BinlogEntry[]): void {
    // What is committed may have been applied before this is told.
    for (const entry of entries) if (entry.index > this.index) this.written.push(entry);
  }

  /** It leads no more: nothing new is applied ahead. */
  forgetWritten(): void {
    this.written = [];
  }

  turn(): void {
    while (!this.loading) {
      this.settle();
      const entry = this.current?.entry ?? this.next();
      if (entry === undefined) return;
      if (entry.kind === 'command' && !this.runCommands(entry)) return;
      this.finish(entry);
    }
  }

  /** The state was replaced by the one after this entry, which is committed. */
  jumpTo({ index, term }: LogPlace): void {
    this.restart({ index, term });
    this.committed.length = 0;
    this.written = [];
    this.settledIndex = index;
    this.settledTerm = term;
  }

  /** The state was replaced by an older one: what is settled behind it is applied again. */
  goBackTo(place: LogPlace): void {
    this.restart(place);
  }

  /** Whatever the run has done to the state: it is going to be replaced. */
  dropRun(): void {
    if (this.current !== undefined) this.loader.ended(this.current.run);
    this.current = undefined;
  }

  private restart({ index, term }: LogPlace): void {
    this.dropRun();
    this.replayed = [];
    this.index = index;
    this.term = term;
  }

  /** What was applied ahead turned out committed. */
  private settle(): void {
    while (this.committed.length > 0 && this.committed[0]!.index <= this.index) this.settleFirst();
  }

  private settleFirst(): void {
    const entry = this.committed.shift()!;
    this.settledIndex = entry.index;
    this.settledTerm = entry.term;
    this.host.settled(entry);
  }

  private next(): BinlogEntry | undefined {
    if (this.isCatchingUp) return this.nextReplayed();
    const isIdle = this.committed.length === 0 && this.written.length === 0;
    return isIdle || this.host.mustWait() ? undefined : (this.committed[0] ?? this.nextWritten());
  }

  private nextWritten(): BinlogEntry | undefined {
    const entry = this.written[0];
    return entry?.index === this.index + 1 && !this.host.aheadIsFull() ? entry : undefined;
  }

  /** Bounds on what is dirty do not hold it up: it is what was dirty before, and no checkpoint can be written until it is done. */
  private nextReplayed(): BinlogEntry | undefined {
    const entry = this.replayed[0];
    if (entry !== undefined) return entry;
    this.loading = true;
    this.readSettled(this.index + 1).catch((why) => this.host.fatal(why));
    return undefined;
  }

  private async readSettled(from: number): Promise<void> {
    const entries = await this.host.read(from, REPLAY_BYTES);
    this.loading = false;
    // Meanwhile the state may have been replaced once more.
    if (this.index + 1 === from && this.isCatchingUp) {
      invariant(entries[0]?.index === from, 'a settled entry is not in the log', { from });
      this.replayed = entries.filter(({ index }) => index <= this.settledIndex);
    }
    this.host.wake();
  }

  /** False when it must wait for a load. */
  private runCommands(entry: BinlogEntry): boolean {
    this.current ??= {
      entry,
      run: new EntryRun(this.state, this.machine, entry.data, entry.index),
    };
    const { run } = this.current;
    const needs = run.go();
    if (needs === undefined) return true;
    this.loading = true;
    void this.loader.load(needs, run.ranges, run).then(() => {
      this.loading = false;
      this.host.wake();
    });
    return false;
  }

  private finish(entry: BinlogEntry): void {
    const { index, term } = entry;
    invariant(index === this.index + 1, 'applied out of order', { at: this.index, got: index });
    const run = this.current?.run;
    if (run !== undefined) this.loader.ended(run);
    this.current = undefined;
    // What waited for an entry of the leader's own term may now be stamped.
    if (term !== this.term) this.host.wake();
    this.index = index;
    this.term = term;
    if (this.replayed[0] === entry) this.replayed = this.replayed.slice(1);
    // It may have come by another road than the first of these.
    while (this.written.length > 0 && this.written[0]!.index <= index) this.written.shift();
    this.settle();
    this.host.applied(entry, run);
  }
}
