/**
 * Where an overfull page is cut, and when one is underfull. Pure.
 *
 * Pieces are `pageBytesTarget` at most, except one that is a single larger entry or has three children at most: an inner page
 * with a single child would not be worth its level.
 * - `even`: halves, again where a half is still too large, so that there is room on both sides of whatever comes next
 * - `first`: pieces are filled from the first row on, and the rest is at the end, where the next rows are expected
 * - `last`: the same from the other end
 */
import { rowsOf, sizeOfRows, type TreePage } from './tree-page.js';

export type Filling = 'even' | 'first' | 'last';

/** The rows at which pieces begin, the first of them 0; none for a page without rows. */
export function cutsOf(page: TreePage, bytesTarget: number, filling: Filling): number[] {
  const rows = rowsOf(page);
  if (rows === 0) return [];
  if (fits(page, 0, rows, bytesTarget)) return [0];
  if (filling === 'even') return cutEvenly(page, bytesTarget);
  return filling === 'first' ? fillForwards(page, bytesTarget) : fillBackwards(page, bytesTarget);
}

/** Whether these rows may be one page. */
export function fits(page: TreePage, from: number, to: number, bytesTarget: number): boolean {
  return to - from <= soleRows(page) || sizeOfRows(page, from, to) <= bytesTarget;
}

/** So many rows are never parted for their size. */
export function soleRows(page: TreePage): number {
  return page.kind === 'leaf' ? 1 : 3;
}

/** A page is in need of company when it is less than this part of the target. */
const UNDERFULL_SHARE = 1 / 3;

export function isSlim(
  kind: TreePage['kind'],
  rows: number,
  sizeBytes: number,
  bytesTarget: number,
): boolean {
  return (kind === 'inner' && rows < 2) || sizeBytes < bytesTarget * UNDERFULL_SHARE;
}

function cutEvenly(page: TreePage, bytesTarget: number): number[] {
  const cuts: number[] = [];
  const waiting: [from: number, to: number][] = [[0, rowsOf(page)]];
  for (let piece = waiting.pop(); piece !== undefined; piece = waiting.pop()) {
    const [from, to] = piece;
    if (fits(page, from, to, bytesTarget)) {
      cuts.push(from);
      continue;
    }
    const middle = middleOf(page, from, to);
    waiting.push([middle, to], [from, middle]);
  }
  return cuts;
}

/** The row that parts the bytes most evenly, with two children at least on either side of an inner page. */
function middleOf(page: TreePage, from: number, to: number): number {
  const rowsMin = page.kind === 'leaf' ? 1 : 2;
  let low = from + rowsMin;
  let high = to - rowsMin;
  while (low < high) {
    const row = (low + high) >>> 1;
    if (sizeOfRows(page, from, row) < sizeOfRows(page, row, to)) low = row + 1;
    else high = row;
  }
  const uneven = (row: number): number => Math.abs(sizeOfRows(page, from, row) - sizeOfRows(page, row, to));
  return low > from + rowsMin && uneven(low - 1) <= uneven(low) ? low - 1 : low;
}

function fillForwards(page: TreePage, bytesTarget: number): number[] {
  const cuts = [0];
  for (let row = 1; row < rowsOf(page); row++) {
    if (!fits(page, cuts.at(-1)!, row + 1, bytesTarget)) cuts.push(row);
  }
  return cuts;
}

function fillBackwards(page: TreePage, bytesTarget: number): number[] {
  const cuts: number[] = [];
  let to = rowsOf(page);
  for (let row = to - 1; row > 0; row--) {
    if (fits(page, row - 1, to, bytesTarget)) continue;
    cuts.push(row);
    to = row;
  }
  return [0, ...cuts.reverse()];
}
