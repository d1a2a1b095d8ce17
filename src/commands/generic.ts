/**
 * Keys whatever their type: DEL, UNLINK, EXISTS, TOUCH, TYPE, RENAME, RENAMENX, COPY, and the slot as a whole: DBSIZE,
 * FLUSHDB, FLUSHALL.
 *
 * UNLINK is DEL: a record goes at once, whatever its size. FLUSHALL empties the table of the connection, not its
 * neighbours: a table is all that its clients may see. TOUCH only counts: there is no eviction for it to hold off.
 */
import { integer, OK, type Reply, simple } from '../resp/reply.js';
import { typeName } from '../slot/keyspace.js';
import type { Txn, View } from '../slot/txn.js';
import { isWord } from './arguments.js';
import { type Args, CommandError, type ReadRow, type WriteRow } from './command.js';
import { syntaxError } from './errors.js';
import { ALL_KEYS, ONE_KEY, TWO_KEYS, traits } from './traits.js';

const SUM = { request: 'multi_shard', response: 'agg_sum' } as const;

const del = {
  name: 'del',
  summary: 'Deletes one or more keys.',
  since: '1.0.0',
  group: 'generic',
  complexity: 'O(N) where N is the number of keys that will be removed.',
  arity: -2,
  ...traits('keyspace', ['write']),
  keys: ALL_KEYS,
  policy: SUM,
  write: deleteKeys,
} as const satisfies WriteRow;

const unlink = {
  ...del,
  name: 'unlink',
  summary: 'Deletes one or more keys; their memory is reclaimed in the background.',
  since: '4.0.0',
  ...traits('keyspace', ['write', 'fast']),
} as const satisfies WriteRow;

function deleteKeys(txn: Txn, args: Args): Reply {
  const keys = args.slice(1);
  txn.prefetch(keys);
  return integer(countWhere(keys, (key) => txn.delete(key)));
}

const exists = {
  name: 'exists',
  summary: 'Determines whether one or more keys exist.',
  since: '1.0.0',
  group: 'generic',
  complexity: 'O(N) where N is the number of keys to check.',
  arity: -2,
  ...traits('keyspace', ['readonly', 'fast']),
  keys: ALL_KEYS,
  policy: SUM,
  read: countKeys,
} as const satisfies ReadRow;

const touch = {
  ...exists,
  name: 'touch',
  summary: 'Returns the number of existing keys out of those specified.',
  since: '3.2.1',
} as const satisfies ReadRow;

/** A key named twice counts twice, as in Redis. */
function countKeys(view: View, args: Args): Reply {
  const keys = args.slice(1);
  view.prefetch(keys);
  return integer(countWhere(keys, (key) => view.get(key) !== undefined));
}

function countWhere(keys: readonly Buffer[], holds: (key: Buffer) => boolean): number {
  let count = 0;
  for (const key of keys) if (holds(key)) count++;
  return count;
}

const type = {
  name: 'type',
  summary: 'Determines the type of value stored at a key.',
  since: '1.0.0',
  group: 'generic',
  complexity: 'O(1)',
  arity: 2,
  ...traits('keyspace', ['readonly', 'fast']),
  keys: ONE_KEY,
  read: (view, args) => simple(typeName(view.get(args[1]!))),
} as const satisfies ReadRow;

const rename = {
  name: 'rename',
  summary: 'Renames a key and overwrites the destination.',
  since: '1.0.0',
  group: 'generic',
  complexity: 'O(1)',
  arity: 3,
  ...traits('keyspace', ['write']),
  keys: TWO_KEYS,
  write(txn, args) {
    moveKey(txn, args, true);
    return OK;
  },
} as const satisfies WriteRow;

const renamenx = {
  name: 'renamenx',
  summary: "Renames a key only when the target key name doesn't exist.",
  since: '1.0.0',
  group: 'generic',
  complexity: 'O(1)',
  arity: 3,
  ...traits('keyspace', ['write', 'fast']),
  keys: TWO_KEYS,
  write: (txn, args) => integer(moveKey(txn, args, false) ? 1 : 0),
} as const satisfies WriteRow;

/** The expiry moves with the value. False where the destination is there and may not be replaced. */
function moveKey(txn: Txn, args: Args, replace: boolean): boolean {
  const from = args[1]!;
  const to = args[2]!;
  txn.prefetch([from, to]);
  const record = txn.get(from);
  if (record === undefined) throw new CommandError('ERR no such key');
  if (!replace && txn.get(to) !== undefined) return false;
  if (from.equals(to)) return true;
  txn.delete(from);
  txn.put(to, record);
  return true;
}

const copy = {
  name: 'copy',
  summary: 'Copies the value of a key to a new key.',
  since: '6.2.0',
  group: 'generic',
  complexity:
    'O(N) worst case for collections, where N is the number of nested items. O(1) for string values.',
  arity: -3,
  ...traits('keyspace', ['write', 'denyoom']),
  keys: TWO_KEYS,
  parse: (args: Args) => void mayReplace(args),
  write(txn, args) {
    const replace = mayReplace(args);
    txn.prefetch([args[1]!, args[2]!]);
    if (!replace && txn.get(args[2]!) !== undefined) return integer(0);
    return integer(txn.copy(args[1]!, args[2]!) ? 1 : 0);
  },
} as const satisfies WriteRow;

/** COPY's options; there is no other database to copy to. */
function mayReplace(args: Args): boolean {
  let replace = false;
  for (const option of args.slice(3)) {
    if (!isWord(option, 'replace')) throw syntaxError();
    replace = true;
  }
  if (args[1]!.equals(args[2]!)) throw new CommandError('ERR source and destination objects are the same');
  return replace;
}

const dbsize = {
  name: 'dbsize',
  summary: 'Returns the number of keys in the table.',
  since: '1.0.0',
  group: 'server',
  complexity: 'O(1) for each slot of the table.',
  arity: 1,
  ...traits('keyspace', ['readonly', 'fast']),
  policy: { request: 'all_shards', response: 'agg_sum' },
  read: (view) => integer(view.size()),
} as const satisfies ReadRow;

const flushdb = {
  name: 'flushdb',
  summary: 'Removes all keys from the table.',
  since: '1.0.0',
  group: 'server',
  complexity: 'O(1) for each slot of the table; storage is reclaimed in the background.',
  arity: -1,
  ...traits(['keyspace', 'dangerous'], ['write']),
  policy: { request: 'all_shards', response: 'all_succeeded' },
  parse(args: Args) {
    const [, mode] = args;
    if (args.length > 2) throw syntaxError();
    if (mode !== undefined && !isWord(mode, 'async') && !isWord(mode, 'sync')) throw syntaxError();
  },
  write(txn) {
    txn.clear();
    return OK;
  },
} as const satisfies WriteRow;

const flushall = { ...flushdb, name: 'flushall' } as const satisfies WriteRow;

export const genericRows = [del, unlink, exists, touch, type, rename, renamenx, copy] as const;
export const tableRows = [dbsize, flushdb, flushall] as const;
