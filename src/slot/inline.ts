/**
 * Small collections: sorted arrays, found by halving, changed by copying.
 *
 * The arrays in `root` are never changed in place: a record, a savepoint or a checkpoint may hold them. So an edit costs as much as
 * the array is long, which the bound on inline bodies keeps small.
 */
import { ownBytes } from '../bytes.js';
import type { InlineItems, InlinePairs } from './body.js';
import type { Direction, EditableItems, EditableOrdered, Pair } from './doors.js';

export class InlineOrdered implements EditableOrdered {
  constructor(public root: InlinePairs) {}

  get count(): number {
    return this.root.pairs.length;
  }

  get(key: Buffer): Buffer | undefined {
    return this.find(key, this.below(key))?.value;
  }

  at(rank: number): Pair | undefined {
    return this.root.pairs[rank];
  }

  below(key: Buffer): number {
    const { pairs } = this.root;
    let low = 0;
    let high = pairs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare(pairs[middle]!.key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  from(rank: number, direction: Direction, most = this.count): Iterable<Pair> {
    return walk(this.root.pairs, rank, direction, most);
  }

  /** All is in memory. */
  prefetch(): void {}

  prefetchRanks(): void {}

  put(key: Buffer, value: Buffer): Buffer | undefined {
    const rank = this.below(key);
    const old = this.find(key, rank);
    if (old?.value.equals(value)) return old.value;
    // The key that was there stays: who replaces a value has no reason to keep the bytes of another request alive.
    this.splice(rank, old === undefined ? 0 : 1, [{ key: old?.key ?? ownBytes(key), value }]);
    return old?.value;
  }

  delete(key: Buffer): Buffer | undefined {
    const rank = this.below(key);
    const old = this.find(key, rank);
    if (old !== undefined) this.splice(rank, 1, []);
    return old?.value;
  }

  deleteRange(from: number, to: number): void {
    this.splice(from, Math.max(0, to - from), []);
  }

  private find(key: Buffer, rank: number): Pair | undefined {
    const pair = this.root.pairs[rank];
    return pair?.key.equals(key) ? pair : undefined;
  }

  private splice(rank: number, removed: number, added: readonly Pair[]): void {
    const pairs = [...this.root.pairs];
    let { bytes } = this.root;
    for (const { key, value } of pairs.splice(rank, removed, ...added)) bytes -= key.length + value.length;
    for (const { key, value } of added) bytes += key.length + value.length;
    this.root = { pairs, bytes };
  }
}

export class InlineList implements EditableItems {
  constructor(public root: InlineItems) {}

  get count(): number {
    return this.root.items.length;
  }

  at(rank: number): Buffer | undefined {
    return this.root.items[rank];
  }

  from(rank: number, direction: Direction, most = this.count): Iterable<Buffer> {
    return walk(this.root.items, rank, direction, most);
  }

  set(rank: number, item: Buffer): void {
    this.splice(rank, 1, [item]);
  }

  insert(rank: number, item: Buffer): void {
    this.splice(rank, 0, [item]);
  }

  deleteRange(from: number, to: number): void {
    this.splice(from, Math.max(0, to - from), []);
  }

  private splice(rank: number, removed: number, added: readonly Buffer[]): void {
    const items = [...this.root.items];
    let { bytes } = this.root;
    for (const item of items.splice(rank, removed, ...added)) bytes -= item.length;
    for (const item of added) bytes += item.length;
    this.root = { items, bytes };
  }
}

function* walk<Item>(
  items: readonly Item[],
  rank: number,
  direction: Direction,
  most: number,
): Iterable<Item> {
  const step = direction === 'up' ? 1 : -1;
  let left = most;
  for (let at = rank; at >= 0 && at < items.length && left > 0; at += step, left--) yield items[at]!;
}
