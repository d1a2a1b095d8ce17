/**
 * A tree of values by rank: a list.
 *
 * It lives as long as one run: `root` is what the run's record must keep. Bytes given in are copied; those given out are never
 * changed. Ranks are from 0, ranges of ranks without their end; a range must not be read on after a change.
 */
import { invariant } from '../assert.js';
import { listOf, stringAt } from './byte-list.js';
import { aimAtRank, descend, leafOf, type Pages, type Path, type Step, type TreeRoot } from './tree.js';
import { appendAll, insertAtRank, replaceRow } from './tree-change.js';
import { CountedTree } from './tree-counted.js';
import { entriesOf } from './tree-range.js';

export class PositionalTree extends CountedTree {
  constructor(pages: Pages, root: TreeRoot, pageBytesTarget?: number) {
    super(pages, root, 1, pageBytesTarget);
  }

  at(rank: number): Buffer | undefined {
    const path = this.pathTo(rank);
    return path && valueAt(path);
  }

  /** The first of the values is at `rank` afterwards. */
  insertAt(rank: number, values: readonly Buffer[]): void {
    invariant(rank >= 0 && rank <= this.count, 'inserted beyond the end', { rank, count: this.count });
    if (values.length === 0) return;
    this.root = insertAtRank(this.pages, this.shape, this.root, rank, listOf(values));
  }

  /** Answers the value that was there; changes nothing where there is none. */
  setAt(rank: number, value: Buffer): Buffer | undefined {
    const path = this.pathTo(rank);
    if (path === undefined) return undefined;
    const before = valueAt(path);
    if (before.equals(value)) return before;
    this.root = replaceRow(this.pages, this.shape, this.root, path, 1, listOf([value]));
    return before;
  }

  /** Answers the value that was there. */
  removeAt(rank: number): Buffer | undefined {
    const path = this.pathTo(rank);
    if (path === undefined) return undefined;
    this.root = replaceRow(this.pages, this.shape, this.root, path, 1, listOf([]));
    return valueAt(path);
  }

  /** Behind the last, in this order. */
  pushLast(values: Iterable<Buffer>): void {
    this.root = appendAll(this.pages, this.shape, this.root, rowsOfValues(values));
  }

  /** Before the first, in this order: the first of them is the first afterwards. */
  pushFirst(values: readonly Buffer[]): void {
    this.insertAt(0, values);
  }

  popFirst(): Buffer | undefined {
    return this.removeAt(0);
  }

  popLast(): Buffer | undefined {
    return this.removeAt(this.count - 1);
  }

  ascend(from = 0, to = this.count): Generator<Buffer> {
    return entriesOf(this.pages, this, from, to, 1, stringAt);
  }

  /** From the value before `to` down to the one at `from`. */
  descend(from = 0, to = this.count): Generator<Buffer> {
    return entriesOf(this.pages, this, from, to, -1, stringAt);
  }

  private pathTo(rank: number): Step[] | undefined {
    if (rank < 0 || rank >= this.count) return undefined;
    return descend(this.pages, this.root, [aimAtRank(rank)])[0];
  }
}

function* rowsOfValues(values: Iterable<Buffer>): Generator<readonly Buffer[]> {
  for (const value of values) yield [value];
}

function valueAt(path: Path): Buffer {
  return stringAt(leafOf(path).strings, path.at(-1)!.row);
}
