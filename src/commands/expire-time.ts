/**
 * Moments of death as users write them: in seconds or milliseconds, relative or absolute.
 *
 * Redis computes in 64 bits. A record's expiry is a safe integer of milliseconds (up to the year 287,396); a moment beyond
 * it is refused as an invalid expire time rather than kept rounded. What lies far in the past needs no precision.
 */
import { INT64_MAX, INT64_MIN, type Integer, integerArgument } from './arguments.js';
import { invalidExpireTime } from './errors.js';

export interface TimeUnit {
  /** Milliseconds in one of the user's units. */
  readonly scale: 1 | 1000;
  readonly from: 'now' | 'epoch';
}

export const SECONDS: TimeUnit = { scale: 1000, from: 'now' };
export const MILLISECONDS: TimeUnit = { scale: 1, from: 'now' };
export const SECONDS_AT: TimeUnit = { scale: 1000, from: 'epoch' };
export const MILLISECONDS_AT: TimeUnit = { scale: 1, from: 'epoch' };

/**
 * The moment that `bytes` name, in milliseconds since the epoch; anything from long past to the bound.
 * With `nowMs` 0 it answers what is wrong at any time, which is what a gate without a clock can know.
 */
export function expireAt(bytes: Buffer, unit: TimeUnit, nowMs: number, command: string): number {
  const at = momentOf(integerArgument(bytes), unit, nowMs);
  if (at === undefined) throw invalidExpireTime(command);
  return at;
}

/** As SET and GETEX want it: only a positive time is valid. */
export function positiveExpireAt(bytes: Buffer, unit: TimeUnit, nowMs: number, command: string): number {
  if (integerArgument(bytes) <= 0) throw invalidExpireTime(command);
  return expireAt(bytes, unit, nowMs, command);
}

function momentOf(value: Integer, unit: TimeUnit, nowMs: number): number | undefined {
  const baseMs = unit.from === 'now' ? nowMs : 0;
  const quick = Number(value) * unit.scale + baseMs;
  if (typeof value === 'number' && Number.isSafeInteger(value * unit.scale) && Number.isSafeInteger(quick)) {
    return quick;
  }
  const scaled = BigInt(value) * BigInt(unit.scale);
  if (scaled > INT64_MAX || scaled < INT64_MIN) return undefined;
  const exact = scaled + BigInt(baseMs);
  if (exact > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return Number(exact);
}
