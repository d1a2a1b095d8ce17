/**
 * Scores and their bounds, as Redis reads them.
 *
 * A score is a double: decimal, hexadecimal or infinite, never NaN. A bound may be exclusive, `(1.5`; a bound between members is
 * `[m`, `(m`, `-` or `+`. A bound is turned into the key from which on the pairs of a sorted set are beyond it.
 */
import { scoreOfSortKey, sortKeyOf } from '../slot/keys.js';
import type { Ordered } from '../slot/txn.js';
import type { RankRange } from './collection.js';
import { CommandError } from './command.js';
import { NOT_A_FLOAT } from './errors.js';

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const HEXADECIMAL = /^([+-]?)0x([\da-f]*)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;
const ZERO_DIGITS = /^[+-]?(?:0x)?[0.]*(?:[ep].*)?$/i;
const OPEN = 40;
const INCLUSIVE = 91;

/** As strtod reads it, whole; undefined where it is no number. */
function parseScore(text: string): number | undefined {
  if (DECIMAL.test(text)) return Number(text);
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  const [, sign, whole = '', fraction = '', power = '0'] = HEXADECIMAL.exec(text) ?? [];
  if (whole + fraction === '') return undefined;
  const value = Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (Number(power) - 4 * fraction.length);
  return sign === '-' ? -value : value;
}

/** A member's score. Digits that a double can't hold, too large or too small, are no number. */
export function scoreArgument(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  const score = parseScore(text);
  const lost =
    score === 0 ? !ZERO_DIGITS.test(text) : Math.abs(score ?? 0) === Infinity && !INFINITE.test(text);
  if (score === undefined || lost) throw new CommandError(NOT_A_FLOAT);
  return score;
}

/** The sum; Redis' complaint where infinities meet. */
export function addScores(left: number, right: number): number {
  const sum = left + right;
  if (Number.isNaN(sum)) throw new CommandError('ERR resulting score is not a number (NaN)');
  return sum;
}

/** Two ends of a range over a sorted set. */
export interface Bounds {
  ranks(scores: Ordered): RankRange;
}

export function scoreBounds(low: Buffer, high: Buffer): Bounds {
  const from = scoreBound(low, true);
  const to = scoreBound(high, false);
  return { ranks: (scores) => ({ from: scores.below(from), to: scores.below(to) }) };
}

/** Where pairs with the score begin, or end. */
function scoreBound(bytes: Buffer, isLow: boolean): Buffer {
  const exclusive = bytes[0] === OPEN;
  const text = bytes.toString('latin1', exclusive ? 1 : 0);
  const score = text === '' ? 0 : parseScore(text);
  if (score === undefined) throw new CommandError('ERR min or max is not a float');
  const key = sortKeyOf(score);
  return exclusive === isLow ? successor(key) : key;
}

/** The least key above all that begin with this one. A score's key is never all ones. */
function successor(key: Buffer): Buffer {
  const out = Buffer.from(key);
  for (let at = out.length - 1; at >= 0; at--) {
    out[at] = (out[at]! + 1) & 0xff;
    if (out[at] !== 0) break;
  }
  return out;
}

type LexBound =
  | { readonly kind: 'first' }
  | { readonly kind: 'last' }
  | { readonly kind: 'member'; readonly member: Buffer; readonly exclusive: boolean };

/** Meant for sets whose members share one score: that of the first member counts. */
export function lexBounds(low: Buffer, high: Buffer): Bounds {
  const from = lexBound(low);
  const to = lexBound(high);
  return {
    ranks: (scores) => ({ from: lexRank(scores, from, true), to: lexRank(scores, to, false) }),
  };
}

function lexBound(bytes: Buffer): LexBound {
  if (bytes.length === 1 && bytes[0] === 45) return { kind: 'first' };
  if (bytes.length === 1 && bytes[0] === 43) return { kind: 'last' };
  if (bytes[0] !== OPEN && bytes[0] !== INCLUSIVE) {
    throw new CommandError('ERR min or max not valid string range item');
  }
  return { kind: 'member', member: bytes.subarray(1), exclusive: bytes[0] === OPEN };
}

function lexRank(scores: Ordered, bound: LexBound, isLow: boolean): number {
  const first = scores.at(0);
  if (bound.kind === 'first' || first === undefined) return 0;
  if (bound.kind === 'last') return scores.count;
  const key = Buffer.concat([first.key.subarray(0, 8), bound.member]);
  // The least key above a member's own is that with a zero after it.
  return scores.below(bound.exclusive === isLow ? Buffer.concat([key, ZERO]) : key);
}

const ZERO = Buffer.alloc(1);

export interface Scored {
  readonly member: Buffer;
  readonly score: number;
}

/** What a key in the order of scores says. */
export function scoredOf(key: Buffer): Scored {
  return { member: key.subarray(8), score: scoreOfSortKey(key) };
}
