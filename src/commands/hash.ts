/**
 * Hashes: HSET with its relatives.
 *
 * A hash's fields lie in the order of their names' hashes, so HGETALL answers in that order and not in that of insertion.
 */
import { array, bulk, integer, map, NULL, OK, type Reply } from '../resp/reply.js';
import type { EditableFields, Fields, Pair, Txn, View } from '../slot/txn.js';
import { integerArgument, parseInteger } from './arguments.js';
import { deleteNamed, isThere, pickOptions, picksReply, WALKED_NOTHING, walk } from './collection.js';
import { type Args, CommandError, type ReadRow, type WriteRow } from './command.js';
import { wrongArity } from './errors.js';
import { addFloats, addIntegers, floatArgument } from './number.js';
import { scanCursor } from './scan.js';
import { ONE_KEY, traits } from './traits.js';

const READ = { group: 'hash', ...traits('hash', ['readonly']), keys: ONE_KEY } as const;
const FAST_READ = { group: 'hash', ...traits('hash', ['readonly', 'fast']), keys: ONE_KEY } as const;
const FAST_WRITE = { group: 'hash', ...traits('hash', ['write', 'denyoom', 'fast']), keys: ONE_KEY } as const;

function hashAt(view: View, key: Buffer): Fields | undefined {
  return isThere(view, key, 'hash') ? view.fields(key) : undefined;
}

function editHash(txn: Txn, key: Buffer): EditableFields {
  isThere(txn, key, 'hash');
  return txn.editFields(key, 'hash');
}

function valueReply(value: Buffer | undefined): Reply {
  return value === undefined ? NULL : bulk(value);
}

const hset = {
  name: 'hset',
  summary: 'Creates or modifies the values of fields in a hash.',
  since: '2.0.0',
  complexity: 'O(log(N)) for each field, with N being the number of fields in the hash.',
  arity: -4,
  ...FAST_WRITE,
  parse: (args: Args) => checkPairs(args, 'hset'),
  write: (txn, args) => integer(putPairs(txn, args)),
} as const satisfies WriteRow;

const hmset = {
  ...hset,
  name: 'hmset',
  summary: 'Sets the values of multiple fields.',
  parse: (args: Args) => checkPairs(args, 'hmset'),
  write(txn, args) {
    putPairs(txn, args);
    return OK;
  },
} as const satisfies WriteRow;

function checkPairs(args: Args, name: string): void {
  if (args.length % 2 === 1) throw new CommandError(wrongArity(name));
}

/** How many fields are new. */
function putPairs(txn: Txn, args: Args): number {
  const hash = editHash(txn, args[1]!);
  hash.prefetch(args.filter((_, at) => at >= 2 && at % 2 === 0));
  let added = 0;
  for (let at = 2; at < args.length; at += 2) {
    if (hash.put(args[at]!, args[at + 1]!) === undefined) added++;
  }
  return added;
}

const hsetnx = {
  name: 'hsetnx',
  summary: "Sets the value of a field in a hash only when the field doesn't exist.",
  since: '2.0.0',
  complexity: 'O(log(N))',
  arity: 4,
  ...FAST_WRITE,
  write(txn, args) {
    const hash = editHash(txn, args[1]!);
    if (hash.get(args[2]!) !== undefined) return integer(0);
    hash.put(args[2]!, args[3]!);
    return integer(1);
  },
} as const satisfies WriteRow;

const hget = {
  name: 'hget',
  summary: 'Returns the value of a field in a hash.',
  since: '2.0.0',
  complexity: 'O(log(N))',
  arity: 3,
  ...FAST_READ,
  read: (view, args) => valueReply(hashAt(view, args[1]!)?.get(args[2]!)),
} as const satisfies ReadRow;

const hmget = {
  name: 'hmget',
  summary: 'Returns the values of all the given fields in a hash.',
  since: '2.0.0',
  complexity: 'O(M*log(N)) with M being the number of fields requested.',
  arity: -3,
  ...FAST_READ,
  read(view, args) {
    const hash = hashAt(view, args[1]!);
    const fields = args.slice(2);
    hash?.prefetch(fields);
    return array(fields.map((field) => valueReply(hash?.get(field))));
  },
} as const satisfies ReadRow;

const hdel = {
  name: 'hdel',
  summary: 'Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain.',
  since: '2.0.0',
  complexity: 'O(M*log(N)) with M being the number of fields to be removed.',
  arity: -3,
  group: 'hash',
  ...traits('hash', ['write', 'fast']),
  keys: ONE_KEY,
  write: (txn, args) => deleteNamed(editHash(txn, args[1]!), args.slice(2)),
} as const satisfies WriteRow;

const hlen = {
  name: 'hlen',
  summary: 'Returns the number of fields in a hash.',
  since: '2.0.0',
  complexity: 'O(1)',
  arity: 2,
  ...FAST_READ,
  read: (view, args) => integer(hashAt(view, args[1]!)?.count ?? 0),
} as const satisfies ReadRow;

const hexists = {
  name: 'hexists',
  summary: 'Determines whether a field exists in a hash.',
  since: '2.0.0',
  complexity: 'O(log(N))',
  arity: 3,
  ...FAST_READ,
  read: (view, args) => integer(hashAt(view, args[1]!)?.get(args[2]!) === undefined ? 0 : 1),
} as const satisfies ReadRow;

const hstrlen = {
  name: 'hstrlen',
  summary: 'Returns the length of the value of a field.',
  since: '3.2.0',
  complexity: 'O(log(N))',
  arity: 3,
  ...FAST_READ,
  read: (view, args) => integer(hashAt(view, args[1]!)?.get(args[2]!)?.length ?? 0),
} as const satisfies ReadRow;

const hgetall = {
  name: 'hgetall',
  summary: 'Returns all fields and values in a hash.',
  since: '2.0.0',
  complexity: 'O(N) where N is the size of the hash.',
  arity: 2,
  ...READ,
  read: (view, args) => map(allOf(view, args, ({ key, value }) => [bulk(key), bulk(value)] as const)),
} as const satisfies ReadRow;

const hkeys = {
  name: 'hkeys',
  summary: 'Returns all fields in a hash.',
  since: '2.0.0',
  complexity: 'O(N) where N is the size of the hash.',
  arity: 2,
  ...READ,
  read: (view, args) => array(allOf(view, args, ({ key }) => bulk(key))),
} as const satisfies ReadRow;

const hvals = {
  name: 'hvals',
  summary: 'Returns all values in a hash.',
  since: '2.0.0',
  complexity: 'O(N) where N is the size of the hash.',
  arity: 2,
  ...READ,
  read: (view, args) => array(allOf(view, args, ({ value }) => bulk(value))),
} as const satisfies ReadRow;

function allOf<Shown>(view: View, args: Args, show: (pair: Pair) => Shown): Shown[] {
  const shown: Shown[] = [];
  for (const pair of hashAt(view, args[1]!)?.all() ?? []) shown.push(show(pair));
  return shown;
}

const hincrby = {
  name: 'hincrby',
  summary:
    "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field doesn't exist.",
  since: '2.0.0',
  complexity: 'O(log(N))',
  arity: 4,
  ...FAST_WRITE,
  parse: (args: Args) => void integerArgument(args[3]!),
  write(txn, args) {
    const hash = editHash(txn, args[1]!);
    const old = hash.get(args[2]!);
    const value = old === undefined ? 0 : parseInteger(old);
    if (value === undefined) throw new CommandError('ERR hash value is not an integer');
    const sum = addIntegers(value, integerArgument(args[3]!));
    hash.put(args[2]!, Buffer.from(String(sum)));
    return integer(sum);
  },
} as const satisfies WriteRow;

const hincrbyfloat = {
  name: 'hincrbyfloat',
  summary:
    "Increments the floating point value of a field by a number. Uses 0 as initial value if the field doesn't exist.",
  since: '2.6.0',
  complexity: 'O(log(N))',
  arity: 4,
  ...FAST_WRITE,
  parse: (args: Args) => void finiteArgument(args[3]!),
  write(txn, args) {
    const hash = editHash(txn, args[1]!);
    const sum = addFloats(hash.get(args[2]!), finiteArgument(args[3]!), 'ERR hash value is not a float');
    hash.put(args[2]!, sum);
    return bulk(sum);
  },
} as const satisfies WriteRow;

function finiteArgument(bytes: Buffer) {
  const value = floatArgument(bytes);
  if (value.kind === 'infinite') throw new CommandError('ERR value is NaN or Infinity');
  return value;
}

const hrandfield = {
  name: 'hrandfield',
  summary: 'Returns one or more random fields from a hash.',
  since: '6.2.0',
  complexity: 'O(M*log(N)) with M being the number of fields returned.',
  arity: -2,
  ...READ,
  parse: (args: Args) => void pickOptions(args, 'withvalues'),
  read: (view, args, ctx) => picksReply(pickOptions(args, 'withvalues'), hashAt(view, args[1]!), bulk, ctx),
} as const satisfies ReadRow;

const hscan = {
  name: 'hscan',
  summary: 'Iterates over fields and values of a hash.',
  since: '2.8.0',
  complexity:
    'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0.',
  arity: -3,
  ...READ,
  parse: (args: Args) => void scanCursor(args[2]!),
  read(view, args) {
    const hash = hashAt(view, args[1]!);
    return hash === undefined
      ? WALKED_NOTHING
      : walk(args, hash, ({ key, value }) => [bulk(key), bulk(value)]);
  },
} as const satisfies ReadRow;

export const hashRows = [
  hset,
  hmset,
  hsetnx,
  hget,
  hmget,
  hdel,
  hlen,
  hexists,
  hstrlen,
  hgetall,
  hkeys,
  hvals,
  hincrby,
  hincrbyfloat,
  hrandfield,
  hscan,
] as const;
