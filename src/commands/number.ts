/**
 * Strings as numbers: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.
 *
 * Integers are 64-bit, signed and exact: doubles while the sum stays in the safe range, BigInt beyond.
 * INCRBYFLOAT computes in the 80-bit format of Redis' `long double` (see long-double.ts), so that its answers are
 * Redis' own to the last digit, and the same on every machine.
 */
import { bulk, integer, type Reply } from '../resp/reply.js';
import type { StringRecord, Txn } from '../slot/txn.js';
import { INT64_MIN, type Integer, inInt64, integerArgument } from './arguments.js';
import { type Args, CommandError, type WriteRow } from './command.js';
import { NOT_A_FLOAT, OVERFLOW } from './errors.js';
import { addLongDoubles, formatLongDouble, type LongDouble, parseLongDouble, ZERO } from './long-double.js';
import { plainString } from './string.js';
import { numberText, stringAt } from './string-value.js';
import { ONE_KEY, traits } from './traits.js';

const TRAITS = { ...traits('string', ['write', 'denyoom', 'fast']), keys: ONE_KEY } as const;
const USES_ZERO = "Uses 0 as initial value if the key doesn't exist.";

const incr = {
  name: 'incr',
  summary: `Increments the integer value of a key by one. ${USES_ZERO}`,
  since: '1.0.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 2,
  ...TRAITS,
  write: (txn, args) => increment(txn, args[1]!, 1),
} as const satisfies WriteRow;

const decr = {
  name: 'decr',
  summary: `Decrements the integer value of a key by one. ${USES_ZERO}`,
  since: '1.0.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 2,
  ...TRAITS,
  write: (txn, args) => increment(txn, args[1]!, -1),
} as const satisfies WriteRow;

const incrby = {
  name: 'incrby',
  summary: `Increments the integer value of a key by a number. ${USES_ZERO}`,
  since: '1.0.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 3,
  ...TRAITS,
  parse: (args: Args) => void integerArgument(args[2]!),
  write: (txn, args) => increment(txn, args[1]!, integerArgument(args[2]!)),
} as const satisfies WriteRow;

const decrby = {
  name: 'decrby',
  summary: `Decrements a number from the integer value of a key. ${USES_ZERO}`,
  since: '1.0.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 3,
  ...TRAITS,
  parse: (args: Args) => void decrement(args),
  write: (txn, args) => increment(txn, args[1]!, decrement(args)),
} as const satisfies WriteRow;

/** The smallest 64-bit integer has no opposite. */
function decrement(args: Args): Integer {
  const by = integerArgument(args[2]!);
  if (by === INT64_MIN) throw new CommandError('ERR decrement would overflow');
  return -by;
}

function increment(txn: Txn, key: Buffer, by: Integer): Reply {
  const old = stringAt(txn, key);
  const sum = addIntegers(old === undefined ? 0 : integerArgument(numberText(old)), by);
  txn.put(key, numberRecord(old, String(sum)));
  return integer(sum);
}

export function addIntegers(left: Integer, right: Integer): Integer {
  if (typeof left === 'number' && typeof right === 'number' && Number.isSafeInteger(left + right)) {
    return left + right;
  }
  const sum = inInt64(BigInt(left) + BigInt(right));
  if (sum === undefined) throw new CommandError(OVERFLOW);
  return sum;
}

const incrbyfloat = {
  name: 'incrbyfloat',
  summary: `Increment the floating point value of a key by a number. ${USES_ZERO}`,
  since: '2.6.0',
  group: 'string',
  complexity: 'O(1)',
  arity: 3,
  ...TRAITS,
  parse: (args: Args) => void floatArgument(args[2]!),
  write: runIncrbyfloat,
} as const satisfies WriteRow;

function runIncrbyfloat(txn: Txn, args: Args): Reply {
  const old = stringAt(txn, args[1]!);
  const sum = addFloats(old && numberText(old), floatArgument(args[2]!), NOT_A_FLOAT);
  txn.put(args[1]!, old === undefined ? plainString(sum) : { ...old, value: sum });
  return bulk(sum);
}

/** What a value, 0 where there is none, becomes; `message` where it is no number. */
export function addFloats(old: Buffer | undefined, by: LongDouble, message: string): Buffer {
  const value = old === undefined ? ZERO : floatArgument(old, message);
  const sum = addLongDoubles(value, by);
  if (sum === undefined) throw new CommandError('ERR increment would produce NaN or Infinity');
  return Buffer.from(formatLongDouble(sum));
}

export function floatArgument(bytes: Buffer, message = NOT_A_FLOAT): LongDouble {
  const value = parseLongDouble(bytes);
  if (value === undefined) throw new CommandError(message);
  return value;
}

function numberRecord(old: StringRecord | undefined, text: string): StringRecord {
  const value = Buffer.from(text);
  return old === undefined ? plainString(value) : { ...old, value };
}

export const numberRows = [incr, decr, incrby, decrby, incrbyfloat] as const;
