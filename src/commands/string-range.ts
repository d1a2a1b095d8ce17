/**
 * Parts of strings: APPEND, GETRANGE, SUBSTR, SETRANGE.
 *
 * Records are immutable and may be shared with a checkpoint or a reply on its way out: a change builds a new Buffer.
 * An expiry stays as it was.
 */
import { bulk, integer, type Reply } from '../resp/reply.js';
import type { StringRecord, Txn, View } from '../slot/txn.js';
import { indexArgument, integerArgument } from './arguments.js';
import { type Args, CommandError, type ReadRow, type WriteRow } from './command.js';
import { OUT_OF_RANGE } from './errors.js';
import { plainString } from './string.js';
import { checkValueLength, stringAt } from './string-value.js';
import { ONE_KEY, traits } from './traits.js';

const EMPTY = Buffer.alloc(0);
const RANGE_COMPLEXITY = 'O(N) where N is the length of the returned string.';

const append = {
  name: 'append',
  summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.",
  since: '2.0.0',
  group: 'string',
  complexity: 'O(N) where N is the length of the resulting string.',
  arity: 3,
  ...traits('string', ['write', 'denyoom', 'fast']),
  keys: ONE_KEY,
  parse: (args: Args) => checkValueLength(args[2]!.length),
  write(txn, args) {
    const old = stringAt(txn, args[1]!);
    const lengthBytes = (old?.value.length ?? 0) + args[2]!.length;
    checkValueLength(lengthBytes);
    const value = old === undefined ? args[2]! : Buffer.concat([old.value, args[2]!], lengthBytes);
    txn.put(args[1]!, replaced(old, value));
    return integer(lengthBytes);
  },
} as const satisfies WriteRow;

const getrange = {
  name: 'getrange',
  summary: 'Returns a substring of the string stored at a key.',
  since: '2.4.0',
  group: 'string',
  complexity: RANGE_COMPLEXITY,
  arity: 4,
  ...traits('string', ['readonly']),
  keys: ONE_KEY,
  parse: checkRange,
  read: runGetrange,
} as const satisfies ReadRow;

const substr = {
  ...getrange,
  name: 'substr',
  summary: 'Returns a substring from a string value.',
  since: '1.0.0',
} as const satisfies ReadRow;

function checkRange(args: Args): void {
  integerArgument(args[2]!);
  integerArgument(args[3]!);
}

function runGetrange(view: View, args: Args): Reply {
  const start = indexArgument(args[2]!);
  const end = indexArgument(args[3]!);
  const record = stringAt(view, args[1]!);
  return bulk(record === undefined ? EMPTY : slice(record.value, start, end));
}

/** Both ends included, negative counts from the end; an end before the beginning means the first byte, as in Redis. */
function slice(value: Buffer, start: number, end: number): Buffer {
  if (start < 0 && end < 0 && start > end) return EMPTY;
  const first = Math.max(0, start < 0 ? value.length + start : start);
  const last = Math.max(0, end < 0 ? value.length + end : end);
  return first > last ? EMPTY : value.subarray(first, Math.min(last, value.length - 1) + 1);
}

const setrange = {
  name: 'setrange',
  summary:
    "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
  since: '2.2.0',
  group: 'string',
  complexity: 'O(N) where N is the length of the resulting string.',
  arity: 4,
  ...traits('string', ['write', 'denyoom']),
  keys: ONE_KEY,
  parse(args: Args) {
    const offset = integerArgument(args[2]!);
    if (offset < 0) throw new CommandError(OUT_OF_RANGE);
    checkValueLength(args[3]!.length);
  },
  write: runSetrange,
} as const satisfies WriteRow;

function runSetrange(txn: Txn, args: Args): Reply {
  const offset = indexArgument(args[2]!);
  const patch = args[3]!;
  const old = stringAt(txn, args[1]!);
  const oldLength = old?.value.length ?? 0;
  if (patch.length === 0) return integer(oldLength);
  checkValueLength(offset + patch.length);
  const value = Buffer.alloc(Math.max(oldLength, offset + patch.length));
  old?.value.copy(value);
  patch.copy(value, offset);
  txn.put(args[1]!, replaced(old, value));
  return integer(value.length);
}

function replaced(old: StringRecord | undefined, value: Buffer): StringRecord {
  return old === undefined ? plainString(value) : { ...old, value };
}

export const stringRangeRows = [append, getrange, substr, setrange] as const;
