/**
 * Several strings at once: MGET, MSET, MSETNX.
 *
 * The router splits MGET and MSET over slots, so that a part holds only its own keys; atomic is what shares a slot.
 * MSETNX is never split: whether any key exists can't be known slot by slot.
 */
import { array, bulk, integer, NULL, OK, type Reply } from '../resp/reply.js';
import type { Txn, View } from '../slot/txn.js';
import { type Args, CommandError, type ReadRow, type WriteRow } from './command.js';
import { wrongArity } from './errors.js';
import { plainString, shortReply } from './string.js';
import { checkValueLength, wholeString } from './string-value.js';
import { ALL_KEYS, KEY_VALUE_PAIRS, traits } from './traits.js';

const mget = {
  name: 'mget',
  summary: 'Returns the string values of one or more keys, atomically for keys of one slot.',
  since: '1.0.0',
  group: 'string',
  complexity: 'O(N) where N is the number of keys to retrieve.',
  arity: -2,
  ...traits('string', ['readonly', 'fast']),
  keys: ALL_KEYS,
  policy: { request: 'multi_shard', response: 'concat' },
  read(view, args) {
    const keys = args.slice(1);
    view.prefetch(keys);
    view.prefetchTexts(keys);
    return array(keys.map((key) => shortReply(view, key) ?? wholeReply(view, key)));
  },
} as const satisfies ReadRow;

/** What is no string counts as nothing. */
function wholeReply(view: View, key: Buffer): Reply {
  const record = view.get(key);
  return record?.kind === 'string' ? bulk(wholeString(view, key, record)) : NULL;
}

const mset = {
  name: 'mset',
  summary: 'Creates or modifies the string values of one or more keys, atomically for keys of one slot.',
  since: '1.0.1',
  group: 'string',
  complexity: 'O(N) where N is the number of keys to set.',
  arity: -3,
  ...traits('string', ['write', 'denyoom']),
  keys: KEY_VALUE_PAIRS,
  policy: { request: 'multi_shard', response: 'all_succeeded' },
  parse: (args: Args) => checkPairs(args, 'mset'),
  write(txn, args) {
    putPairs(txn, args);
    return OK;
  },
} as const satisfies WriteRow;

const msetnx = {
  name: 'msetnx',
  summary: "Atomically modifies the string values of one or more keys only when all keys don't exist.",
  since: '1.0.1',
  group: 'string',
  complexity: 'O(N) where N is the number of keys to set.',
  arity: -3,
  ...traits('string', ['write', 'denyoom']),
  keys: KEY_VALUE_PAIRS,
  parse: (args: Args) => checkPairs(args, 'msetnx'),
  write(txn, args) {
    const keys = args.filter((_, at) => at % 2 === 1);
    txn.prefetch(keys);
    if (keys.some((key) => txn.get(key) !== undefined)) return integer(0);
    putPairs(txn, args);
    return integer(1);
  },
} as const satisfies WriteRow;

function checkPairs(args: Args, name: string): void {
  if (args.length % 2 === 0) throw new CommandError(wrongArity(name));
  for (let at = 2; at < args.length; at += 2) checkValueLength(args[at]!.length);
}

function putPairs(txn: Txn, args: Args): void {
  for (let at = 1; at < args.length; at += 2) txn.put(args[at]!, plainString(args[at + 1]!));
}

export const stringManyRows = [mget, mset, msetnx] as const;
