/**
 * A page of a collection's tree: plain data that never changes, its rows, and how it is stored.
 *
 * A leaf's row is an entry: a value, or a key and a value. An inner page's row is a child: its page number, the entries below it,
 * and in an ordered tree a separator: every key below the child is at or above it, every key before the child is below it. The
 * first row's separator is empty: its bound is the one that the page itself has in its parent.
 *
 *   u8 version (1) | u8 kind | varint rows | inner: rows x (varint page, varint count) |
 *   varint length of each string | the strings
 *   kind: 0 leaf of values, 1 leaf of keys and values, 2 inner, 3 inner with separators
 *
 * Checked when read: lengths, page numbers, counts, and the order of keys and separators. Whether a page is the one that its
 * parent means is the engine's checksum's and the tree's to know.
 */
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';
import {
  type ByteList,
  bytesBetween,
  closed,
  compareAt,
  compareWithin,
  joinLists,
  type ListSlice,
  listOf,
  NO_BYTES,
  type OpenList,
  sameList,
  sameNumbers,
  trimmed,
} from './byte-list.js';

/** From 1 to 2^32 - 1; 0 stands for no page. */
export type PageNumber = number;
export type TreePage = LeafPage | InnerPage;

export interface LeafPage {
  readonly kind: 'leaf';
  /** Strings a row: 1 a value, 2 a key and a value. */
  readonly width: 1 | 2;
  readonly strings: ByteList;
}

export interface InnerPage {
  readonly kind: 'inner';
  readonly children: readonly PageNumber[];
  /** Entries below each child. */
  readonly counts: readonly number[];
  /** One a child, the first one empty; undefined in a tree without keys. */
  readonly separators: ByteList | undefined;
}

/** The rows `from` to `to` of a page, without the last. */
export interface RowSlice {
  readonly page: TreePage;
  readonly from: number;
  readonly to: number;
  /** The page's own bound in its parent, for its first row. */
  readonly separator: Buffer;
}

const VERSION = 1;
const PAGE_NUMBER_MAX = 0xffffffff;
/** What a string's length, and a child's number and count, are reckoned to take: about their usual varints. */
export const LENGTH_BYTES = 2;
export const CHILD_BYTES = 6;
const BLANK = listOf([NO_BYTES]);

export function rowsOf(page: TreePage): number {
  return page.kind === 'leaf' ? page.strings.ends.length / page.width : page.children.length;
}

/** Entries in the page and below. */
export function countOf(page: TreePage): number {
  if (page.kind === 'leaf') return rowsOf(page);
  let count = 0;
  for (const below of page.counts) count += below;
  return count;
}

/** About what the rows would take as a page of their own. */
export function sizeOfRows(page: TreePage, from: number, to: number): number {
  const rows = to - from;
  if (rows <= 0) return 0;
  if (page.kind === 'leaf') {
    const { strings, width } = page;
    return bytesBetween(strings, from * width, to * width) + rows * width * LENGTH_BYTES;
  }
  const { separators } = page;
  if (separators === undefined) return rows * CHILD_BYTES;
  return bytesBetween(separators, from + 1, to) + rows * (CHILD_BYTES + LENGTH_BYTES);
}

export function sizeOf(page: TreePage): number {
  return sizeOfRows(page, 0, rowsOf(page));
}

/** One page of the slices' rows, however large; all are of the kind of `like`. */
export function joinRows(like: TreePage, slices: readonly RowSlice[]): TreePage {
  const parts = slices.filter(({ from, to }) => from < to);
  return like.kind === 'leaf' ? joinLeaves(like.width, parts) : joinInners(like, parts);
}

function joinLeaves(width: 1 | 2, parts: readonly RowSlice[]): LeafPage {
  const slices = parts.map(({ page, from, to }) => {
    const { strings } = page as LeafPage;
    return { list: strings, from: from * width, to: to * width };
  });
  return { kind: 'leaf', width, strings: joinLists(slices) };
}

function joinInners(like: InnerPage, parts: readonly RowSlice[]): InnerPage {
  const children = parts.flatMap(({ page, from, to }) => (page as InnerPage).children.slice(from, to));
  const counts = parts.flatMap(({ page, from, to }) => (page as InnerPage).counts.slice(from, to));
  if (like.separators === undefined) return { kind: 'inner', children, counts, separators: undefined };
  const slices: ListSlice[] = [];
  parts.forEach(({ page, from, to, separator }, i) => {
    const { separators } = page as InnerPage;
    if (i > 0 && from > 0) {
      slices.push({ list: separators!, from, to });
      return;
    }
    slices.push({ list: i === 0 ? BLANK : listOf([separator]), from: 0, to: 1 });
    slices.push({ list: separators!, from: from + 1, to });
  });
  return { kind: 'inner', children, counts, separators: joinLists(slices) };
}

export function samePage(a: TreePage, b: TreePage): boolean {
  if (a === b) return true;
  if (a.kind === 'leaf') return b.kind === 'leaf' && a.width === b.width && sameList(a.strings, b.strings);
  if (b.kind === 'leaf' || !sameNumbers(a.children, b.children) || !sameNumbers(a.counts, b.counts))
    return false;
  if (a.separators === undefined || b.separators === undefined) return a.separators === b.separators;
  return sameList(a.separators, b.separators);
}

/** The first row whose key is at or above `key`; the number of rows where there is none. */
export function rowOfKey(leaf: LeafPage, key: Buffer): number {
  return firstAtOrAbove(leaf.strings, leaf.width, rowsOf(leaf), key);
}

export function holdsKey(leaf: LeafPage, row: number, key: Buffer): boolean {
  return row < rowsOf(leaf) && compareAt(leaf.strings, row * leaf.width, key) === 0;
}

/** The child below which `key` belongs. */
export function childOfKey(page: InnerPage, key: Buffer): number {
  const { separators, children } = page;
  const row = firstAtOrAbove(separators!, 1, children.length, key);
  return row < children.length && compareAt(separators!, row, key) === 0 ? row : Math.max(0, row - 1);
}

/** The shortest string that is above `below` and not above `above`: a beginning of `above`. */
export function separatorOf(below: Buffer, above: Buffer): Buffer {
  let common = 0;
  while (common < below.length && below[common] === above[common]) common++;
  return above.subarray(0, common + 1);
}

function firstAtOrAbove(list: ByteList, width: number, rows: number, key: Buffer): number {
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareAt(list, middle * width, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function encodePage(page: TreePage): Buffer {
  const strings = stringsOf(page);
  const out = new ByteWriter(sizeOf(page) + 16);
  out.u8(VERSION).u8(kindCode(page)).varint(rowsOf(page));
  if (page.kind === 'inner') {
    for (const [i, child] of page.children.entries()) out.varint(child).varint(page.counts[i]!);
  }
  let start = 0;
  for (const end of strings?.ends ?? []) {
    out.varint(end - start);
    start = end;
  }
  if (typeof strings?.bytes === 'string') out.characters(strings.bytes);
  else if (strings !== undefined) out.raw(strings.bytes);
  return out.finish();
}

/** Throws FormatError on anything that encodePage does not write. */
export function decodePage(bytes: Buffer): TreePage {
  const input = new ByteReader(bytes);
  const version = input.u8();
  if (version !== VERSION) throw new FormatError(`page version ${version}, known is ${VERSION}`);
  const kind = input.u8();
  if (kind > 3) throw new FormatError(`page kind ${kind}`);
  const rows = input.varint();
  if (rows === 0) throw new FormatError('a page without rows');
  if (kind < 2) {
    const width = kind === 0 ? 1 : 2;
    const strings = readStrings(input, rows * width);
    input.end();
    if (width === 2) checkOrder(strings, 2, rows);
    return { kind: 'leaf', width, strings: closed(strings) };
  }
  const children: PageNumber[] = [];
  const counts: number[] = [];
  for (let i = 0; i < rows; i++) {
    children.push(input.varint());
    counts.push(input.varint());
  }
  const separators = kind === 2 ? undefined : readStrings(input, rows);
  input.end();
  return innerOf(children, counts, separators);
}

function kindCode(page: TreePage): number {
  if (page.kind === 'leaf') return page.width - 1;
  return page.separators === undefined ? 2 : 3;
}

function stringsOf(page: TreePage): ByteList | undefined {
  return page.kind === 'leaf' ? page.strings : page.separators;
}

/** A length takes a byte at least, so that a count from a damaged source costs nothing. */
function readStrings(input: ByteReader, count: number): OpenList {
  const ends: number[] = [];
  let end = 0;
  for (let i = 0; i < count; i++) {
    end += input.varint();
    ends.push(end);
  }
  return { bytes: input.raw(end), ends: trimmed(ends) };
}

function innerOf(
  children: readonly PageNumber[],
  counts: readonly number[],
  separators: OpenList | undefined,
): InnerPage {
  for (const child of children) {
    if (child === 0 || child > PAGE_NUMBER_MAX) throw new FormatError(`page number ${child}`);
  }
  if (counts.includes(0)) throw new FormatError('a child without entries');
  const page: InnerPage = { kind: 'inner', children, counts, separators: separators && closed(separators) };
  if (!Number.isSafeInteger(countOf(page))) throw new FormatError('more entries than can be counted');
  if (separators === undefined) return page;
  if (separators.ends[0] !== 0) throw new FormatError('a separator before the first child');
  checkOrder(separators, 1, children.length);
  return page;
}

function checkOrder(list: OpenList, width: number, rows: number): void {
  for (let i = 1; i < rows; i++) {
    if (compareWithin(list, (i - 1) * width, i * width) >= 0) {
      throw new FormatError(`rows ${i - 1} and ${i} out of order`);
    }
  }
}
