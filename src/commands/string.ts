/**
 * Strings as whole values: GET and SET with their relatives.
 *
 * SET and GETSET drop an expiry unless told otherwise; a moment of death that has already come removes the key, and the
 * reply is that of the write all the same.
 */
import { bulk, integer, latin1, NULL, OK, type Reply } from '../resp/reply.js';
import { putLive, withExpiry } from '../slot/keyspace.js';
import type { StringRecord, Txn, View, WriteContext } from '../slot/txn.js';
import type { Args, ReadRow, WriteRow } from './command.js';
import { MILLISECONDS, positiveExpireAt, SECONDS, type TimeUnit } from './expire-time.js';
import { type GetexOptions, getexOptions, type SetOptions, setOptions } from './set-options.js';
import { bytesAt, checkValueLength, stringAt, textAt } from './string-value.js';
import { ONE_KEY, traits } from './traits.js';

const WRITE = traits('string', ['write', 'denyoom']);
const FAST_WRITE = traits('string', ['write', 'denyoom', 'fast']);

const get = {
  name: 'get',
  summary: 'Returns the string value of a key.',
  since: '1.0.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 2,
  ...traits('string', ['readonly', 'fast']),
  keys: ONE_KEY,
  read: (view, args) => shortReply(view, args[1]!) ?? valueReply(bytesAt(view, args[1]!)),
} as const satisfies ReadRow;

const set = {
  name: 'set',
  summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
  since: '1.0.0',
  group: 'string',
  complexity: 'O(1)',
  arity: -3,
  ...WRITE,
  keys: ONE_KEY,
  parse(args: Args) {
    const { expiry } = setOptions(args);
    if (expiry !== undefined) positiveExpireAt(expiry.time, expiry.unit, 0, 'set');
    checkValueLength(args[2]!.length);
  },
  write: runSet,
} as const satisfies WriteRow;

function runSet(txn: Txn, args: Args, ctx: WriteContext): Reply {
  const options = setOptions(args);
  const key = args[1]!;
  const dueMs = givenExpireAt(options, ctx.nowMs);
  const old = needsOld(options) ? txn.get(key) : undefined;
  const reply = options.returnOld ? valueReply(bytesAt(txn, key)) : OK;
  if (!conditionHolds(options, old !== undefined)) return options.returnOld ? reply : NULL;
  const expireAtMs = options.keepExpiry ? old?.expireAtMs : dueMs;
  putLive(txn, key, { kind: 'string', value: args[2]!, expireAtMs }, ctx.nowMs);
  return reply;
}

function givenExpireAt(
  { expiry }: SetOptions | GetexOptions,
  nowMs: number,
  name = 'set',
): number | undefined {
  return expiry && positiveExpireAt(expiry.time, expiry.unit, nowMs, name);
}

/** A plain SET is a blind write: it must not wait for a cold record that it is about to replace. */
function needsOld(options: SetOptions): boolean {
  return options.returnOld || options.keepExpiry || options.condition !== 'none';
}

function conditionHolds({ condition }: SetOptions, exists: boolean): boolean {
  return condition === 'none' || exists === (condition === 'present');
}

const setnx = {
  name: 'setnx',
  summary: "Set the string value of a key only when the key doesn't exist.",
  since: '1.0.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 3,
  ...FAST_WRITE,
  keys: ONE_KEY,
  parse: (args: Args) => checkValueLength(args[2]!.length),
  write(txn, args) {
    if (txn.get(args[1]!) !== undefined) return integer(0);
    txn.put(args[1]!, plainString(args[2]!));
    return integer(1);
  },
} as const satisfies WriteRow;

const setex = {
  name: 'setex',
  summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
  since: '2.0.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 4,
  ...WRITE,
  keys: ONE_KEY,
  ...setWithExpiry('setex', SECONDS),
} as const satisfies WriteRow;

const psetex = {
  name: 'psetex',
  summary:
    "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.",
  since: '2.6.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 4,
  ...WRITE,
  keys: ONE_KEY,
  ...setWithExpiry('psetex', MILLISECONDS),
} as const satisfies WriteRow;

function setWithExpiry(name: string, unit: TimeUnit): Required<Pick<WriteRow, 'parse' | 'write'>> {
  return {
    parse(args) {
      positiveExpireAt(args[2]!, unit, 0, name);
      checkValueLength(args[3]!.length);
    },
    write(txn, args, ctx) {
      const expireAtMs = positiveExpireAt(args[2]!, unit, ctx.nowMs, name);
      txn.put(args[1]!, { kind: 'string', value: args[3]!, expireAtMs });
      return OK;
    },
  };
}

const getset = {
  name: 'getset',
  summary: 'Returns the previous string value of a key after setting it to a new value.',
  since: '1.0.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 3,
  ...FAST_WRITE,
  keys: ONE_KEY,
  parse: (args: Args) => checkValueLength(args[2]!.length),
  write(txn, args) {
    const reply = valueReply(bytesAt(txn, args[1]!));
    txn.put(args[1]!, plainString(args[2]!));
    return reply;
  },
} as const satisfies WriteRow;

const getdel = {
  name: 'getdel',
  summary: 'Returns the string value of a key after deleting the key.',
  since: '6.2.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 2,
  ...traits('string', ['write', 'fast']),
  keys: ONE_KEY,
  write(txn, args) {
    const reply = valueReply(bytesAt(txn, args[1]!));
    txn.delete(args[1]!);
    return reply;
  },
} as const satisfies WriteRow;

const getex = {
  name: 'getex',
  summary: 'Returns the string value of a key after setting its expiration time.',
  since: '6.2.0',
  group: 'string',
  complexity: 'O(1)',
  arity: -2,
  ...traits('string', ['write', 'fast']),
  keys: ONE_KEY,
  parse: (args: Args) => void getexOptions(args),
  write: runGetex,
} as const satisfies WriteRow;

/** As in Redis the time is looked at only once the key is known to be there. */
function runGetex(txn: Txn, args: Args, ctx: WriteContext): Reply {
  const options = getexOptions(args);
  const key = args[1]!;
  const record = stringAt(txn, key);
  if (record === undefined) return NULL;
  const reply = valueReply(bytesAt(txn, key));
  const dueMs = givenExpireAt(options, ctx.nowMs, 'getex');
  if (dueMs !== undefined) putLive(txn, key, withExpiry(record, dueMs), ctx.nowMs);
  else if (options.persist && record.expireAtMs !== undefined) txn.put(key, withExpiry(record, undefined));
  return reply;
}

const strlen = {
  name: 'strlen',
  summary: 'Returns the length of a string value.',
  since: '2.2.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 2,
  ...traits('string', ['readonly', 'fast']),
  keys: ONE_KEY,
  read: (view: View, args: Args) => integer(textAt(view, args[1]!)?.length ?? 0),
} as const satisfies ReadRow;

/** Of a short string as memory keeps it, without a copy; undefined where it is to be looked up as others are. */
export function shortReply(view: View, key: Buffer): Reply | undefined {
  const text = view.shortText(key);
  return text === undefined ? undefined : latin1(text);
}

export function valueReply(bytes: Buffer | undefined): Reply {
  return bytes === undefined ? NULL : bulk(bytes);
}

export function plainString(value: Buffer): StringRecord {
  return { kind: 'string', value, expireAtMs: undefined };
}

export const stringRows = [get, set, setnx, setex, psetex, getset, getdel, getex, strlen] as const;
