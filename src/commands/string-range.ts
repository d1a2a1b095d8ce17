/**
 * Parts of strings: APPEND, GETRANGE, SUBSTR, SETRANGE.
 *
 * A long string costs what is read or changed of it, whatever its length (slot/text.ts). An expiry stays as it was.
 */
import { bulk, integer, type Reply } from '../resp/reply.js';
import type { Txn, View } from '../slot/txn.js';
import { indexArgument, integerArgument } from './arguments.js';
import { type Args, CommandError, type ReadRow, type WriteRow } from './command.js';
import { OUT_OF_RANGE } from './errors.js';
import { checkValueLength, editTextAt, textAt } from './string-value.js';
import { ONE_KEY, traits } from './traits.js';

const EMPTY = Buffer.alloc(0);
const RANGE_COMPLEXITY = 'O(N) where N is the length of the returned string.';

const append = {
  name: 'append',
  summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.",
  since: '2.0.0',
  group: 'string',
  complexity: 'O(N) where N is the length of the appended string.',
  arity: 3,
  ...traits('string', ['write', 'denyoom', 'fast']),
  keys: ONE_KEY,
  parse: (args: Args) => checkValueLength(args[2]!.length),
  write(txn, args) {
    const text = editTextAt(txn, args[1]!);
    const lengthBytes = text.length + args[2]!.length;
    checkValueLength(lengthBytes);
    text.write(text.length, args[2]!);
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
  const text = textAt(view, args[1]!);
  if (text === undefined) return bulk(EMPTY);
  const { from, to } = bytesOf(text.length, start, end);
  return bulk(text.slice(from, to));
}

/** Both ends included, negative counts from the end; an end before the beginning means the first byte, as in Redis. */
function bytesOf(length: number, start: number, end: number): { readonly from: number; readonly to: number } {
  if (start < 0 && end < 0 && start > end) return { from: 0, to: 0 };
  const first = Math.max(0, start < 0 ? length + start : start);
  const last = Math.max(0, end < 0 ? length + end : end);
  return first > last
    ? { from: 0, to: 0 }
    : { from: Math.min(first, length), to: Math.min(last + 1, length) };
}

const setrange = {
  name: 'setrange',
  summary:
    "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
  since: '2.2.0',
  group: 'string',
  complexity: 'O(N) where N is the length of what is written, zeros before it included.',
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
  const text = editTextAt(txn, args[1]!);
  const oldLength = text.length;
  if (patch.length === 0) return integer(oldLength);
  checkValueLength(offset + patch.length);
  text.write(offset, patch);
  return integer(Math.max(oldLength, offset + patch.length));
}

export const stringRangeRows = [append, getrange, substr, setrange] as const;
