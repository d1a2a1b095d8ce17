/**
 * Redis' glob patterns over bytes: `*`, `?`, `[a-z]`, `[^a]`, `\x`.
 *
 * The matcher goes back to the last star only, which is enough for globs and keeps the worst case at O(pattern * text):
 * a pattern from a client can't stall the node.
 */
import { lowerByte } from './arguments.js';

const STAR = 42;
const QUESTION = 63;
const OPEN = 91;
const CLOSE = 93;
const CARET = 94;
const DASH = 45;
const BACKSLASH = 92;

export interface GlobOptions {
  readonly ignoreCase?: boolean;
}

export function globMatches(pattern: Buffer, text: Buffer, options: GlobOptions = {}): boolean {
  const fold = options.ignoreCase === true ? lowerByte : sameByte;
  let patternAt = 0;
  let textAt = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (textAt < text.length) {
    if (pattern[patternAt] === STAR) {
      starAt = patternAt++;
      resumeAt = textAt;
      continue;
    }
    const next = patternAt < pattern.length ? matchOne(pattern, patternAt, text[textAt]!, fold) : 0;
    if (next > 0) {
      patternAt = next;
      textAt++;
    } else if (starAt >= 0) {
      patternAt = starAt + 1;
      textAt = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[patternAt] === STAR) patternAt++;
  return patternAt >= pattern.length;
}

type Fold = (byte: number) => number;

function sameByte(byte: number): number {
  return byte;
}

/** Where the pattern goes on after one byte matched; 0 where it did not. */
function matchOne(pattern: Buffer, at: number, byte: number, fold: Fold): number {
  switch (pattern[at]) {
    case QUESTION:
      return at + 1;
    case OPEN:
      return matchClass(pattern, at + 1, byte, fold);
    case BACKSLASH: {
      const literal = at + 1 < pattern.length ? at + 1 : at;
      return fold(pattern[literal]!) === fold(byte) ? literal + 1 : 0;
    }
    default:
      return fold(pattern[at]!) === fold(byte) ? at + 1 : 0;
  }
}

/** A class that is never closed ends with the pattern, as in Redis. */
function matchClass(pattern: Buffer, first: number, byte: number, fold: Fold): number {
  const negated = pattern[first] === CARET;
  let at = negated ? first + 1 : first;
  let found = false;
  while (at < pattern.length && pattern[at] !== CLOSE) {
    if (pattern[at] === BACKSLASH && at + 1 < pattern.length) {
      found ||= pattern[at + 1] === byte;
      at += 2;
    } else if (pattern[at + 1] === DASH && at + 2 < pattern.length) {
      found ||= inRange(fold(byte), fold(pattern[at]!), fold(pattern[at + 2]!));
      at += 3;
    } else {
      found ||= fold(pattern[at]!) === fold(byte);
      at++;
    }
  }
  return found === negated ? 0 : Math.min(at + 1, pattern.length);
}

function inRange(byte: number, one: number, other: number): boolean {
  return byte >= Math.min(one, other) && byte <= Math.max(one, other);
}
