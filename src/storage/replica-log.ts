/**
 * What memory knows of one replica's log: its small records themselves, and of its entries only where they lie.
 *
 * Entries are kept as regions: consecutive entries of one term, found in one stretch of one segment. Other replicas' frames lie
 * in between, so a reader scans the stretch. A stretch is at most REGION_SPAN_BYTES long and holds at most REGION_OWN_BYTES of
 * this replica: that bounds both a read and the number of regions a log can have.
 *
 * Invariants, in the order of indexes: compactedIndex < regions[0].first; region.first <= region.last < next.first. Without
 * damage there is no hole. While segments are replayed there may be one, until a frame copied forward fills it.
 */
import { invariant } from '../assert.js';
import type { ReplicaId } from './binlog.js';
import type { TermRun } from './binlog-entries.js';

const REGION_SPAN_BYTES = 512 * 1024;
const REGION_OWN_BYTES = 128 * 1024;

/** Where a frame lies. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly endOffset: number;
}

/** The last region grows in place as frames join it: whoever waits with one in hand takes a copy. */
export interface Region {
  readonly segment: number;
  readonly offset: number;
  endOffset: number;
  readonly first: number;
  last: number;
  readonly term: number;
  /** Bytes of this replica's frames in the stretch. */
  ownBytes: number;
  /** Nothing may be joined to it: it was cut, or copied here. */
  readonly sealed: boolean;
}

/** A small record and the segment of its newest frame. */
export interface Kept<Value> {
  readonly value: Value;
  readonly segment: number;
}

export interface HardStateValue {
  readonly term: number;
  readonly votedFor: number;
  readonly commit: number;
}

export interface SnapshotValue {
  readonly index: number;
  readonly term: number;
  readonly mark: Buffer;
}

export class ReplicaLog {
  birth: Kept<Buffer> | undefined;
  hardState: Kept<HardStateValue> | undefined;
  snapshot: Kept<SnapshotValue> | undefined;
  tombstone: Kept<Buffer> | undefined;
  led: Kept<readonly number[]> | undefined;
  /** Set where compactedIndex is told by a record of its own. */
  logStart: Kept<undefined> | undefined;
  /** Why this replica can't be trusted; such a replica pins every segment until its tombstone. */
  damaged: string | undefined;

  /** The entry before the first one kept. */
  compactedIndex = 0;
  compactedTerm = 0;
  /** Entries up to this one are nobody's concern any more. Not on disk: after a restart all is needed again. */
  releasedIndex = 0;
  /** Rises whenever a region that a reader may be using stops being true. */
  cuts = 0;
  private readonly sorted: Region[] = [];
  /** How many regions lie in each segment. */
  private readonly perSegment = new Map<number, number>();

  constructor(readonly replicaId: ReplicaId) {}

  get regions(): readonly Region[] {
    return this.sorted;
  }

  /** Those with entries that somebody may still need, in order. */
  get unreleasedRegions(): readonly Region[] {
    return this.sorted.slice(this.position(this.releasedIndex + 1));
  }

  /** Those in a segment, in order. Quick for an old segment, whose regions are among the first: there may be thousands. */
  regionsIn(segment: number): readonly Region[] {
    const found: Region[] = [];
    const count = this.perSegment.get(segment) ?? 0;
    for (let at = 0; found.length < count; at++) {
      const region = this.sorted[at];
      invariant(region !== undefined, 'fewer regions in a segment than were counted', { segment, count });
      if (region.segment === segment) found.push(region);
    }
    return found;
  }

  get lastIndex(): number {
    return this.sorted[this.sorted.length - 1]?.last ?? this.compactedIndex;
  }

  /** undefined where the entry isn't kept. */
  regionOf(index: number): Region | undefined {
    const region = this.sorted[this.position(index)];
    return region !== undefined && region.first <= index ? region : undefined;
  }

  termOf(index: number): number | undefined {
    return index === this.compactedIndex ? this.compactedTerm : this.regionOf(index)?.term;
  }

  /** An appended frame: what it starts at or before goes. */
  append(runs: readonly TermRun[], place: Place): void {
    this.cutFrom(runs[0]!.first);
    for (const run of runs) this.extend(run, place);
  }

  /** A frame copied forward: takes over where the old copy was in `from`, or fills a hole; elsewhere it says nothing. */
  copy(runs: readonly TermRun[], place: Place, isOld: (region: Region) => boolean): void {
    for (const run of runs) this.insert(run, place, isOld);
  }

  /** Entries up to `index` are no longer part of the log. */
  startAfter(index: number, term: number): void {
    if (index <= this.compactedIndex) return;
    this.compactedIndex = index;
    this.compactedTerm = term;
    this.releasedIndex = Math.max(this.releasedIndex, index);
    this.put(0, this.position(index + 1));
    const first = this.sorted[0];
    if (first !== undefined && first.first <= index) this.sorted[0] = { ...first, first: index + 1 };
    this.cuts += 1;
  }

  /** The log is empty and starts after `index`. */
  restartAfter(index: number, term: number): void {
    this.put(0, this.sorted.length);
    this.compactedIndex = index;
    this.compactedTerm = term;
    this.releasedIndex = index;
    this.cuts += 1;
  }

  bury(tombstone: Kept<Buffer>): void {
    this.tombstone = tombstone;
    this.damaged = undefined;
    this.hardState = undefined;
    this.snapshot = undefined;
    this.led = undefined;
    this.logStart = undefined;
    this.restartAfter(0, 0);
  }

  /** Terms of all kept entries as runs. */
  terms(): { from: number; term: number }[] {
    const runs: { from: number; term: number }[] = [];
    for (const { first, term } of this.sorted) {
      if (runs[runs.length - 1]?.term !== term) runs.push({ from: first, term });
    }
    return runs;
  }

  /** The first entry that should be there and isn't. */
  firstHole(): number | undefined {
    let expected = this.compactedIndex + 1;
    for (const region of this.sorted) {
      if (region.first !== expected) return expected;
      expected = region.last + 1;
    }
    return undefined;
  }

  private cutFrom(first: number): void {
    if (first > this.lastIndex) return;
    let kept = this.sorted.length;
    while (kept > 0 && this.sorted[kept - 1]!.first >= first) kept--;
    this.put(kept, this.sorted.length - kept);
    const tail = this.sorted[this.sorted.length - 1];
    if (tail !== undefined && tail.last >= first) {
      this.sorted[this.sorted.length - 1] = { ...tail, last: first - 1, sealed: true };
    }
    this.cuts += 1;
  }

  private extend(run: TermRun, place: Place): void {
    const tail = this.sorted[this.sorted.length - 1];
    invariant(tail === undefined || tail.last < run.first, 'entries out of order', { ...run });
    if (tail !== undefined && joins(tail, run, place)) {
      tail.last = run.last;
      tail.ownBytes += place.endOffset - place.offset;
      tail.endOffset = place.endOffset;
      return;
    }
    this.put(this.sorted.length, 0, regionFor(run, place, false));
  }

  private insert(run: TermRun, place: Place, isOld: (region: Region) => boolean): void {
    let index = Math.max(run.first, this.compactedIndex + 1);
    while (index <= run.last) {
      const at = this.position(index);
      const next = this.sorted[at];
      if (next !== undefined && next.first <= index) {
        const last = Math.min(next.last, run.last);
        if (isOld(next)) this.replace(at, regionFor({ first: index, last, term: run.term }, place, true));
        index = last + 1;
        continue;
      }
      const last = Math.min(run.last, (next?.first ?? Number.POSITIVE_INFINITY) - 1);
      this.put(at, 0, regionFor({ first: index, last, term: run.term }, place, true));
      index = last + 1;
    }
  }

  /** Puts `region` over a part of the one at `at`, whose rest stays where it is. */
  private replace(at: number, region: Region): void {
    const old = this.sorted[at]!;
    const parts: Region[] = [];
    if (old.first < region.first) parts.push({ ...old, last: region.first - 1, sealed: true });
    parts.push(region);
    if (region.last < old.last) parts.push({ ...old, first: region.last + 1 });
    this.put(at, 1, ...parts);
    this.cuts += 1;
  }

  /** The only way in and out of the list: `added` in the place of `removed` regions. */
  private put(at: number, removed: number, ...added: readonly Region[]): void {
    for (const { segment } of this.sorted.splice(at, removed, ...added)) {
      const left = this.perSegment.get(segment)! - 1;
      if (left > 0) this.perSegment.set(segment, left);
      else this.perSegment.delete(segment);
    }
    for (const { segment } of added) this.perSegment.set(segment, (this.perSegment.get(segment) ?? 0) + 1);
  }

  /** The first region that ends at or after `index`. */
  private position(index: number): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sorted[middle]!.last < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function joins(tail: Region, run: TermRun, place: Place): boolean {
  return (
    !tail.sealed &&
    tail.term === run.term &&
    tail.last + 1 === run.first &&
    tail.segment === place.segment &&
    place.endOffset - tail.offset <= REGION_SPAN_BYTES &&
    tail.ownBytes < REGION_OWN_BYTES
  );
}

function regionFor(run: TermRun, place: Place, sealed: boolean): Region {
  const { segment, offset, endOffset } = place;
  const { first, last, term } = run;
  return { first, last, term, segment, offset, endOffset, ownBytes: endOffset - offset, sealed };
}
