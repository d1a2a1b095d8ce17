/**
 * The newest entries, held in memory: what followers are fed from, what waits to be saved, what waits to be applied.
 *
 * Invariants: indexes are contiguous from `first`; `bytes` is the sum of the entries' costs.
 * Left out: which entries may be dropped; the log decides that.
 */
import { invariant } from '../assert.js';
import { EntryMemory } from './entry-memory.js';
import type { Entry, Index, Term } from './message.js';

/** What an entry is taken to cost beside its data: object, headers on wire and disk. */
const entryOverheadBytes = 64;

export function entryBytes(entry: Entry): number {
  return entry.data.length + entryOverheadBytes;
}

/** Of the entries' data from `from` to `to`, of those that are of this term. */
export function bytesOfTerm(
  term: Term,
  log: { entry(index: Index): Entry | undefined },
  from: Index,
  to: Index,
): number {
  let bytes = 0;
  for (let at = from; at <= to; at++) {
    const entry = log.entry(at)!;
    if (entry.term === term) bytes += entry.data.length;
  }
  return bytes;
}

export class MemoryTail {
  /** Index of the first entry held, or of the next one to come when none is. */
  first: Index;
  bytes = 0;
  private entries: Entry[] = [];
  private readonly memory = new EntryMemory();
  /** Slots at the front of `entries` that are no longer used; reclaimed when they outnumber the rest. */
  private unused = 0;

  constructor(first: Index) {
    this.first = first;
  }

  get length(): number {
    return this.entries.length - this.unused;
  }

  get(index: Index): Entry | undefined {
    return index < this.first ? undefined : this.entries[this.unused + index - this.first];
  }

  push(entry: Entry): void {
    invariant(entry.index === this.first + this.length, 'the tail has no gaps', {
      index: entry.index,
      first: this.first,
      length: this.length,
    });
    const { index, term, kind, data } = entry;
    this.entries.push({ index, term, kind, data: this.memory.keep(data) });
    this.bytes += entryBytes(entry);
  }

  truncateFrom(index: Index): void {
    while (this.length > 0 && this.first + this.length > index) this.bytes -= entryBytes(this.entries.pop()!);
    if (this.length === 0) this.restart(Math.min(this.first, index));
  }

  dropFirst(): void {
    const entry = this.entries[this.unused];
    invariant(entry !== undefined, 'nothing to drop from an empty tail');
    this.bytes -= entryBytes(entry);
    this.unused++;
    this.first++;
    if (this.unused < 64 || this.unused * 2 < this.entries.length) return;
    this.entries = this.entries.slice(this.unused);
    this.unused = 0;
  }

  /** Empties it; the next entry will be `first`. */
  restart(first: Index): void {
    this.entries = [];
    this.unused = 0;
    this.bytes = 0;
    this.first = first;
  }

  /** [from, to], both held. */
  range(from: Index, to: Index): Entry[] {
    const start = this.unused + from - this.first;
    return this.entries.slice(start, start + to - from + 1);
  }

  /** From `from` on, up to about `bytesMax`, but at least one when there is one. */
  batch(from: Index, bytesMax: number): Entry[] {
    const batch: Entry[] = [];
    let bytes = 0;
    for (let at = this.unused + from - this.first; at < this.entries.length; at++) {
      const entry = this.entries[at]!;
      bytes += entryBytes(entry);
      if (batch.length > 0 && bytes > bytesMax) break;
      batch.push(entry);
    }
    return batch;
  }
}
