/**
 * A tree of keys in bytewise order, each with a value: hash, set, sorted set, stream.
 *
 * It lives as long as one run: `root` is what the run's record must keep. Bytes given in are copied; those given out are never
 * changed. Ranks are from 0, ranges of ranks without their end; a range must not be read on after a change.
 */
import { invariant } from '../assert.js';
import { type ByteList, listOf, stringAt } from './byte-list.js';
import {
  type Aim,
  aimAtRank,
  descend,
  leafOf,
  type Pages,
  type Path,
  rankOf,
  type Step,
  type TreeRoot,
} from './tree.js';
import { appendAll, replaceRow } from './tree-change.js';
import { CountedTree } from './tree-counted.js';
import { childOfKey, holdsKey, rowOfKey } from './tree-page.js';
import { entriesOf } from './tree-range.js';

export interface TreeEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** How many keys are below a key, and whether it is there itself. */
export interface KeyRank {
  readonly rank: number;
  readonly found: boolean;
}

export class OrderedTree extends CountedTree {
  constructor(pages: Pages, root: TreeRoot, pageBytesTarget?: number) {
    super(pages, root, 2, pageBytesTarget);
  }

  get(key: Buffer): Buffer | undefined {
    const path = this.pathTo(key);
    return holdsAtEnd(path, key) ? valueAt(path) : undefined;
  }

  /** Answers the value that the key had. */
  put(key: Buffer, value: Buffer): Buffer | undefined {
    const path = this.pathTo(key);
    const before = holdsAtEnd(path, key) ? valueAt(path) : undefined;
    if (before?.equals(value)) return before;
    this.root = replaceRow(this.pages, this.shape, this.root, path, before ? 1 : 0, listOf([key, value]));
    return before;
  }

  /** Answers the value that the key had. */
  delete(key: Buffer): Buffer | undefined {
    const path = this.pathTo(key);
    if (!holdsAtEnd(path, key)) return undefined;
    this.root = replaceRow(this.pages, this.shape, this.root, path, 1, listOf([]));
    return valueAt(path);
  }

  rank(key: Buffer): KeyRank {
    return keyRank(this.pathTo(key), key);
  }

  at(rank: number): TreeEntry | undefined {
    if (rank < 0 || rank >= this.count) return undefined;
    const [path] = descend(this.pages, this.root, [aimAtRank(rank)]);
    return entryAt(leafOf(path!).strings, path!.at(-1)!.row);
  }

  /** Keys at or above `low` and below `high`. */
  countBetween(low: Buffer, high: Buffer): number {
    const [from, to] = this.ranks([low, high]) as [KeyRank, KeyRank];
    return Math.max(0, to.rank - from.rank);
  }

  /** As many ranks as keys; what memory lacks of them is loaded together. */
  ranks(keys: readonly Buffer[]): KeyRank[] {
    return this.pathsTo(keys).map((path, i) => keyRank(path, keys[i]!));
  }

  /** Loads what a run will need of these keys, together. */
  prefetch(keys: readonly Buffer[]): void {
    this.pathsTo(keys);
  }

  ascend(from = 0, to = this.count): Generator<TreeEntry> {
    return entriesOf(this.pages, this, from, to, 1, entryAt);
  }

  /** From the entry before `to` down to the one at `from`. */
  descend(from = 0, to = this.count): Generator<TreeEntry> {
    return entriesOf(this.pages, this, from, to, -1, entryAt);
  }

  /** From the first key at or above `key`. */
  *ascendFrom(key: Buffer): Generator<TreeEntry> {
    yield* this.ascend(this.rank(key).rank);
  }

  /** From the last key at or below `key`. */
  *descendFrom(key: Buffer): Generator<TreeEntry> {
    const { rank, found } = this.rank(key);
    yield* this.descend(0, found ? rank + 1 : rank);
  }

  /** Entries in order, all above those that are there: the quick way to build a tree, which comes out with full pages. */
  append(entries: Iterable<TreeEntry>): void {
    this.root = appendAll(this.pages, this.shape, this.root, this.rowsInOrder(entries));
  }

  private *rowsInOrder(entries: Iterable<TreeEntry>): Generator<readonly Buffer[]> {
    let last = this.at(this.count - 1)?.key;
    for (const { key, value } of entries) {
      invariant(last === undefined || Buffer.compare(last, key) < 0, 'appended out of order');
      last = key;
      yield [key, value];
    }
  }

  private pathTo(key: Buffer): Step[] {
    return descend(this.pages, this.root, [aimAtKey(key)])[0]!;
  }

  private pathsTo(keys: readonly Buffer[]): Step[][] {
    return descend(this.pages, this.root, keys.map(aimAtKey));
  }
}

/** To the first entry at or above the key, or past the end of the leaf where the key belongs. */
function aimAtKey(key: Buffer): Aim {
  return (page) => (page.kind === 'leaf' ? rowOfKey(page, key) : childOfKey(page, key));
}

function holdsAtEnd(path: Path, key: Buffer): boolean {
  return path.length > 0 && holdsKey(leafOf(path), path.at(-1)!.row, key);
}

function valueAt(path: Path): Buffer {
  return stringAt(leafOf(path).strings, 2 * path.at(-1)!.row + 1);
}

function entryAt(strings: ByteList, row: number): TreeEntry {
  return { key: stringAt(strings, 2 * row), value: stringAt(strings, 2 * row + 1) };
}

function keyRank(path: Path, key: Buffer): KeyRank {
  return { rank: rankOf(path), found: holdsAtEnd(path, key) };
}
