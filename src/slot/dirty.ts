/**
 * The cells changed since the last freeze, kept by hash slot: a checkpoint writes them in (nearly) the engine's order, and a
 * scan finds those after a position without sorting them all.
 */
import { type Cell, cellBytes } from './cell.js';
import { keyOf, placeOf, positionOf } from './keys.js';

export class DirtyCells {
  private readonly buckets = new Map<number, Map<string, Cell>>();
  size = 0;
  bytes = 0;

  /** Adds, or replaces an older version. */
  put(cell: Cell): void {
    cell.place ??= placeOf(keyOf(cell.name));
    let bucket = this.buckets.get(cell.place.hash14);
    if (bucket === undefined) {
      bucket = new Map();
      this.buckets.set(cell.place.hash14, bucket);
    }
    const before = bucket.get(cell.name);
    bucket.set(cell.name, cell);
    this.bytes += cellBytes(cell) - (before ? cellBytes(before) : 0);
    if (before === undefined) this.size++;
  }

  has(cell: Cell): boolean {
    if (cell.place === undefined) return false;
    return this.buckets.get(cell.place.hash14)?.get(cell.name) === cell;
  }

  *[Symbol.iterator](): Iterator<Cell> {
    for (const bucket of this.buckets.values()) yield* bucket.values();
  }

  /** Cells at or after a scan position, in no order. */
  *from(position: number): Iterable<Cell> {
    const firstHash = Math.floor(position / 4294967296);
    for (const [hash, bucket] of this.buckets) {
      if (hash < firstHash) continue;
      for (const cell of bucket.values())
        if (hash > firstHash || positionOf(cell.place!) >= position) yield cell;
    }
  }
}
