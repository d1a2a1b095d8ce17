/**
 * Sorted sets by member, and what takes members out: ZSCORE, ZREM, ZPOPMIN, ZREMRANGEBYSCORE and their relatives.
 *
 * A sorted set is kept in two orders, by member and by score; the door edits both at once. Minus zero is kept as zero.
 */
import { array, bulk, integer, type Reply } from '../resp/reply.js';
import { scoreOfSortKey } from '../slot/keys.js';
import type { Sorted, Txn, View } from '../slot/txn.js';
import { indexArgument } from './arguments.js';
import {
  countArgument,
  deleteNamed,
  isThere,
  pickOptions,
  picksReply,
  type RankRange,
  rankRange,
  WALKED_NOTHING,
  walk,
  within,
} from './collection.js';
import type { Args, CommandRow, ReadRow, WriteRow } from './command.js';
import { syntaxError } from './errors.js';
import { scanCursor } from './scan.js';
import { type Bounds, lexBounds, scoreBounds, scoredOf } from './score.js';
import { ONE_KEY, traits } from './traits.js';
import { scoreReply } from './zadd.js';

const READ = { group: 'sorted-set', ...traits('sortedset', ['readonly']), keys: ONE_KEY } as const;
const FAST_READ = {
  group: 'sorted-set',
  ...traits('sortedset', ['readonly', 'fast']),
  keys: ONE_KEY,
} as const;
const WRITE = { group: 'sorted-set', ...traits('sortedset', ['write']), keys: ONE_KEY } as const;
const FAST_WRITE = { group: 'sorted-set', ...traits('sortedset', ['write', 'fast']), keys: ONE_KEY } as const;

export function sortedAt(view: View, key: Buffer): Sorted | undefined {
  return isThere(view, key, 'zset') ? view.sorted(key) : undefined;
}

const zrem = {
  name: 'zrem',
  summary:
    'Removes one or more members from a sorted set. Deletes the sorted set if all members were removed.',
  since: '1.2.0',
  complexity: 'O(M*log(N)) with M being the number of elements to be removed.',
  arity: -3,
  ...FAST_WRITE,
  write(txn, args) {
    isThere(txn, args[1]!, 'zset');
    return deleteNamed(txn.editSorted(args[1]!), args.slice(2));
  },
} as const satisfies WriteRow;

const zcard = {
  name: 'zcard',
  summary: 'Returns the number of members in a sorted set.',
  since: '1.2.0',
  complexity: 'O(1)',
  arity: 2,
  ...FAST_READ,
  read: (view, args) => integer(sortedAt(view, args[1]!)?.scores.count ?? 0),
} as const satisfies ReadRow;

const zscore = {
  name: 'zscore',
  summary: 'Returns the score of a member in a sorted set.',
  since: '1.2.0',
  complexity: 'O(log(N))',
  arity: 3,
  ...FAST_READ,
  read: (view, args) => memberScore(sortedAt(view, args[1]!), args[2]!),
} as const satisfies ReadRow;

const zmscore = {
  name: 'zmscore',
  summary: 'Returns the scores of one or more members in a sorted set.',
  since: '6.2.0',
  complexity: 'O(M*log(N)) with M being the number of members requested.',
  arity: -3,
  ...FAST_READ,
  read(view, args) {
    const set = sortedAt(view, args[1]!);
    const members = args.slice(2);
    set?.members.prefetch(members);
    return array(members.map((member) => memberScore(set, member)));
  },
} as const satisfies ReadRow;

function memberScore(set: Sorted | undefined, member: Buffer): Reply {
  const stored = set?.members.get(member);
  return scoreReply(stored && scoreOfSortKey(stored));
}

function popRow(name: string, summary: string, lowest: boolean): WriteRow {
  return {
    name,
    summary,
    since: '5.0.0',
    complexity: 'O(M*log(N)) with M being the number of elements popped.',
    arity: -2,
    ...FAST_WRITE,
    parse(args) {
      if (args.length > 3) throw syntaxError();
      if (args.length === 3) countArgument(args[2]!);
    },
    write: (txn, args) => pop(txn, args, lowest),
  };
}

function pop(txn: Txn, args: Args, lowest: boolean): Reply {
  if (!isThere(txn, args[1]!, 'zset')) return array([]);
  const set = txn.editSorted(args[1]!);
  const { count } = set.scores;
  const most = args[2] === undefined ? 1 : Math.min(countArgument(args[2]), count);
  const range = lowest ? { from: 0, to: most } : { from: count - most, to: count };
  const popped = shownScored(set, range, lowest ? 'up' : 'down');
  set.deleteRange(range.from, range.to);
  return array(popped);
}

/** Member, score, member, score ... */
function shownScored(set: Sorted, range: RankRange, direction: 'up' | 'down'): Reply[] {
  return [...within(set.scores, range, direction)].flatMap(({ key }) => {
    const { member, score } = scoredOf(key);
    return [bulk(member), scoreReply(score)];
  });
}

const POPPED = 'Deletes the sorted set if the last member was popped.';
const zpopmin = popRow(
  'zpopmin',
  `Returns the lowest-scoring members of a sorted set after removing them. ${POPPED}`,
  true,
);
const zpopmax = popRow(
  'zpopmax',
  `Returns the highest-scoring members of a sorted set after removing them. ${POPPED}`,
  false,
);

type RangeOf = (args: Args) => Bounds;

function removeRow(name: string, since: string, what: string, rangeOf: RangeOf): WriteRow {
  return {
    name,
    summary: `Removes members in a sorted set within a range of ${what}. Deletes the sorted set if all members were removed.`,
    since,
    complexity: 'O(log(N)+M*log(N)) with M being the number of elements removed.',
    arity: 4,
    ...WRITE,
    parse: (args) => void rangeOf(args),
    write(txn, args) {
      const bounds = rangeOf(args);
      if (!isThere(txn, args[1]!, 'zset')) return integer(0);
      const set = txn.editSorted(args[1]!);
      const { from, to } = bounds.ranks(set.scores);
      set.deleteRange(from, to);
      return integer(Math.max(0, to - from));
    },
  };
}

function indexBounds(args: Args): Bounds {
  const start = indexArgument(args[2]!);
  const stop = indexArgument(args[3]!);
  return { ranks: ({ count }) => rankRange(start, stop, count) };
}

const zremrangebyrank = removeRow('zremrangebyrank', '2.0.0', 'indexes', indexBounds);
const zremrangebyscore = removeRow('zremrangebyscore', '1.2.0', 'scores', (args) =>
  scoreBounds(args[2]!, args[3]!),
);
const zremrangebylex = removeRow('zremrangebylex', '2.8.9', 'members', (args) =>
  lexBounds(args[2]!, args[3]!),
);

const zrandmember = {
  name: 'zrandmember',
  summary: 'Returns one or more random members from a sorted set.',
  since: '6.2.0',
  complexity: 'O(M*log(N)) with M being the number of members returned.',
  arity: -2,
  ...READ,
  parse: (args: Args) => void pickOptions(args, 'withscores'),
  read(view, args, ctx) {
    const members = sortedAt(view, args[1]!)?.members;
    const showScore = (value: Buffer) => scoreReply(scoreOfSortKey(value));
    return picksReply(pickOptions(args, 'withscores'), members, showScore, ctx);
  },
} as const satisfies ReadRow;

const zscan = {
  name: 'zscan',
  summary: 'Iterates over members and scores of a sorted set.',
  since: '2.8.0',
  complexity:
    'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0.',
  arity: -3,
  ...READ,
  parse: (args: Args) => void scanCursor(args[2]!),
  read(view, args) {
    const members = sortedAt(view, args[1]!)?.members;
    if (members === undefined) return WALKED_NOTHING;
    return walk(args, members, ({ key, value }) => [bulk(key), scoreReply(scoreOfSortKey(value))]);
  },
} as const satisfies ReadRow;

export const sortedSetRows: readonly CommandRow[] = [
  zrem,
  zcard,
  zscore,
  zmscore,
  zpopmin,
  zpopmax,
  zremrangebyrank,
  zremrangebyscore,
  zremrangebylex,
  zrandmember,
  zscan,
];
