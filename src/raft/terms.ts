/**
 * The term of every kept entry, as runs: terms only grow along a log, so a handful of runs describes millions of
 * entries. It keeps term(index) answerable for entries that memory no longer holds, and lets conflict back-off jump
 * over a whole term at once.
 *
 * Invariants: `from` strictly grows; `term` strictly grows.
 * Left out: where the log begins and ends; the log itself knows that and asks only inside.
 */
import { invariant } from '../assert.js';
import type { Index, Term } from './message.js';

export interface TermRun {
  readonly from: Index;
  readonly term: Term;
}

export class TermRuns {
  private runs: TermRun[] = [];

  constructor(runs: readonly TermRun[]) {
    for (const run of runs) this.append(run.from, run.term);
  }

  /** `index` is the entry right after the last one known. */
  append(index: Index, term: Term): void {
    const last = this.runs.at(-1);
    if (last !== undefined && last.term === term) return;
    invariant(last === undefined || (term > last.term && index > last.from), 'terms must grow along a log', {
      index,
      term,
      last,
    });
    this.runs.push({ from: index, term });
  }

  /** The term at a kept index. */
  at(index: Index): Term {
    const run = this.runs[this.runAt(index)];
    invariant(run !== undefined, 'no term for an index before the log', { index });
    return run.term;
  }

  /** The largest kept index at or below `index` whose term is at most `term`; 0 when there is none. */
  lastAtMost(index: Index, term: Term): Index {
    let position = this.runAt(index);
    let candidate = index;
    while (position >= 0) {
      const run = this.runs[position]!;
      if (run.term <= term) return candidate;
      candidate = run.from - 1;
      position--;
    }
    return 0;
  }

  truncateFrom(index: Index): void {
    while (this.runs.length > 0 && this.runs.at(-1)!.from >= index) this.runs.pop();
  }

  /** Forgets what lies at or below `index`; something may be left above it. */
  dropThrough(index: Index, lastIndex: Index): void {
    if (index >= lastIndex) {
      this.runs = [];
      return;
    }
    const position = this.runAt(index + 1);
    const kept = this.runs.slice(position);
    kept[0] = { from: index + 1, term: kept[0]!.term };
    this.runs = kept;
  }

  /** Position of the run that holds `index`; -1 before the first. Newest first: that is where questions fall. */
  private runAt(index: Index): number {
    let low = -1;
    let high = this.runs.length - 1;
    if (high >= 0 && this.runs[high]!.from <= index) return high;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.runs[middle]!.from <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
