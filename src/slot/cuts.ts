/**
 * Counts what an async group has lost with a leader that this replica was: entries of its own terms that another leader's took the
 * place of.
 *
 * An entry that is cut may come back, with a leader that has it. Its fate is known when something is committed at its index, or
 * something of a later term before it, for terms only grow along a log. So it is counted then, and counted once. After a snapshot
 * it stays unknown: what the mark stands for cannot be looked at.
 *
 * Whose an entry is, its term tells: a term has one leader. The terms that matter are in the binlog (`led`), so that a restarted
 * leader counts too, as far as its disk kept the entries. What vanished with page cache or disk is not counted, nor what was cut
 * and not yet decided when the process ended.
 */
import type { BinlogEntry } from '../storage/binlog.js';
import type { LogPlace } from './applier.js';
import { decodeEntry } from './entry.js';
import type { Argv } from './machine.js';

export interface CutCount {
  /** Commands, answered or not. */
  readonly writes: number;
  /** That those commands name, each once. */
  readonly keys: number;
  /** Commands of unknown fate. */
  readonly doubtfulWrites: number;
}

/** What is asked of the log. */
export interface CutLog {
  uncommitted(): readonly BinlogEntry[];
  holds(index: number, term: number): boolean;
}

export class Cuts {
  /** Cut, own, and not decided, by `index/term`. */
  private readonly pending = new Map<string, BinlogEntry>();

  constructor(
    private ownTerms: readonly number[],
    private readonly keysOf: (argv: Argv) => readonly Buffer[],
    private readonly counted: (count: CutCount) => void,
  ) {}

  /** Something was cut whose fate is not known. */
  get isWaiting(): boolean {
    return this.pending.size > 0;
  }

  /** It leads in this term. Returns the terms that matter from now on, to be saved: own ones that the uncommitted log still has. */
  lead(term: number, uncommitted: readonly BinlogEntry[]): readonly number[] {
    const alive = new Set(uncommitted.map((entry) => entry.term));
    this.ownTerms = [...this.ownTerms.filter((own) => alive.has(own) && own !== term), term];
    return this.ownTerms;
  }

  cut(entries: readonly BinlogEntry[]): void {
    for (const entry of this.own(entries)) this.pending.set(`${entry.index}/${entry.term}`, entry);
  }

  /** So much is committed. */
  decide(settled: LogPlace, log: CutLog): void {
    if (this.pending.size === 0) return;
    const lost: BinlogEntry[] = [];
    for (const [name, entry] of this.pending) {
      if (entry.index > settled.index && entry.term >= settled.term) continue;
      this.pending.delete(name);
      if (!log.holds(entry.index, entry.term)) lost.push(entry);
    }
    this.tell(lost, []);
  }

  /** A snapshot at this place is about to replace the log. */
  replaced(place: LogPlace, log: CutLog): void {
    const continues = log.holds(place.index, place.term);
    const doubtful = [...this.pending.values()].filter(({ index }) => index <= place.index);
    for (const { index, term } of doubtful) this.pending.delete(`${index}/${term}`);
    const lost: BinlogEntry[] = [];
    for (const entry of continues ? [] : this.own(log.uncommitted())) {
      // At the mark stands another entry, and so everywhere behind it.
      if (entry.index >= place.index) lost.push(entry);
      else doubtful.push(entry);
    }
    this.tell(lost, doubtful);
  }

  private own(entries: readonly BinlogEntry[]): BinlogEntry[] {
    return entries.filter(({ kind, term }) => kind === 'command' && this.ownTerms.includes(term));
  }

  private tell(lost: readonly BinlogEntry[], doubtful: readonly BinlogEntry[]): void {
    const writes = commandsOf(lost);
    const doubtfulWrites = commandsOf(doubtful).length;
    if (writes.length === 0 && doubtfulWrites === 0) return;
    const keys = new Set(writes.flatMap((argv) => this.keysOf(argv).map((key) => key.toString('latin1'))));
    this.counted({ writes: writes.length, keys: keys.size, doubtfulWrites });
  }
}

function commandsOf(entries: readonly BinlogEntry[]): Argv[] {
  return entries.flatMap(({ data }) => decodeEntry(data).groups.flatMap(({ commands }) => [...commands]));
}
