/**
 * A list of byte strings in one piece of memory: what the pages of a collection are made of.
 *
 * A page of thirty entries as sixty Buffers would weigh several times its bytes and be that much more work for the garbage
 * collector; here it is one Buffer and one array of numbers, and a string becomes a Buffer of its own only when it is asked for.
 * A list never changes, and owns its memory: joining copies, so that a list keeps nothing larger alive (a log entry, a
 * shared slab). Strings given out alias it.
 */
export interface ByteList {
  readonly bytes: Buffer;
  /** Where each string ends in `bytes`; it begins where the one before ends. */
  readonly ends: readonly number[];
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

export function listOf(strings: readonly Uint8Array[]): ByteList {
  let total = 0;
  const ends = strings.map((string) => {
    total += string.length;
    return total;
  });
  const bytes = Buffer.allocUnsafeSlow(total);
  for (let i = 0; i < strings.length; i++) bytes.set(strings[i]!, ends[i]! - strings[i]!.length);
  return { bytes, ends };
}

export function stringAt(list: ByteList, i: number): Buffer {
  return list.bytes.subarray(startOf(list, i), list.ends[i]!);
}

/** Bytes of the strings `from` to `to`, without the last. */
export function bytesBetween(list: ByteList, from: number, to: number): number {
  return startOf(list, to) - startOf(list, from);
}

export function joinLists(slices: readonly ListSlice[]): ByteList {
  let total = 0;
  for (const { list, from, to } of slices) total += bytesBetween(list, from, to);
  const bytes = Buffer.allocUnsafeSlow(total);
  const ends: number[] = [];
  let at = 0;
  for (const { list, from, to } of slices) {
    const start = startOf(list, from);
    for (let i = from; i < to; i++) ends.push(list.ends[i]! - start + at);
    if (to > from) at += list.bytes.copy(bytes, at, start, list.ends[to - 1]!);
  }
  return { bytes, ends };
}

/** Bytewise: negative where string `i` is before `key`, 0 where they are equal. */
export function compareAt(list: ByteList, i: number, key: Buffer): number {
  return compareBytes(list.bytes, startOf(list, i), list.ends[i]!, key, 0, key.length);
}

/** The same for two strings of one list. */
export function compareWithin(list: ByteList, i: number, j: number): number {
  const { bytes, ends } = list;
  return compareBytes(bytes, startOf(list, i), ends[i]!, bytes, startOf(list, j), ends[j]!);
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
  return a.bytes.equals(b.bytes);
}

export function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((number, i) => number === b[i]));
}

function startOf(list: ByteList, i: number): number {
  return i === 0 ? 0 : list.ends[i - 1]!;
}
