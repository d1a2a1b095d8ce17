/**
 * The counted B+tree that large collections live in: what it stands on, and how it is walked.
 *
 *   ordered (tree-ordered.ts)        hash: field -> value; set: member -> nothing; sorted set: member -> score, and
 *                                    score and member -> nothing; stream: id -> fields
 *   positional (tree-positional.ts)  list: values by rank
 *
 * Every inner row counts the entries below it, so that ranks are found as fast as keys. Pages are small (about
 * `pageBytesTarget`), because a change writes its whole page, and all above it where a count changes.
 *
 * Invariants, checked by test/slot/tree-check.ts:
 * - all leaves are at one depth; no page is empty; the root of two levels or more has at least two children
 * - rows' counts and separators tell the truth of what is below
 * - a page holds at most `pageBytesTarget`, or one entry that is larger by itself, or three children or fewer
 * - where entries are small, a page is a third full at least; at the tree's two edges it need not be, because it fills up there
 *
 * An entry larger than a page stands alone in a leaf of its size: it is read and written whole anyway, and its neighbours change
 * without it. A chain of pages would save nothing: all of it would be read, and written, whenever one of its pages is.
 *
 * What memory lacks makes `Pages.read` throw; nothing here catches it. The run is dropped with all it wrote, the page is loaded,
 * and the run begins anew. Reading goes level by level, and names pages ahead where it knows them (`prefetch`), so that an
 * operation on a wholly cold tree is run at most depth + 2 times, and once more a group of pages where it reads or frees many.
 */
import { invariant } from '../assert.js';
import type { InnerPage, LeafPage, PageNumber, TreePage } from './tree-page.js';

export type { PageNumber, TreePage } from './tree-page.js';

/** The pages of one collection as a run sees them. All trees of a key share them, and their numbers. */
export interface Pages {
  /** Throws, to have the run repeated, when memory lacks the page. */
  read(page: PageNumber): TreePage;
  /** `content` never changes; a changed page is a new object. */
  write(page: PageNumber, content: TreePage): void;
  /** A number that the collection never had: at or above the `nextPage` of all its roots. */
  allocate(): PageNumber;
  free(page: PageNumber): void;
  /** Throws like `read`, naming all that memory lacks of these, so that they are loaded together. */
  prefetch?(pages: readonly PageNumber[]): void;
}

/** What a key's record keeps of a tree. */
export interface TreeRoot {
  /** 0 where the tree is empty. */
  readonly page: PageNumber;
  /** Levels; 0 where the tree is empty. */
  readonly height: number;
  readonly count: number;
  /** Above every page number that this tree was ever given. */
  readonly nextPage: PageNumber;
}

export interface TreeShape {
  readonly pageBytesTarget: number;
  /** Strings an entry: 1 a value, 2 a key and a value. */
  readonly width: 1 | 2;
}

export const EMPTY_ROOT: TreeRoot = { page: 0, height: 0, count: 0, nextPage: 1 };
export const PAGE_BYTES_TARGET = 1024;
/** Pages named in one prefetch, at most: what a run that reads all of a tree holds more each time it begins again. */
export const READ_AHEAD_PAGES_MAX = 16_384;

/** One level of a way down. In a leaf, `row` is where an entry is or would be; in an inner page, the child taken. */
export interface Step {
  readonly number: PageNumber;
  readonly page: TreePage;
  readonly row: number;
}

/** From the root to a leaf; empty in an empty tree. */
export type Path = readonly Step[];

/** Chooses the row of each page on the way down, root first. */
export type Aim = (page: TreePage) => number;

/** To the entry of this rank; past the last leaf's rows where it is the count. */
export function aimAtRank(rank: number): Aim {
  let left = rank;
  return (page) => {
    if (page.kind === 'leaf') return left;
    let row = 0;
    while (row < page.counts.length - 1 && left >= page.counts[row]!) left -= page.counts[row++]!;
    return row;
  };
}

/** Goes down several ways at once, so that a level costs one load, however many of its pages are wanted. */
export function descend(pages: Pages, root: TreeRoot, aims: readonly Aim[]): Step[][] {
  const paths: Step[][] = aims.map(() => []);
  const numbers = aims.map(() => root.page);
  for (let level = 0; level < root.height; level++) {
    if (level > 0 && aims.length > 1) prefetchAll(pages, [...new Set(numbers)]);
    for (let i = 0; i < aims.length; i++) {
      const number = numbers[i]!;
      const page = pages.read(number);
      invariant((page.kind === 'leaf') === (level === root.height - 1), 'a page of another level', {
        number,
      });
      const row = aims[i]!(page);
      paths[i]!.push({ number, page, row });
      if (page.kind === 'inner') numbers[i] = page.children[row]!;
    }
  }
  return paths;
}

export function leafOf(path: Path): LeafPage {
  return path.at(-1)!.page as LeafPage;
}

/** Entries before the one that the path leads to. */
export function rankOf(path: Path): number {
  let rank = 0;
  for (const { page, row } of path) rank += page.kind === 'leaf' ? row : countBefore(page, row);
  return rank;
}

/** Loads all pages of the ranks `from` to `to`, level by level: for those who will read them all. */
export function readAhead(pages: Pages, root: TreeRoot, from: number, to: number): void {
  if (from >= to) return;
  // Ranks below a page count from `start`, which is before `from` in the level's first page only.
  let start = 0;
  let level = [root.page];
  for (let depth = 1; depth < root.height; depth++) {
    const children: PageNumber[] = [];
    let rank = start;
    let first = true;
    for (const number of level) {
      const { children: below, counts } = pages.read(number) as InnerPage;
      for (let row = 0; row < below.length; row++) {
        const end = rank + counts[row]!;
        if (end > from && rank < to) {
          if (first) start = rank;
          first = false;
          children.push(below[row]!);
        }
        rank = end;
      }
    }
    prefetchAll(pages, children);
    level = children;
  }
}

/** Every page of a tree, level by level; each level is loaded together. */
export function* allPages(pages: Pages, root: TreeRoot): Iterable<readonly [PageNumber, TreePage]> {
  let level = root.height === 0 ? [] : [root.page];
  while (level.length > 0) {
    prefetchAll(pages, level);
    const below: PageNumber[] = [];
    for (const number of level) {
      const page = pages.read(number);
      yield [number, page];
      if (page.kind === 'inner') for (const child of page.children) below.push(child);
    }
    level = below;
  }
}

/** Frees a page of `height` levels and all below it; leaves are not read for it. */
export function freeAll(pages: Pages, tops: readonly PageNumber[], height: number): void {
  let level = tops;
  for (let left = height; left > 1 && level.length > 0; left--) {
    prefetchAll(pages, level);
    const below = level.flatMap((number) => (pages.read(number) as InnerPage).children);
    for (const number of level) pages.free(number);
    level = below;
  }
  for (const number of level) pages.free(number);
}

/** Names the pages in groups: each is in memory when the next is asked for. */
export function prefetchAll(pages: Pages, numbers: readonly PageNumber[]): void {
  if (pages.prefetch === undefined) return;
  for (let at = 0; at < numbers.length; at += READ_AHEAD_PAGES_MAX) {
    pages.prefetch(numbers.slice(at, at + READ_AHEAD_PAGES_MAX));
  }
}

function countBefore(page: InnerPage, row: number): number {
  let count = 0;
  for (let i = 0; i < row; i++) count += page.counts[i]!;
  return count;
}
