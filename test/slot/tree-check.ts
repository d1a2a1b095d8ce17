/** The invariants of a tree (head of src/slot/tree.ts), checked over all its pages. */
import assert from 'node:assert/strict';
import { stringAt } from '../../src/slot/byte-list.js';
import type { TreeRoot, TreeShape } from '../../src/slot/tree.js';
import {
  decodePage,
  encodePage,
  type InnerPage,
  type LeafPage,
  type PageNumber,
  rowsOf,
  samePage,
  sizeOf,
  sizeOfRows,
  type TreePage,
} from '../../src/slot/tree-page.js';
import type { PageStore } from './tree-store.js';

export interface TreeFacts {
  readonly rows: readonly (readonly Buffer[])[];
  readonly leaves: number;
  readonly leafBytes: number;
}

interface Walk {
  readonly store: PageStore;
  readonly shape: TreeShape;
  /** Entries are and always were small: pages must be well filled. */
  readonly fill: boolean;
  readonly height: number;
  readonly seen: Set<PageNumber>;
  readonly rows: Buffer[][];
  leaves: number;
  leafBytes: number;
}

/** Where a page stands: its depth, its bounds, and whether it is at an edge of the tree. */
interface Place {
  readonly depth: number;
  readonly low: Buffer | undefined;
  readonly high: Buffer | undefined;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** Checks a tree that has the store to itself. */
export function checkTree(store: PageStore, root: TreeRoot, shape: TreeShape, fill = false): TreeFacts {
  const height = root.height;
  const walk: Walk = { store, shape, fill, height, seen: new Set(), rows: [], leaves: 0, leafBytes: 0 };
  assert.equal(root.count === 0, root.page === 0);
  assert.equal(root.count === 0, height === 0);
  const place = { depth: 1, low: undefined, high: undefined, isFirst: true, isLast: true };
  if (root.count > 0) assert.equal(checkPage(walk, root.page, place), root.count);
  assert.equal(walk.seen.size, store.pages.size, 'pages that nobody refers to');
  for (const page of walk.seen) assert.ok(page < root.nextPage, `page ${page}, next ${root.nextPage}`);
  return walk;
}

function checkPage(walk: Walk, number: PageNumber, place: Place): number {
  const page = walk.store.pages.get(number);
  assert.ok(page !== undefined, `page ${number} is missing`);
  assert.ok(!walk.seen.has(number), `page ${number} is referred to twice`);
  walk.seen.add(number);
  assert.ok(samePage(decodePage(encodePage(page)), page), 'a page comes back as it was stored');
  assert.equal(page.kind === 'leaf', place.depth === walk.height, 'all leaves are at one depth');
  checkSize(walk, page, place);
  return page.kind === 'leaf' ? checkLeaf(walk, page, place) : checkInner(walk, page, place);
}

function checkSize({ shape, fill }: Walk, page: TreePage, place: Place): void {
  const rows = rowsOf(page);
  const target = shape.pageBytesTarget;
  assert.ok(rows > 0, 'an empty page');
  assert.ok(rows <= (page.kind === 'leaf' ? 1 : 3) || sizeOf(page) <= target, `${sizeOf(page)} bytes`);
  if (place.isFirst && place.isLast && page.kind === 'inner') assert.ok(rows > 1, 'a root that is no use');
  if (place.isFirst || place.isLast) return;
  if (page.kind === 'inner') assert.ok(rows > 1, 'an inner page with one child');
  if (fill) assert.ok(sizeOf(page) >= target / 3, `${page.kind} of ${sizeOf(page)} bytes, ${rows} rows`);
}

function checkLeaf(walk: Walk, page: LeafPage, { low, high }: Place): number {
  const { width } = walk.shape;
  assert.equal(page.width, width);
  const own = Array.from({ length: rowsOf(page) }, (_, row) =>
    Array.from({ length: width }, (_, i) => stringAt(page.strings, row * width + i)),
  );
  walk.rows.push(...own);
  walk.leaves++;
  walk.leafBytes += sizeOfRows(page, 0, own.length);
  if (width === 1) return own.length;
  const keys = own.map(([key]) => key!);
  for (let i = 1; i < keys.length; i++) assert.ok(Buffer.compare(keys[i - 1]!, keys[i]!) < 0, 'key order');
  if (low) assert.ok(Buffer.compare(low, keys[0]!) <= 0, 'below the separator');
  if (high) assert.ok(Buffer.compare(keys.at(-1)!, high) < 0, 'above the next separator');
  return own.length;
}

function checkInner(walk: Walk, page: InnerPage, place: Place): number {
  const { separators, children, counts } = page;
  assert.equal(separators === undefined, walk.shape.width === 1);
  let total = 0;
  for (const [row, child] of children.entries()) {
    const bound = (at: number): Buffer | undefined => separators && stringAt(separators, at);
    const isLastRow = row === children.length - 1;
    if (row === 0) assert.equal(bound(0)?.length ?? 0, 0, 'the first bound is the parent’s to know');
    const count = checkPage(walk, child, {
      depth: place.depth + 1,
      low: row === 0 ? place.low : bound(row),
      high: isLastRow ? place.high : bound(row + 1),
      isFirst: place.isFirst && row === 0,
      isLast: place.isLast && isLastRow,
    });
    assert.equal(counts[row], count, 'a count tells the truth');
    total += count;
  }
  return total;
}
