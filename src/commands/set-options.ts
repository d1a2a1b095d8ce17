/**
 * The options of SET and GETEX, parsed once for the gate and again in each run (a run knows only its arguments).
 *
 * As in Redis an option may be repeated (the last time wins) but two that exclude each other are a syntax error.
 */
import { isWord } from './arguments.js';
import type { Args } from './command.js';
import { syntaxError } from './errors.js';
import { MILLISECONDS, MILLISECONDS_AT, SECONDS, SECONDS_AT, type TimeUnit } from './expire-time.js';

export interface GivenExpiry {
  readonly unit: TimeUnit;
  /** As the user wrote it; read against the clock of the run. */
  readonly time: Buffer;
}

export interface SetOptions {
  readonly condition: 'none' | 'absent' | 'present';
  readonly keepExpiry: boolean;
  readonly returnOld: boolean;
  readonly expiry: GivenExpiry | undefined;
}

export const PLAIN_SET: SetOptions = {
  condition: 'none',
  keepExpiry: false,
  returnOld: false,
  expiry: undefined,
};

export function setOptions(args: Args): SetOptions {
  if (args.length === 3) return PLAIN_SET;
  let options = PLAIN_SET;
  for (let at = 3; at < args.length; at++) {
    const next = withExpiryOption(args, at, options.expiry, options.keepExpiry);
    if (next !== undefined) {
      options = { ...options, expiry: next };
      at++;
    } else {
      options = withWord(args[at]!, options);
    }
  }
  return options;
}

function withWord(word: Buffer, options: SetOptions): SetOptions {
  if (isWord(word, 'nx') && options.condition !== 'present') return { ...options, condition: 'absent' };
  if (isWord(word, 'xx') && options.condition !== 'absent') return { ...options, condition: 'present' };
  if (isWord(word, 'get')) return { ...options, returnOld: true };
  if (isWord(word, 'keepttl') && options.expiry === undefined) return { ...options, keepExpiry: true };
  throw syntaxError();
}

export interface GetexOptions {
  readonly persist: boolean;
  readonly expiry: GivenExpiry | undefined;
}

export function getexOptions(args: Args): GetexOptions {
  let persist = false;
  let expiry: GivenExpiry | undefined;
  for (let at = 2; at < args.length; at++) {
    const next = withExpiryOption(args, at, expiry, persist);
    if (next !== undefined) {
      expiry = next;
      at++;
    } else if (isWord(args[at]!, 'persist') && expiry === undefined) {
      persist = true;
    } else {
      throw syntaxError();
    }
  }
  return { persist, expiry };
}

/** The expiry given at `at`, unless there is none, its time is missing, or it contradicts what came before. */
function withExpiryOption(
  args: Args,
  at: number,
  before: GivenExpiry | undefined,
  excluded: boolean,
): GivenExpiry | undefined {
  const unit = unitNamed(args[at]!);
  const time = args[at + 1];
  if (unit === undefined || time === undefined || excluded) return undefined;
  if (before !== undefined && before.unit !== unit) return undefined;
  return { unit, time };
}

function unitNamed(word: Buffer): TimeUnit | undefined {
  if (isWord(word, 'ex')) return SECONDS;
  if (isWord(word, 'px')) return MILLISECONDS;
  if (isWord(word, 'exat')) return SECONDS_AT;
  if (isWord(word, 'pxat')) return MILLISECONDS_AT;
  return undefined;
}
