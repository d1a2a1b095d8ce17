/**
 * Sets: SADD with its relatives.
 *
 * Members lie in the order of their hashes. What SPOP takes is decided by the entry's dice, so that every replica takes the same.
 */
import { array, bulk, integer, NULL, type Reply } from '../resp/reply.js';
import type { EditableFields, Fields, ReadContext, Txn, View, WriteContext } from '../slot/txn.js';
import {
  countArgument,
  deleteNamed,
  isThere,
  pickSome,
  picksArgument,
  WALKED_NOTHING,
  walk,
} from './collection.js';
import type { Args, ReadRow, WriteRow } from './command.js';
import { syntaxError } from './errors.js';
import { scanCursor } from './scan.js';
import { ONE_KEY, traits } from './traits.js';

const READ = { group: 'set', ...traits('set', ['readonly']), keys: ONE_KEY } as const;
const FAST_READ = { group: 'set', ...traits('set', ['readonly', 'fast']), keys: ONE_KEY } as const;
const FAST_WRITE = { group: 'set', ...traits('set', ['write', 'fast']), keys: ONE_KEY } as const;
const EMPTY = Buffer.alloc(0);
const EMPTY_SET: Reply = { kind: 'set', items: [] };

function setAt(view: View, key: Buffer): Fields | undefined {
  return isThere(view, key, 'set') ? view.fields(key) : undefined;
}

function editSet(txn: Txn, key: Buffer): EditableFields {
  isThere(txn, key, 'set');
  return txn.editFields(key, 'set');
}

const sadd = {
  name: 'sadd',
  summary: "Adds one or more members to a set. Creates the key if it doesn't exist.",
  since: '1.0.0',
  group: 'set',
  complexity: 'O(log(N)) for each member, with N being the size of the set.',
  arity: -3,
  ...traits('set', ['write', 'denyoom', 'fast']),
  keys: ONE_KEY,
  write(txn, args) {
    const set = editSet(txn, args[1]!);
    const members = args.slice(2);
    set.prefetch(members);
    return integer(members.filter((member) => set.put(member, EMPTY) === undefined).length);
  },
} as const satisfies WriteRow;

const srem = {
  name: 'srem',
  summary: 'Removes one or more members from a set. Deletes the set if the last member was removed.',
  since: '1.0.0',
  complexity: 'O(M*log(N)) with M being the number of members to be removed.',
  arity: -3,
  ...FAST_WRITE,
  write: (txn, args) => deleteNamed(editSet(txn, args[1]!), args.slice(2)),
} as const satisfies WriteRow;

const sismember = {
  name: 'sismember',
  summary: 'Determines whether a member belongs to a set.',
  since: '1.0.0',
  complexity: 'O(log(N))',
  arity: 3,
  ...FAST_READ,
  read: (view, args) => memberReply(setAt(view, args[1]!), args[2]!),
} as const satisfies ReadRow;

const smismember = {
  name: 'smismember',
  summary: 'Determines whether multiple members belong to a set.',
  since: '6.2.0',
  complexity: 'O(M*log(N)) with M being the number of members checked.',
  arity: -3,
  ...FAST_READ,
  read(view, args) {
    const set = setAt(view, args[1]!);
    const members = args.slice(2);
    set?.prefetch(members);
    return array(members.map((member) => memberReply(set, member)));
  },
} as const satisfies ReadRow;

function memberReply(set: Fields | undefined, member: Buffer): Reply {
  return integer(set?.get(member) === undefined ? 0 : 1);
}

const scard = {
  name: 'scard',
  summary: 'Returns the number of members in a set.',
  since: '1.0.0',
  complexity: 'O(1)',
  arity: 2,
  ...FAST_READ,
  read: (view, args) => integer(setAt(view, args[1]!)?.count ?? 0),
} as const satisfies ReadRow;

const smembers = {
  name: 'smembers',
  summary: 'Returns all members of a set.',
  since: '1.0.0',
  complexity: 'O(N) where N is the size of the set.',
  arity: 2,
  ...READ,
  read(view, args) {
    const items: Reply[] = [];
    for (const { key } of setAt(view, args[1]!)?.all() ?? []) items.push(bulk(key));
    return { kind: 'set', items };
  },
} as const satisfies ReadRow;

const srandmember = {
  name: 'srandmember',
  summary: 'Returns one or multiple random members from a set.',
  since: '1.0.0',
  complexity: 'O(M*log(N)) with M being the number of members returned.',
  arity: -2,
  ...READ,
  parse(args: Args) {
    if (args.length > 3) throw syntaxError();
    if (args.length === 3) picksArgument(args[2]!);
  },
  read: runSrandmember,
} as const satisfies ReadRow;

function runSrandmember(view: View, args: Args, ctx: ReadContext): Reply {
  const set = setAt(view, args[1]!);
  const [, , wanted] = args;
  if (wanted === undefined) return set === undefined ? NULL : bulk(pickSome(set, -1, ctx)[0]!.key);
  const picked = set === undefined ? [] : pickSome(set, picksArgument(wanted), ctx);
  return array(picked.map(({ key }) => bulk(key)));
}

const spop = {
  name: 'spop',
  summary:
    'Removes and returns one or more random members of a set. Deletes the set if the last member was popped.',
  since: '1.0.0',
  complexity: 'O(M*log(N)) with M being the number of members popped.',
  arity: -2,
  ...FAST_WRITE,
  parse(args: Args) {
    if (args.length > 3) throw syntaxError();
    if (args.length === 3) countArgument(args[2]!);
  },
  write: runSpop,
} as const satisfies WriteRow;

function runSpop(txn: Txn, args: Args, ctx: WriteContext): Reply {
  const [, key, wanted] = args;
  const there = isThere(txn, key!, 'set');
  if (wanted === undefined) return there ? bulk(popSome(txn, key!, 1, ctx)[0]!) : NULL;
  if (!there) return EMPTY_SET;
  return { kind: 'set', items: popSome(txn, key!, countArgument(wanted), ctx).map(bulk) };
}

function popSome(txn: Txn, key: Buffer, count: number, ctx: WriteContext): Buffer[] {
  const set = txn.editFields(key, 'set');
  const picked = pickSome(set, count, ctx).map((pair) => pair.key);
  if (picked.length === set.count) txn.delete(key);
  else for (const member of picked) set.delete(member);
  return picked;
}

const sscan = {
  name: 'sscan',
  summary: 'Iterates over members of a set.',
  since: '2.8.0',
  complexity:
    'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0.',
  arity: -3,
  ...READ,
  parse: (args: Args) => void scanCursor(args[2]!),
  read(view, args) {
    const set = setAt(view, args[1]!);
    return set === undefined ? WALKED_NOTHING : walk(args, set, ({ key }) => [bulk(key)]);
  },
} as const satisfies ReadRow;

export const setRows = [
  sadd,
  srem,
  sismember,
  smismember,
  scard,
  smembers,
  srandmember,
  spop,
  sscan,
] as const;
