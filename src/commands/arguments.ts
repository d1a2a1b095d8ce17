/**
 * Arguments as Redis reads them: exact 64-bit integers, case-insensitive words.
 *
 * An integer is a number inside the safe range and a bigint outside it, never a rounded number.
 */
import { CommandError } from './command.js';
import { NOT_AN_INTEGER } from './errors.js';

export type Integer = number | bigint;

export const INT64_MAX = 9223372036854775807n;
export const INT64_MIN = -9223372036854775808n;

/** Digits that a safe integer surely fits in. */
const SAFE_DIGITS = 15;
const INT64_DIGITS = 19;

/**
 * Redis' string2ll: an optional minus and digits, no sign of plus, no space, no leading zero, in 64 bits; else undefined.
 * A stored `010` is therefore not a number, and INCR never changes how a number was written by more than its value.
 */
export function parseInteger(bytes: Buffer): Integer | undefined {
  const negative = bytes[0] === 45;
  const first = negative ? 1 : 0;
  const digits = bytes.length - first;
  if (digits < 1 || digits > INT64_DIGITS) return undefined;
  if (bytes[first] === 48) return digits === 1 && !negative ? 0 : undefined;
  let value = 0;
  for (let at = first; at < bytes.length; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  if (digits <= SAFE_DIGITS) return negative ? -value : value;
  return inInt64(BigInt(bytes.toString('latin1')));
}

/** A number where that is exact, undefined beyond 64 bits. */
export function inInt64(value: bigint): Integer | undefined {
  if (value > INT64_MAX || value < INT64_MIN) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The 64-bit integer in `bytes`, or a CommandError of `message`. */
export function integerArgument(bytes: Buffer, message = NOT_AN_INTEGER): Integer {
  const value = parseInteger(bytes);
  if (value === undefined) throw new CommandError(message);
  return value;
}

/** As a number: what lies beyond the safe range is rounded, which is harmless where lengths bound it anyway. */
export function indexArgument(bytes: Buffer): number {
  return Number(integerArgument(bytes));
}

/** Whether `bytes` spell `word` (given in lower case) in any case. */
export function isWord(bytes: Buffer, word: string): boolean {
  if (bytes.length !== word.length) return false;
  for (let at = 0; at < bytes.length; at++) {
    if (lowerByte(bytes[at]!) !== word.charCodeAt(at)) return false;
  }
  return true;
}

/** ASCII only, as Redis' tolower under the C locale. */
export function lowerByte(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}
