/**
 * Lists: pushes, pops, and access by index.
 *
 * Indexes count from the head; negative ones from the tail, -1 being the last item.
 */
import { array, bulk, integer, NULL, NULL_ARRAY, OK, type Reply } from '../resp/reply.js';
import type { EditableItems, Items, Txn, View } from '../slot/txn.js';
import { indexArgument, isWord } from './arguments.js';
import { countArgument, isThere, rankRange, within } from './collection.js';
import { type Args, CommandError, type ReadRow, type WriteRow } from './command.js';
import { syntaxError, wrongArity } from './errors.js';
import { ONE_KEY, traits } from './traits.js';

const READ = { group: 'list', ...traits('list', ['readonly']), keys: ONE_KEY } as const;
const WRITE = { group: 'list', ...traits('list', ['write']), keys: ONE_KEY } as const;
const GROWING = { group: 'list', ...traits('list', ['write', 'denyoom']), keys: ONE_KEY } as const;
const PUSH = { group: 'list', ...traits('list', ['write', 'denyoom', 'fast']), keys: ONE_KEY } as const;
const POP = { group: 'list', ...traits('list', ['write', 'fast']), keys: ONE_KEY } as const;

type End = 'head' | 'tail';

function listAt(view: View, key: Buffer): Items | undefined {
  return isThere(view, key, 'list') ? view.items(key) : undefined;
}

function editList(txn: Txn, key: Buffer): EditableItems | undefined {
  return isThere(txn, key, 'list') ? txn.editItems(key) : undefined;
}

function pushRow(name: string, end: End, onlyThere: boolean, since: string, summary: string): WriteRow {
  return {
    name,
    summary,
    since,
    complexity: 'O(log(N)) for each item, with N being the length of the list.',
    arity: -3,
    ...PUSH,
    write(txn, args) {
      const there = isThere(txn, args[1]!, 'list');
      if (onlyThere && !there) return integer(0);
      const list = txn.editItems(args[1]!);
      for (const item of args.slice(2)) list.insert(end === 'head' ? 0 : list.count, item);
      return integer(list.count);
    },
  };
}

const CREATES = "Creates the key if it doesn't exist.";
const lpush = pushRow('lpush', 'head', false, '1.0.0', `Prepends one or more elements to a list. ${CREATES}`);
const rpush = pushRow('rpush', 'tail', false, '1.0.0', `Appends one or more elements to a list. ${CREATES}`);
const lpushx = pushRow(
  'lpushx',
  'head',
  true,
  '2.2.0',
  'Prepends one or more elements to a list only when the list exists.',
);
const rpushx = pushRow(
  'rpushx',
  'tail',
  true,
  '2.2.0',
  'Appends one or more elements to a list only when the list exists.',
);

function popRow(name: string, end: End, summary: string): WriteRow {
  return {
    name,
    summary,
    since: '1.0.0',
    complexity: 'O(M*log(N)) with M being the number of items popped.',
    arity: -2,
    ...POP,
    parse(args) {
      if (args.length > 3) throw new CommandError(wrongArity(name));
      if (args.length === 3) countArgument(args[2]!);
    },
    write: (txn, args) => pop(txn, args, end),
  };
}

function pop(txn: Txn, args: Args, end: End): Reply {
  const list = editList(txn, args[1]!);
  const [, , wanted] = args;
  if (list === undefined) return wanted === undefined ? NULL : NULL_ARRAY;
  const { count } = list;
  const most = wanted === undefined ? 1 : Math.min(countArgument(wanted), count);
  const range = end === 'head' ? { from: 0, to: most } : { from: count - most, to: count };
  const popped = [...within(list, range, end === 'head' ? 'up' : 'down')].map(bulk);
  list.deleteRange(range.from, range.to);
  return wanted === undefined ? popped[0]! : array(popped);
}

const LAST = 'Deletes the list if the last element was popped.';
const lpop = popRow('lpop', 'head', `Returns and removes the first elements of a list. ${LAST}`);
const rpop = popRow('rpop', 'tail', `Returns and removes the last elements of a list. ${LAST}`);

const llen = {
  name: 'llen',
  summary: 'Returns the length of a list.',
  since: '1.0.0',
  group: 'list',
  complexity: 'O(1)',
  arity: 2,
  ...traits('list', ['readonly', 'fast']),
  keys: ONE_KEY,
  read: (view, args) => integer(listAt(view, args[1]!)?.count ?? 0),
} as const satisfies ReadRow;

const lindex = {
  name: 'lindex',
  summary: 'Returns an element from a list by its index.',
  since: '1.0.0',
  complexity: 'O(log(N))',
  arity: 3,
  ...READ,
  read(view, args) {
    const list = listAt(view, args[1]!);
    if (list === undefined) return NULL;
    const index = indexArgument(args[2]!);
    const item = list.at(index < 0 ? index + list.count : index);
    return item === undefined ? NULL : bulk(item);
  },
} as const satisfies ReadRow;

const lrange = {
  name: 'lrange',
  summary: 'Returns a range of elements from a list.',
  since: '1.0.0',
  complexity: 'O(log(N)+M) with M being the number of elements in the range.',
  arity: 4,
  ...READ,
  parse: checkIndexes,
  read(view, args) {
    const list = listAt(view, args[1]!);
    if (list === undefined) return array([]);
    return array([...within(list, rangeOf(args, list.count))].map(bulk));
  },
} as const satisfies ReadRow;

function checkIndexes(args: Args): void {
  indexArgument(args[2]!);
  indexArgument(args[3]!);
}

function rangeOf(args: Args, count: number): { readonly from: number; readonly to: number } {
  return rankRange(indexArgument(args[2]!), indexArgument(args[3]!), count);
}

const lset = {
  name: 'lset',
  summary: 'Sets the value of an element in a list by its index.',
  since: '1.0.0',
  complexity: 'O(log(N))',
  arity: 4,
  ...GROWING,
  write(txn, args) {
    const list = editList(txn, args[1]!);
    if (list === undefined) throw new CommandError('ERR no such key');
    const index = indexArgument(args[2]!);
    const rank = index < 0 ? index + list.count : index;
    if (rank < 0 || rank >= list.count) throw new CommandError('ERR index out of range');
    list.set(rank, args[3]!);
    return OK;
  },
} as const satisfies WriteRow;

const ltrim = {
  name: 'ltrim',
  summary:
    'Removes elements from both ends of a list, keeping a range. Deletes the list if all elements were trimmed.',
  since: '1.0.0',
  complexity: 'O(log(N)) and the pages removed, where N is the length of the list.',
  arity: 4,
  ...WRITE,
  parse: checkIndexes,
  write(txn, args) {
    const list = editList(txn, args[1]!);
    if (list === undefined) return OK;
    const { from, to } = rangeOf(args, list.count);
    list.deleteRange(to, list.count);
    list.deleteRange(0, from);
    return OK;
  },
} as const satisfies WriteRow;

const lrem = {
  name: 'lrem',
  summary: 'Removes elements from a list. Deletes the list if the last element was removed.',
  since: '1.0.0',
  complexity: 'O(N+M*log(N)) where N is the length of the list and M the number of elements removed.',
  arity: 4,
  ...WRITE,
  parse: (args: Args) => void indexArgument(args[2]!),
  write: runLrem,
} as const satisfies WriteRow;

/** A negative count removes from the tail on; zero removes all. */
function runLrem(txn: Txn, args: Args): Reply {
  const count = indexArgument(args[2]!);
  const list = editList(txn, args[1]!);
  if (list === undefined) return integer(0);
  const most = count === 0 ? Infinity : Math.abs(count);
  const ranks = ranksOf(list, args[3]!, most, count < 0);
  // From the tail on, so that the ranks of those that are left to remove stay what they were.
  for (const rank of ranks.sort((a, b) => b - a)) list.deleteRange(rank, rank + 1);
  return integer(ranks.length);
}

function ranksOf(list: Items, wanted: Buffer, most: number, fromTail: boolean): number[] {
  const ranks: number[] = [];
  let rank = fromTail ? list.count - 1 : 0;
  for (const item of list.from(rank, fromTail ? 'down' : 'up')) {
    if (item.equals(wanted)) ranks.push(rank);
    if (ranks.length >= most) break;
    rank += fromTail ? -1 : 1;
  }
  return ranks;
}

const linsert = {
  name: 'linsert',
  summary: 'Inserts an element before or after another element in a list.',
  since: '2.2.0',
  complexity: 'O(N) where N is the number of elements before the pivot.',
  arity: 5,
  ...GROWING,
  parse: (args: Args) => void isAfter(args),
  write(txn, args) {
    const after = isAfter(args);
    const list = editList(txn, args[1]!);
    if (list === undefined) return integer(0);
    const [rank] = ranksOf(list, args[3]!, 1, false);
    if (rank === undefined) return integer(-1);
    list.insert(after ? rank + 1 : rank, args[4]!);
    return integer(list.count);
  },
} as const satisfies WriteRow;

function isAfter(args: Args): boolean {
  if (isWord(args[2]!, 'after')) return true;
  if (isWord(args[2]!, 'before')) return false;
  throw syntaxError();
}

export const listRows = [
  lpush,
  rpush,
  lpushx,
  rpushx,
  lpop,
  rpop,
  llen,
  lindex,
  lrange,
  lset,
  ltrim,
  lrem,
  linsert,
] as const;
