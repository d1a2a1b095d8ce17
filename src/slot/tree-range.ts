/**
 * Reading a range of ranks, leaf by leaf, either way.
 *
 * Pages are read when the reader gets to them, and named ahead in windows that grow: a reader that stops early has loaded little,
 * one that goes on repeats its run a few times only. Whoever knows that it wants all calls `readAhead` first, which costs
 * no more than the inner pages each time.
 */
import { invariant } from '../assert.js';
import { type OpenList, opened } from './byte-list.js';
import { aimAtRank, descend, type Pages, prefetchAll, type TreeRoot } from './tree.js';
import { type InnerPage, type LeafPage, rowsOf } from './tree-page.js';

/** The first window, in pages. */
const READ_AHEAD_PAGES_MIN = 4;
/** The last: who may stop at any time should not have loaded much more than was read. */
const WINDOW_PAGES_MAX = 256;

export type Direction = 1 | -1;

/** Rows of one leaf, `from` to `to` without the last; to be read downwards where the direction is -1. */
interface LeafRows {
  readonly leaf: LeafPage;
  readonly from: number;
  readonly to: number;
}

/** An inner page on the way, and how far its children were named. */
interface Level {
  readonly page: InnerPage;
  row: number;
  /** The first child in the direction that was not named. */
  ahead: number;
}

/**
 * The entries of the ranks `from` to `to` without the last, upwards or downwards, as `entryAt` takes them from a leaf. Lazy: a page is
 * read when the reader gets there; so the tree must not have changed meanwhile.
 */
export function* entriesOf<T>(
  pages: Pages,
  tree: { readonly root: TreeRoot },
  from: number,
  to: number,
  direction: Direction,
  entryAt: (strings: OpenList, row: number) => T,
): Generator<T> {
  const { root } = tree;
  for (const rows of leavesOf(pages, root, Math.max(0, from), Math.min(to, root.count), direction)) {
    const strings = opened(rows.leaf.strings);
    const start = direction === 1 ? rows.from : rows.to - 1;
    for (let row = start; row >= rows.from && row < rows.to; row += direction) {
      invariant(tree.root === root, 'a tree was changed under its reader');
      yield entryAt(strings, row);
    }
  }
}

function* leavesOf(
  pages: Pages,
  root: TreeRoot,
  from: number,
  to: number,
  direction: Direction,
): Generator<LeafRows> {
  let left = to - from;
  if (left <= 0) return;
  const [path] = descend(pages, root, [aimAtRank(direction === 1 ? from : to - 1)]);
  const { page, row } = path!.at(-1)!;
  const levels = path!.slice(0, -1).map((step): Level => {
    return { page: step.page as InnerPage, row: step.row, ahead: step.row + direction };
  });
  const window = { pages: READ_AHEAD_PAGES_MIN };
  let leaf: LeafPage | undefined = page as LeafPage;
  let start = row;
  while (leaf !== undefined) {
    const rows: LeafRows =
      direction === 1
        ? { leaf, from: start, to: Math.min(rowsOf(leaf), start + left) }
        : { leaf, from: Math.max(0, start + 1 - left), to: start + 1 };
    yield rows;
    left -= rows.to - rows.from;
    leaf = left > 0 ? nextLeaf(pages, levels, direction, left, window) : undefined;
    if (leaf !== undefined) start = direction === 1 ? 0 : rowsOf(leaf) - 1;
  }
}

/** The leaf after the one that `levels` lead to, which they lead to from then on. There is one: entries are left. */
function nextLeaf(
  pages: Pages,
  levels: Level[],
  direction: Direction,
  left: number,
  window: { pages: number },
): LeafPage {
  let depth = levels.length - 1;
  while (!hasRow(levels[depth]!.page, levels[depth]!.row + direction)) depth--;
  levels[depth]!.row += direction;
  for (;;) {
    const level = levels[depth]!;
    if (level.row === level.ahead) nameAhead(pages, level, direction, left, window);
    const page = pages.read(level.page.children[level.row]!);
    if (page.kind === 'leaf') return page;
    depth++;
    const row = direction === 1 ? 0 : rowsOf(page) - 1;
    levels[depth] = { page, row, ahead: row };
  }
}

/** Names the next children, as far as entries are wanted. */
function nameAhead(
  pages: Pages,
  level: Level,
  direction: Direction,
  left: number,
  window: { pages: number },
): void {
  const { children, counts } = level.page;
  const wanted: number[] = [];
  let entries = 0;
  let row = level.row;
  while (hasRow(level.page, row) && entries < left && wanted.length < window.pages) {
    wanted.push(children[row]!);
    entries += counts[row]!;
    row += direction;
  }
  level.ahead = row;
  window.pages = Math.min(2 * window.pages, WINDOW_PAGES_MAX);
  prefetchAll(pages, wanted);
}

function hasRow(page: InnerPage, row: number): boolean {
  return row >= 0 && row < page.children.length;
}
