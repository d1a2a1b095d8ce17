/**
 * The cells changed since the last freeze, kept by ranges of hash slots: a checkpoint writes them in (roughly) the engine's order, and a
 * scan finds those after a position without sorting them all.
 *
 * Without a map of names: whoever puts a new version of a cell knows the one before it, and that one knows where it stands. A look-up by
 * name costs as much as the rest of a small write, and a map for each hash slot is one for each cell.
 */
import { type Cell, cellBytes, placedHash14, placeOfCell } from './cell.js';
import { positionOf } from './keys.js';

/** Hash slots of a range, as a power of two. */
const RANGE_BITS = 5;

export class DirtyCells {
  private readonly ranges = new Map<number, Cell[]>();
  size = 0;
  bytes = 0;

  /** Adds the newest version of a key's cell; `before` is the one that it replaces in memory. */
  put(cell: Cell, before: Cell | undefined): void {
    const cells = this.rangeOf(placedHash14(cell) >>> RANGE_BITS);
    const at = before?.dirtyAt;
    this.bytes += cellBytes(cell);
    if (at !== undefined && cells[at] === before) {
      this.bytes -= cellBytes(before!);
      cell.dirtyAt = at;
      cells[at] = cell;
      return;
    }
    cell.dirtyAt = cells.length;
    cells.push(cell);
    this.size++;
  }

  has(cell: Cell): boolean {
    if (cell.dirtyAt === undefined) return false;
    return this.ranges.get(cell.hash14 >>> RANGE_BITS)?.[cell.dirtyAt] === cell;
  }

  *[Symbol.iterator](): Iterator<Cell> {
    for (const cells of this.ranges.values()) yield* cells;
  }

  /** Cells at or after a scan position, in no order. */
  *from(position: number): Iterable<Cell> {
    const first = Math.floor(position / 4294967296) >>> RANGE_BITS;
    for (const [range, cells] of this.ranges) {
      if (range < first) continue;
      for (const cell of cells) if (range > first || positionOf(placeOfCell(cell)) >= position) yield cell;
    }
  }

  private rangeOf(range: number): Cell[] {
    let cells = this.ranges.get(range);
    if (cells === undefined) {
      cells = [];
      this.ranges.set(range, cells);
    }
    return cells;
  }
}
