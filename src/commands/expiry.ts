/**
 * When keys die: EXPIRE and TTL with their relatives, PERSIST.
 *
 * A moment that has come already deletes the key and answers 1. The only clock is the run's slot time.
 */
import { integer, type Reply } from '../resp/reply.js';
import { putLive, withExpiry } from '../slot/keyspace.js';
import type { ReadContext, Txn, WriteContext } from '../slot/txn.js';
import { isWord } from './arguments.js';
import { type Args, CommandError, type ReadRow, type WriteRow } from './command.js';
import { quoted } from './errors.js';
import {
  expireAt,
  MILLISECONDS,
  MILLISECONDS_AT,
  SECONDS,
  SECONDS_AT,
  type TimeUnit,
} from './expire-time.js';
import { ONE_KEY, traits } from './traits.js';

const CONDITIONS = ['nx', 'xx', 'gt', 'lt'] as const;
type Condition = (typeof CONDITIONS)[number];

function expireRow(name: string, since: string, summary: string, unit: TimeUnit): WriteRow {
  return {
    name,
    summary,
    since,
    group: 'generic',
    complexity: 'O(1)',
    arity: -3,
    ...traits('keyspace', ['write', 'fast']),
    keys: ONE_KEY,
    parse(args) {
      conditions(args);
      expireAt(args[2]!, unit, 0, name);
    },
    write: (txn, args, ctx) => runExpire(txn, args, ctx, expireAt(args[2]!, unit, ctx.nowMs, name)),
  };
}

function runExpire(txn: Txn, args: Args, ctx: WriteContext, dueMs: number): Reply {
  const record = txn.get(args[1]!);
  if (record === undefined) return integer(0);
  const wanted = conditions(args);
  if (!wanted.every((condition) => holds(condition, record.expireAtMs, dueMs))) return integer(0);
  putLive(txn, args[1]!, withExpiry(record, dueMs), ctx.nowMs);
  return integer(1);
}

function conditions(args: Args): readonly Condition[] {
  if (args.length === 3) return [];
  const wanted = args.slice(3).map((word) => {
    const condition = CONDITIONS.find((name) => isWord(word, name));
    if (condition === undefined) throw new CommandError(`ERR Unsupported option ${quoted(word)}`);
    return condition;
  });
  const given = new Set(wanted);
  if (given.has('nx') && given.size > 1) {
    throw new CommandError('ERR NX and XX, GT or LT options at the same time are not compatible');
  }
  if (given.has('gt') && given.has('lt')) {
    throw new CommandError('ERR GT and LT options at the same time are not compatible');
  }
  return wanted;
}

/** No expiry counts as the latest of all. */
function holds(condition: Condition, currentMs: number | undefined, dueMs: number): boolean {
  switch (condition) {
    case 'nx':
      return currentMs === undefined;
    case 'xx':
      return currentMs !== undefined;
    case 'gt':
      return currentMs !== undefined && dueMs > currentMs;
    case 'lt':
      return currentMs === undefined || dueMs < currentMs;
  }
}

type Measure = (expireAtMs: number, ctx: ReadContext) => number;

const NO_KEY = integer(-2);
const NO_EXPIRY = integer(-1);

function timeRow(name: string, since: string, summary: string, measure: Measure): ReadRow {
  return {
    name,
    summary,
    since,
    group: 'generic',
    complexity: 'O(1)',
    arity: 2,
    ...traits('keyspace', ['readonly', 'fast']),
    keys: ONE_KEY,
    read(view, args, ctx) {
      const record = view.get(args[1]!);
      if (record === undefined) return NO_KEY;
      return record.expireAtMs === undefined ? NO_EXPIRY : integer(measure(record.expireAtMs, ctx));
    },
  };
}

const remainingMs: Measure = (expireAtMs, ctx) => Math.max(0, expireAtMs - ctx.nowMs);
/** Rounded to the nearest second, as Redis rounds. */
const inSeconds = (ms: number): number => Math.floor((ms + 500) / 1000);

const persist = {
  name: 'persist',
  summary: 'Removes the expiration time of a key.',
  since: '2.2.0',
  group: 'generic',
  complexity: 'O(1)',
  arity: 2,
  ...traits('keyspace', ['write', 'fast']),
  keys: ONE_KEY,
  write(txn, args) {
    const record = txn.get(args[1]!);
    if (record?.expireAtMs === undefined) return integer(0);
    txn.put(args[1]!, withExpiry(record, undefined));
    return integer(1);
  },
} as const satisfies WriteRow;

export const expiryRows = [
  expireRow('expire', '1.0.0', 'Sets the expiration time of a key in seconds.', SECONDS),
  expireRow('pexpire', '2.6.0', 'Sets the expiration time of a key in milliseconds.', MILLISECONDS),
  expireRow('expireat', '1.2.0', 'Sets the expiration time of a key to a Unix timestamp.', SECONDS_AT),
  expireRow(
    'pexpireat',
    '2.6.0',
    'Sets the expiration time of a key to a Unix milliseconds timestamp.',
    MILLISECONDS_AT,
  ),
  timeRow('ttl', '1.0.0', 'Returns the expiration time in seconds of a key.', (at, ctx) =>
    inSeconds(remainingMs(at, ctx)),
  ),
  timeRow('pttl', '2.6.0', 'Returns the expiration time in milliseconds of a key.', remainingMs),
  timeRow('expiretime', '7.0.0', 'Returns the expiration time of a key as a Unix timestamp.', (at) =>
    inSeconds(at),
  ),
  timeRow(
    'pexpiretime',
    '7.0.0',
    'Returns the expiration time of a key as a Unix milliseconds timestamp.',
    (at) => at,
  ),
  persist,
] as const;
