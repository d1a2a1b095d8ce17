/**
 * The replicated log as the core sees it: a memory tail, the terms of all that is kept, and the cursors.
 *
 * Invariants, in the order of a healthy entry's life:
 *   compacted <= applied <= delivered <= commit <= last      (delivered: handed out to be applied)
 *   delivered <= saved <= handed <= last                     (handed: given out to be saved)
 *   nothing at or below commit is ever truncated
 *   entries above min(applied, saved) are in memory
 * commit may run ahead of saved: others may have committed what this disk is still writing. Such entries wait.
 *
 * `saved` follows the batches handed out, in their order, not bare indexes: after a truncation and a re-append the same
 * (index, term) may be on its way to disk twice with another entry in between, and only the last of them counts.
 *
 * Left out: the disk (the driver's), and who may append what (the roles').
 */
import { invariant } from '../assert.js';
import type { Entry, Index, SnapshotMark, Term } from './message.js';
import type { LogStart, RaftSettings } from './ready.js';
import { entryBytes, MemoryTail } from './tail.js';
import { TermRuns } from './terms.js';

interface HandedBatch {
  readonly first: Index;
  readonly last: Index;
  readonly lastTerm: Term;
  readonly sequence: number;
}

export class RaftLog {
  compactedIndex: Index;
  compactedTerm: Term;
  lastIndex: Index;
  commitIndex: Index;
  appliedIndex: Index;
  savedIndex: Index;
  /** Committed and not yet applied: what a slow state machine makes this replica hold. */
  unappliedBytes = 0;
  /** Indexes of the configuration entries not yet applied. */
  readonly configurations: Index[] = [];

  /** Others took their place since takeCut() was last called. */
  private cut: Entry[] = [];
  private deliveredIndex: Index;
  private handedIndex: Index;
  /** Handed out and not yet reported saved, oldest first. */
  private handed: HandedBatch[] = [];
  private readonly tail: MemoryTail;
  private readonly terms: TermRuns;

  constructor(
    start: LogStart,
    appliedIndex: Index,
    commitHint: Index,
    private readonly settings: Pick<RaftSettings, 'memoryBytesMax'>,
  ) {
    const { compactedIndex, compactedTerm, lastIndex } = start;
    const follows = appliedIndex >= compactedIndex && appliedIndex <= lastIndex;
    const range = { appliedIndex, compactedIndex, lastIndex };
    invariant(follows, 'the log must hold what follows the state', range);
    const firstRun = start.terms[0];
    const begins = firstRun === undefined || firstRun.term >= compactedTerm;
    invariant(begins, 'the kept log is older than its start', { compactedTerm, firstRun });
    this.compactedIndex = compactedIndex;
    this.compactedTerm = compactedTerm;
    this.lastIndex = lastIndex;
    this.appliedIndex = appliedIndex;
    this.deliveredIndex = appliedIndex;
    this.savedIndex = lastIndex;
    this.handedIndex = lastIndex;
    this.terms = new TermRuns(start.terms);
    this.tail = this.recoverTail(start);
    // A torn last batch may have kept the hint and lost the entries it spoke of; nobody was told of them.
    this.commitIndex = appliedIndex;
    // A second configuration entry was proposed only because the first was applied: whoever holds it knows the first to be
    // committed, whatever the hint says. Election quorums rest on that, see membership.ts.
    const provenCommit = this.configurations.at(-2) ?? 0;
    this.commitTo(Math.min(Math.max(commitHint, appliedIndex, provenCommit), lastIndex));
  }

  get lastTerm(): Term {
    return this.term(this.lastIndex)!;
  }

  /** First index held in memory; what is older and kept must be loaded. */
  get memoryFirst(): Index {
    return this.tail.first;
  }

  /** Undefined outside of [compacted, last]. */
  term(index: Index): Term | undefined {
    if (index > this.lastIndex || index < this.compactedIndex) return undefined;
    if (index === this.compactedIndex) return this.compactedTerm;
    return this.tail.get(index)?.term ?? this.terms.at(index);
  }

  matches(index: Index, term: Term): boolean {
    return this.term(index) === term;
  }

  /** Raft's freshness: last term first, then length. */
  isUpToDate(lastIndex: Index, lastTerm: Term): boolean {
    const own = this.lastTerm;
    return lastTerm > own || (lastTerm === own && lastIndex >= this.lastIndex);
  }

  /** A leader's own entry, at the end. */
  append(entry: Entry): void {
    invariant(entry.index === this.lastIndex + 1, 'a log grows by one', {
      index: entry.index,
      last: this.lastIndex,
    });
    this.terms.append(entry.index, entry.term);
    this.tail.push(entry);
    this.lastIndex = entry.index;
    if (entry.kind === 'configuration') this.configurations.push(entry.index);
  }

  /**
   * A leader's entries that follow a matching entry. Truncates at a real conflict only, so that a late, short message
   * never cuts a longer log that matches it.
   */
  merge(entries: readonly Entry[]): void {
    let position = 0;
    while (position < entries.length && this.holds(entries[position]!)) position++;
    if (position === entries.length) return;
    const from = entries[position]!.index;
    if (from <= this.lastIndex) this.truncateFrom(from);
    for (; position < entries.length; position++) this.append(entries[position]!);
  }

  /** A leader proposes a configuration only when the one before is applied, and its appends say so by their commit. */
  checkOneConfigurationPending(): void {
    const second = this.configurations.at(-2);
    invariant(
      second === undefined || second <= this.commitIndex,
      'two configuration changes are uncommitted',
      {
        configurations: this.configurations,
        commit: this.commitIndex,
      },
    );
  }

  /**
   * Where a leader and a follower that disagree may still agree: the last index at or below `index` whose term is at
   * most `term`. What is compacted is committed, thus agreed upon.
   */
  lastAtMost(index: Index, term: Term): Index {
    if (index <= this.compactedIndex) return index;
    return Math.max(this.terms.lastAtMost(index, term), this.compactedIndex);
  }

  commitTo(index: Index): void {
    if (index <= this.commitIndex) return;
    invariant(index <= this.lastIndex, 'commit is beyond the log', { index, last: this.lastIndex });
    for (let at = this.commitIndex + 1; at <= index; at++)
      this.unappliedBytes += entryBytes(this.tail.get(at)!);
    this.commitIndex = index;
  }

  appliedTo(index: Index): void {
    if (index <= this.appliedIndex) return;
    invariant(index <= this.deliveredIndex, 'applied what was not handed out', {
      index,
      delivered: this.deliveredIndex,
    });
    for (let at = this.appliedIndex + 1; at <= index; at++)
      this.unappliedBytes -= entryBytes(this.tail.get(at)!);
    this.appliedIndex = index;
    this.trimMemory();
  }

  /** Entries to save that were not handed out yet; `sequence` names the Ready that carries them. */
  takeUnsaved(sequence: number): Entry[] {
    if (this.handedIndex === this.lastIndex) return [];
    const first = this.handedIndex + 1;
    const last = this.lastIndex;
    this.handed.push({ first, last, lastTerm: this.lastTerm, sequence });
    this.handedIndex = last;
    return this.tail.range(first, last);
  }

  /** The sequence of the newest Ready now known durable, or undefined when the report names none that waits. */
  saved(lastIndex: Index, lastTerm: Term): number | undefined {
    const position = this.handed.findIndex(
      (batch) => batch.last === lastIndex && batch.lastTerm === lastTerm,
    );
    if (position < 0) return undefined;
    const { sequence } = this.handed[position]!;
    this.handed.splice(0, position + 1);
    // What a later batch replaces, or what was truncated since, is not durable in its present form.
    let durable = Math.min(lastIndex, this.handedIndex);
    for (const batch of this.handed) durable = Math.min(durable, batch.first - 1);
    if (durable > this.savedIndex) this.savedIndex = durable;
    this.trimMemory();
    return sequence;
  }

  get hasUnsaved(): boolean {
    return this.handedIndex < this.lastIndex;
  }

  get hasCommitted(): boolean {
    return Math.min(this.commitIndex, this.savedIndex) > this.deliveredIndex;
  }

  /** Committed and durable here, each once. */
  takeCommitted(): Entry[] {
    const to = Math.min(this.commitIndex, this.savedIndex);
    if (to <= this.deliveredIndex) return [];
    const entries = this.tail.range(this.deliveredIndex + 1, to);
    this.deliveredIndex = to;
    return entries;
  }

  /** For whoever counts them: they were never committed. */
  takeCut(): readonly Entry[] {
    const { cut } = this;
    if (cut.length > 0) this.cut = [];
    return cut;
  }

  /** From `from` on; always in memory. */
  uncommitted(from = this.commitIndex + 1): readonly Entry[] {
    return from > this.lastIndex ? [] : this.tail.range(from, this.lastIndex);
  }

  /** An entry not yet applied, or recent. */
  entry(index: Index): Entry | undefined {
    return this.tail.get(index);
  }

  /** From memory only: `from` >= memoryFirst. */
  batch(from: Index, bytesMax: number): Entry[] {
    return this.tail.batch(from, bytesMax);
  }

  compact(index: Index): void {
    invariant(index <= this.appliedIndex, 'compaction beyond what is applied', {
      index,
      applied: this.appliedIndex,
    });
    if (index <= this.compactedIndex) return;
    this.compactedTerm = this.term(index)!;
    this.compactedIndex = index;
    this.terms.dropThrough(index, this.lastIndex);
    while (this.tail.length > 0 && this.tail.first <= index) this.tail.dropFirst();
    if (this.tail.length === 0) this.tail.restart(this.lastIndex + 1);
  }

  /** The state is now a snapshot's: a suffix that continues it is kept, any other goes. */
  restore(mark: SnapshotMark): void {
    const { index, term } = mark;
    invariant(index >= this.deliveredIndex, 'a snapshot may not take back what was applied', {
      index,
      delivered: this.deliveredIndex,
    });
    const continues = this.matches(index, term);
    invariant(continues || index > this.commitIndex, 'a snapshot contradicts the committed log', {
      index,
      term,
    });
    while (this.configurations.length > 0 && (!continues || this.configurations[0]! <= index))
      this.configurations.shift();
    if (continues) this.commitTo(index);
    this.compactedIndex = index;
    this.compactedTerm = term;
    this.deliveredIndex = index;
    if (continues) this.keepAfter(index);
    else this.startAt(index);
    this.appliedIndex = index;
    this.savedIndex = Math.max(this.savedIndex, index);
  }

  private keepAfter(index: Index): void {
    this.terms.dropThrough(index, this.lastIndex);
    while (this.tail.length > 0 && this.tail.first <= index) this.tail.dropFirst();
    if (this.tail.length === 0) this.tail.restart(this.lastIndex + 1);
    // The mark stands for all up to it; a batch that ends there or before has nothing left to say.
    this.handedIndex = Math.max(this.handedIndex, index);
    this.unappliedBytes = 0;
    for (let at = index + 1; at <= this.commitIndex; at++)
      this.unappliedBytes += entryBytes(this.tail.get(at)!);
  }

  private startAt(index: Index): void {
    this.terms.dropThrough(this.lastIndex, this.lastIndex);
    this.tail.restart(index + 1);
    this.lastIndex = index;
    this.commitIndex = index;
    this.savedIndex = index;
    this.handedIndex = index;
    this.handed = [];
    this.unappliedBytes = 0;
  }

  private holds(entry: Entry): boolean {
    return this.matches(entry.index, entry.term);
  }

  private truncateFrom(index: Index): void {
    invariant(index > this.commitIndex, 'a committed entry would be truncated', {
      index,
      commit: this.commitIndex,
    });
    this.cut = [...this.cut, ...this.uncommitted(index)];
    this.tail.truncateFrom(index);
    this.terms.truncateFrom(index);
    this.lastIndex = index - 1;
    this.savedIndex = Math.min(this.savedIndex, index - 1);
    this.handedIndex = Math.min(this.handedIndex, index - 1);
    while (this.configurations.length > 0 && this.configurations.at(-1)! >= index) this.configurations.pop();
  }

  private trimMemory(): void {
    const disposable = Math.min(this.appliedIndex, this.savedIndex);
    const { memoryBytesMax } = this.settings;
    while (this.tail.bytes > memoryBytesMax && this.tail.first <= disposable) this.tail.dropFirst();
  }

  private recoverTail(start: LogStart): MemoryTail {
    const tail = new MemoryTail(start.lastIndex + 1 - start.entries.length);
    invariant(tail.first <= this.appliedIndex + 1, 'entries after the applied one must be in memory', {
      first: tail.first,
      applied: this.appliedIndex,
    });
    for (const entry of start.entries) {
      invariant(entry.term === this.terms.at(entry.index), 'an entry and the term runs disagree', {
        index: entry.index,
        term: entry.term,
      });
      tail.push(entry);
      if (entry.kind === 'configuration' && entry.index > this.appliedIndex)
        this.configurations.push(entry.index);
    }
    return tail;
  }
}
