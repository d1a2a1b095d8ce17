/**
 * Sorted sets in the order of scores: ZRANGE and its older names, ranks and counts.
 *
 * Every range becomes a range of ranks first, so that a range in the middle of a large set costs no more than one at its beginning.
 */
import { array, bulk, integer, NULL, NULL_ARRAY, type Reply } from '../resp/reply.js';
import { scoreOfSortKey } from '../slot/keys.js';
import type { Sorted, View } from '../slot/txn.js';
import { indexArgument, isWord } from './arguments.js';
import { type RankRange, rankRange, within } from './collection.js';
import { type Args, CommandError, type ReadRow } from './command.js';
import { SYNTAX_ERROR, syntaxError } from './errors.js';
import { type Bounds, lexBounds, scoreBounds, scoredOf } from './score.js';
import { sortedAt } from './sorted-set.js';
import { ONE_KEY, traits } from './traits.js';
import { scoreReply } from './zadd.js';

const READ = { group: 'sorted-set', ...traits('sortedset', ['readonly']), keys: ONE_KEY } as const;
const FAST_READ = {
  group: 'sorted-set',
  ...traits('sortedset', ['readonly', 'fast']),
  keys: ONE_KEY,
} as const;

type Order = 'index' | 'score' | 'lex';

/** What the command's name says already; what it leaves open may be said by an option, once. */
interface Fixed {
  readonly by?: Order;
  readonly reverse?: boolean;
}

interface Options extends Fixed {
  readonly withScores: boolean;
  readonly limit: { readonly offset: number; readonly count: number } | undefined;
}

function rangeRow(name: string, since: string, summary: string, fixed: Fixed): ReadRow {
  return {
    name,
    summary,
    since,
    complexity: 'O(log(N)+M) with M being the number of elements returned.',
    arity: -4,
    ...READ,
    parse(args) {
      const options = rangeOptions(args, fixed);
      ranksOf(args, options);
    },
    read: (view, args) => range(view, args, rangeOptions(args, fixed)),
  };
}

function rangeOptions(args: Args, fixed: Fixed): Options {
  let options: Options = { ...fixed, withScores: false, limit: undefined };
  for (let at = 4; at < args.length; at++) {
    const word = args[at]!;
    if (isWord(word, 'withscores')) {
      options = { ...options, withScores: true };
    } else if (isWord(word, 'limit') && at + 2 < args.length) {
      const limit = { offset: indexArgument(args[at + 1]!), count: indexArgument(args[at + 2]!) };
      options = { ...options, limit };
      at += 2;
    } else {
      options = freeOption(word, options);
    }
  }
  checkOptions(options);
  // Redis lets LIMIT x -1 pass with indexes, and takes no notice of it.
  return isByIndex(options) ? { ...options, limit: undefined } : options;
}

function freeOption(word: Buffer, options: Options): Options {
  if (options.reverse === undefined && isWord(word, 'rev')) return { ...options, reverse: true };
  if (options.by === undefined && isWord(word, 'byscore')) return { ...options, by: 'score' };
  if (options.by === undefined && isWord(word, 'bylex')) return { ...options, by: 'lex' };
  throw syntaxError();
}

function isByIndex({ by }: Options): boolean {
  return by !== 'score' && by !== 'lex';
}

function checkOptions(options: Options): void {
  const { by, limit, withScores } = options;
  if (limit !== undefined && limit.count !== -1 && isByIndex(options)) {
    throw new CommandError(
      `${SYNTAX_ERROR}, LIMIT is only supported in combination with either BYSCORE or BYLEX`,
    );
  }
  if (withScores && by === 'lex') {
    throw new CommandError(`${SYNTAX_ERROR}, WITHSCORES not supported in combination with BYLEX`);
  }
}

/** Where the range begins and ends. Backwards, Redis wants the upper end first. */
function ranksOf(args: Args, { by, reverse }: Options): Bounds {
  const [low, high] = reverse ? [args[3]!, args[2]!] : [args[2]!, args[3]!];
  if (by === 'score') return scoreBounds(low, high);
  if (by === 'lex') return lexBounds(low, high);
  const start = indexArgument(args[2]!);
  const stop = indexArgument(args[3]!);
  return {
    ranks({ count }) {
      const { from, to } = rankRange(start, stop, count);
      return reverse ? { from: count - to, to: count - from } : { from, to };
    },
  };
}

function range(view: View, args: Args, options: Options): Reply {
  const set = sortedAt(view, args[1]!);
  if (set === undefined) return array([]);
  const ranks = limited(ranksOf(args, options).ranks(set.scores), options);
  return array(shown(set, ranks, options));
}

function limited({ from, to }: RankRange, { limit, reverse }: Options): RankRange {
  if (limit === undefined) return { from, to };
  const { offset, count } = limit;
  const left = to - from - offset;
  if (offset < 0 || left <= 0) return { from: 0, to: 0 };
  const taken = count < 0 ? left : Math.min(left, count);
  return reverse
    ? { from: to - offset - taken, to: to - offset }
    : { from: from + offset, to: from + offset + taken };
}

function shown(set: Sorted, ranks: RankRange, { withScores, reverse }: Options): Reply[] {
  const replies: Reply[] = [];
  for (const { key } of within(set.scores, ranks, reverse ? 'down' : 'up')) {
    const { member, score } = scoredOf(key);
    replies.push(bulk(member));
    if (withScores) replies.push(scoreReply(score));
  }
  return replies;
}

const WITHIN = 'Returns members in a sorted set within a range of';
const zrange = rangeRow('zrange', '1.2.0', `${WITHIN} indexes, scores or members.`, {});
const zrevrange = rangeRow('zrevrange', '1.2.0', `${WITHIN} indexes in reverse order.`, {
  by: 'index',
  reverse: true,
});
const zrangebyscore = rangeRow('zrangebyscore', '1.0.5', `${WITHIN} scores.`, {
  by: 'score',
  reverse: false,
});
const zrevrangebyscore = rangeRow('zrevrangebyscore', '2.2.0', `${WITHIN} scores in reverse order.`, {
  by: 'score',
  reverse: true,
});
const zrangebylex = rangeRow('zrangebylex', '2.8.9', `${WITHIN} members.`, { by: 'lex', reverse: false });
const zrevrangebylex = rangeRow('zrevrangebylex', '2.8.9', `${WITHIN} members in reverse order.`, {
  by: 'lex',
  reverse: true,
});

function rankRow(name: string, summary: string, reverse: boolean): ReadRow {
  return {
    name,
    summary,
    since: '2.0.0',
    complexity: 'O(log(N))',
    arity: -3,
    ...FAST_READ,
    parse: (args) => void wantsScore(args),
    read: (view, args) => rank(view, args, reverse),
  };
}

function rank(view: View, args: Args, reverse: boolean): Reply {
  const withScore = wantsScore(args);
  const set = sortedAt(view, args[1]!);
  const score = set?.members.get(args[2]!);
  if (set === undefined || score === undefined) return withScore ? NULL_ARRAY : NULL;
  const below = set.scores.below(Buffer.concat([score, args[2]!]));
  const place = integer(reverse ? set.scores.count - 1 - below : below);
  return withScore ? array([place, scoreReply(scoreOfSortKey(score))]) : place;
}

function wantsScore(args: Args): boolean {
  if (args.length === 3) return false;
  if (args.length > 4 || !isWord(args[3]!, 'withscore')) throw syntaxError();
  return true;
}

const zrank = rankRow(
  'zrank',
  'Returns the index of a member in a sorted set ordered by ascending scores.',
  false,
);
const zrevrank = rankRow(
  'zrevrank',
  'Returns the index of a member in a sorted set ordered by descending scores.',
  true,
);

function countRow(name: string, since: string, what: string, boundsOf: typeof scoreBounds): ReadRow {
  return {
    name,
    summary: `Returns the count of members in a sorted set that have ${what} within a range.`,
    since,
    complexity: 'O(log(N))',
    arity: 4,
    ...FAST_READ,
    parse: (args) => void boundsOf(args[2]!, args[3]!),
    read(view, args) {
      const bounds = boundsOf(args[2]!, args[3]!);
      const set = sortedAt(view, args[1]!);
      if (set === undefined) return integer(0);
      const { from, to } = bounds.ranks(set.scores);
      return integer(Math.max(0, to - from));
    },
  };
}

const zcount = countRow('zcount', '2.0.0', 'scores', scoreBounds);
const zlexcount = countRow('zlexcount', '2.8.9', 'names', lexBounds);

export const sortedSetRangeRows: readonly ReadRow[] = [
  zrange,
  zrevrange,
  zrangebyscore,
  zrevrangebyscore,
  zrangebylex,
  zrevrangebylex,
  zrank,
  zrevrank,
  zcount,
  zlexcount,
];
