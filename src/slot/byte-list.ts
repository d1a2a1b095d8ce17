/**
 * A list of byte strings in one piece of memory: what the pages of a collection are made of.
 *
 * A page of thirty entries as sixty Buffers would weigh several times its bytes and be that much more work for the garbage
 * collector. Here it is one JavaScript string of a character a byte, and one array of numbers: a Buffer is an object that the collector
 * must look at and an allocation that somebody must give back, and with three hundred thousand of them at once that takes half a second.
 * What is larger than a usual page is a Buffer all the same: it is soon copied, and strings lie in the heap, which has a bound.
 *
 * A list never changes, and owns its memory: joining copies, so that a list keeps nothing larger alive (a log entry, a
 * shared slab). Strings given out are Buffers of their own, or parts of one that was made for them together.
 */
import { ownBytes, packed, unpacked } from '../bytes.js';

export interface ByteList {
  readonly bytes: string | Buffer;
  /** Where each string ends in `bytes`; it begins where the one before ends. */
  readonly ends: readonly number[];
}

/** To be read in full: the strings that are taken of it alias it. */
export interface OpenList extends ByteList {
  readonly bytes: Buffer;
}

/** The strings `from` to `to`, without the last. */
export interface ListSlice {
  readonly list: ByteList;
  readonly from: number;
  readonly to: number;
}

export const NO_BYTES = Buffer.alloc(0);

/** Up to here strings are compared byte by byte: for short ones a call out of JavaScript costs more than the loop. */
const NEAR_BYTES = 32;
/** A list of more is a Buffer. */
const STRING_BYTES_MAX = 4096;
/** Lists of strings are put together here. */
const scratch = Buffer.alloc(STRING_BYTES_MAX);

export function listOf(strings: readonly Uint8Array[]): ByteList {
  let total = 0;
  const ends = strings.map((string) => {
    total += string.length;
    return total;
  });
  const bytes = roomFor(total);
  for (let i = 0; i < strings.length; i++) bytes.set(strings[i]!, ends[i]! - strings[i]!.length);
  return { bytes: kept(bytes, total), ends };
}

/** The same list as it is kept; takes over the bytes, unless there is something larger behind them. */
export function closed({ bytes, ends }: OpenList): ByteList {
  return { bytes: bytes.length <= STRING_BYTES_MAX ? packed(bytes) : ownBytes(bytes), ends };
}

export function opened(list: ByteList): OpenList {
  return { bytes: bytesOf(list), ends: list.ends };
}

/** All of it, one after the other; may be the list's own memory. */
export function bytesOf({ bytes }: ByteList): Buffer {
  return typeof bytes === 'string' ? unpacked(bytes) : bytes;
}

export function stringAt(list: ByteList, i: number): Buffer {
  const { bytes } = list;
  const start = startOf(list, i);
  const end = list.ends[i]!;
  return typeof bytes === 'string' ? unpacked(bytes.slice(start, end)) : bytes.subarray(start, end);
}

/** Bytes of the strings `from` to `to`, without the last. */
export function bytesBetween(list: ByteList, from: number, to: number): number {
  return startOf(list, to) - startOf(list, from);
}

export function joinLists(slices: readonly ListSlice[]): ByteList {
  let total = 0;
  for (const { list, from, to } of slices) total += bytesBetween(list, from, to);
  const bytes = roomFor(total);
  const ends: number[] = [];
  let at = 0;
  for (const { list, from, to } of slices) {
    const start = startOf(list, from);
    for (let i = from; i < to; i++) ends.push(list.ends[i]! - start + at);
    if (to > from) at += copyBytes(list.bytes, start, list.ends[to - 1]!, bytes, at);
  }
  return { bytes: kept(bytes, total), ends: trimmed(ends) };
}

/** An array that grew by one at a time has room for half as many more. */
export function trimmed(ends: readonly number[]): readonly number[] {
  return ends.slice();
}

function roomFor(total: number): Buffer {
  return total <= STRING_BYTES_MAX ? scratch : Buffer.allocUnsafeSlow(total);
}

function kept(bytes: Buffer, total: number): string | Buffer {
  return bytes === scratch ? scratch.toString('latin1', 0, total) : bytes;
}

function copyBytes(from: string | Buffer, start: number, end: number, to: Buffer, at: number): number {
  return typeof from === 'string'
    ? to.write(from.slice(start, end), at, 'latin1')
    : from.copy(to, at, start, end);
}

/** Bytewise: negative where string `i` is before `key`, 0 where they are equal. */
export function compareAt(list: ByteList, i: number, key: Buffer): number {
  const { bytes } = list;
  const start = startOf(list, i);
  const end = list.ends[i]!;
  return typeof bytes === 'string'
    ? compareText(bytes, start, end, key)
    : compareBytes(bytes, start, end, key, 0, key.length);
}

/** The same for two strings of one list. */
export function compareWithin(list: OpenList, i: number, j: number): number {
  const { bytes, ends } = list;
  return compareBytes(bytes, startOf(list, i), ends[i]!, bytes, startOf(list, j), ends[j]!);
}

function compareText(text: string, start: number, end: number, key: Buffer): number {
  const near = Math.min(end - start, key.length, NEAR_BYTES);
  for (let k = 0; k < near; k++) {
    const difference = text.charCodeAt(start + k) - key[k]!;
    if (difference !== 0) return difference;
  }
  if (near < NEAR_BYTES) return end - start - key.length;
  return unpacked(text.slice(start + near, end)).compare(key, near);
}

function compareBytes(
  a: Buffer,
  aStart: number,
  aEnd: number,
  b: Buffer,
  bStart: number,
  bEnd: number,
): number {
  const near = Math.min(aEnd - aStart, bEnd - bStart, NEAR_BYTES);
  for (let k = 0; k < near; k++) {
    const difference = a[aStart + k]! - b[bStart + k]!;
    if (difference !== 0) return difference;
  }
  if (near < NEAR_BYTES) return aEnd - aStart - (bEnd - bStart);
  return a.compare(b, bStart + near, bEnd, aStart + near, aEnd);
}

export function sameList(a: ByteList, b: ByteList): boolean {
  if (a === b) return true;
  if (a.bytes.length !== b.bytes.length || !sameNumbers(a.ends, b.ends)) return false;
  return typeof a.bytes === 'string' ? a.bytes === b.bytes : bytesOf(a).equals(bytesOf(b));
}

export function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((number, i) => number === b[i]));
}

function startOf(list: ByteList, i: number): number {
  return i === 0 ? 0 : list.ends[i - 1]!;
}
