/**
 * ZADD and ZINCRBY: options, and what becomes of each member's score.
 */
import { integer, NULL, type Reply } from '../resp/reply.js';
import { scoreOfSortKey, sortKeyOf } from '../slot/keys.js';
import type { EditableSorted, Txn } from '../slot/txn.js';
import { isWord } from './arguments.js';
import { isThere } from './collection.js';
import { type Args, CommandError, type WriteRow } from './command.js';
import { syntaxError } from './errors.js';
import { addScores, type Scored, scoreArgument } from './score.js';
import { ONE_KEY, traits } from './traits.js';

const TRAITS = {
  group: 'sorted-set',
  ...traits('sortedset', ['write', 'denyoom', 'fast']),
  keys: ONE_KEY,
} as const;
const WORDS = ['nx', 'xx', 'gt', 'lt', 'ch', 'incr'] as const;
type Option = (typeof WORDS)[number];

interface Addition {
  readonly options: ReadonlySet<Option>;
  readonly scored: readonly Scored[];
}

const zadd = {
  name: 'zadd',
  summary:
    "Adds one or more members to a sorted set, or updates their scores. Creates the key if it doesn't exist.",
  since: '1.2.0',
  complexity: 'O(log(N)) for each item added, where N is the number of elements in the sorted set.',
  arity: -4,
  ...TRAITS,
  parse: (args: Args) => void addition(args),
  write: runZadd,
} as const satisfies WriteRow;

function addition(args: Args): Addition {
  const options = new Set<Option>();
  let at = 2;
  for (; at < args.length; at++) {
    const option = WORDS.find((word) => isWord(args[at]!, word));
    if (option === undefined) break;
    options.add(option);
  }
  if (at === args.length || (args.length - at) % 2 === 1) throw syntaxError();
  checkOptions(options, (args.length - at) / 2);
  const scored: Scored[] = [];
  for (; at < args.length; at += 2) {
    scored.push({ score: scoreArgument(args[at]!), member: args[at + 1]! });
  }
  return { options, scored };
}

function checkOptions(options: ReadonlySet<Option>, pairs: number): void {
  const exclusive = ['gt', 'lt', 'nx'].filter((option) => options.has(option as Option)).length;
  if (options.has('nx') && options.has('xx')) {
    throw new CommandError('ERR XX and NX options at the same time are not compatible');
  }
  if (exclusive > 1) {
    throw new CommandError('ERR GT, LT, and/or NX options at the same time are not compatible');
  }
  if (options.has('incr') && pairs > 1) {
    throw new CommandError('ERR INCR option supports a single increment-element pair');
  }
}

function runZadd(txn: Txn, args: Args): Reply {
  const { options, scored } = addition(args);
  isThere(txn, args[1]!, 'zset');
  const set = txn.editSorted(args[1]!);
  set.prefetch(
    scored.map(({ member }) => member),
    scored.map(({ score }) => sortKeyOf(score)),
  );
  if (options.has('incr')) return scoreReply(add(set, scored[0]!, options).score);
  const results = scored.map((each) => add(set, each, options).result);
  const counted = options.has('ch') ? ['added', 'changed'] : ['added'];
  return integer(results.filter((result) => counted.includes(result)).length);
}

interface Added {
  readonly result: 'added' | 'changed' | 'same' | 'refused';
  /** As it is now; undefined where the options refused. */
  readonly score: number | undefined;
}

function add(set: EditableSorted, { member, score }: Scored, options: ReadonlySet<Option>): Added {
  const stored = set.members.get(member);
  if (stored === undefined) {
    if (options.has('xx')) return REFUSED;
    set.put(member, sortKeyOf(score));
    return { result: 'added', score };
  }
  if (options.has('nx')) return REFUSED;
  const old = scoreOfSortKey(stored);
  const wanted = options.has('incr') ? addScores(old, score) : score;
  if ((options.has('gt') && wanted <= old) || (options.has('lt') && wanted >= old)) return REFUSED;
  set.put(member, sortKeyOf(wanted));
  return { result: wanted === old ? 'same' : 'changed', score: wanted };
}

const REFUSED: Added = { result: 'refused', score: undefined };

const zincrby = {
  name: 'zincrby',
  summary:
    "Increments the score of a member in a sorted set. Uses 0 as initial score if the member doesn't exist.",
  since: '1.2.0',
  complexity: 'O(log(N)) where N is the number of elements in the sorted set.',
  arity: 4,
  ...TRAITS,
  parse: (args: Args) => void scoreArgument(args[2]!),
  write(txn, args) {
    isThere(txn, args[1]!, 'zset');
    const by = { member: args[3]!, score: scoreArgument(args[2]!) };
    return scoreReply(add(txn.editSorted(args[1]!), by, new Set<Option>(['incr'])).score);
  },
} as const satisfies WriteRow;

export function scoreReply(score: number | undefined): Reply {
  return score === undefined ? NULL : { kind: 'double', value: score };
}

export const zaddRows = [zadd, zincrby] as const;
