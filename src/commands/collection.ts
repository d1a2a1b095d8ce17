/**
 * What the types that hold many elements share: the check of a key's type, ranges of ranks, random picks, and HSCAN with its
 * relatives.
 */
import { array, bulk, integer, NULL, type Reply } from '../resp/reply.js';
import type { CollectionKind, Direction, Fields, KeyRecord, Pair, ReadContext, View } from '../slot/txn.js';
import { integerArgument, isWord } from './arguments.js';
import { type Args, CommandError } from './command.js';
import { NOT_AN_INTEGER, NOT_POSITIVE, syntaxError, WRONG_TYPE } from './errors.js';
import { globMatches } from './glob.js';
import { scanCursor, scanOptions } from './scan.js';

/** Picks with repetition in one reply; Redis would try any number. */
export const picksMax = 1_000_000;
/** A collection no larger than this is walked in one step, as Redis does with its compact encodings. */
const WALKED_WHOLE_MAX = 128;

const PICKS_OUT_OF_RANGE = `ERR value is out of range, value must between -${picksMax} and 9223372036854775807`;

/** Whether there is a collection of the kind at the key; WRONGTYPE where there is something else. */
export function isThere(view: View, key: Buffer, kind: CollectionKind): boolean {
  const record: KeyRecord | undefined = view.get(key);
  if (record !== undefined && record.kind !== kind) throw new CommandError(WRONG_TYPE);
  return record !== undefined;
}

/** HDEL, SREM, ZREM: answers how many of those named were there. */
export function deleteNamed(
  elements: { prefetch(names: readonly Buffer[]): void; delete(name: Buffer): unknown },
  names: readonly Buffer[],
): Reply {
  elements.prefetch(names);
  return integer(names.filter((name) => elements.delete(name) !== undefined).length);
}

/** Ranks `from` <= rank < `to`. */
export interface RankRange {
  readonly from: number;
  readonly to: number;
}

/** Both ends included, negative ones count from the end; outside the collection there is nothing. */
export function rankRange(start: number, stop: number, count: number): RankRange {
  const from = Math.max(0, start < 0 ? start + count : start);
  const to = Math.min(count, (stop < 0 ? stop + count : stop) + 1);
  return from < to ? { from, to } : { from: 0, to: 0 };
}

/** The elements of a range, first to last or last to first, whatever the source iterates over. */
export function within<Element>(
  source: { from(rank: number, direction: Direction, most: number): Iterable<Element> },
  { from, to }: RankRange,
  direction: Direction = 'up',
): Iterable<Element> {
  return from < to ? source.from(direction === 'up' ? from : to - 1, direction, to - from) : [];
}

/** A count that may not be negative. */
export function countArgument(bytes: Buffer): number {
  const count = Number(integerArgument(bytes, NOT_POSITIVE));
  if (count < 0) throw new CommandError(NOT_POSITIVE);
  return count;
}

/** Of random picks: negative means with repetition. */
export function picksArgument(bytes: Buffer): number {
  const count = Number(integerArgument(bytes, NOT_AN_INTEGER));
  if (count < -picksMax) throw new CommandError(PICKS_OUT_OF_RANGE);
  return count;
}

/** Random elements: `count` different ones, or all; where it is negative, -count that may repeat. */
export function pickSome(fields: Fields, count: number, { random }: ReadContext): Pair[] {
  const total = fields.count;
  if (count >= total) return [...fields.all()];
  const ranks =
    count < 0
      ? Array.from({ length: -count }, () => random.below(total))
      : distinct(count, total, (bound) => random.below(bound));
  return fields.atAll(ranks);
}

export interface PickOptions {
  /** Undefined: one element, not an array. */
  readonly count: number | undefined;
  readonly withValues: boolean;
}

/** HRANDFIELD and ZRANDMEMBER: `KEY [COUNT [WORD]]`. */
export function pickOptions(args: Args, word: 'withvalues' | 'withscores'): PickOptions {
  if (args.length === 2) return { count: undefined, withValues: false };
  const count = picksArgument(args[2]!);
  if (args.length > 4 || (args.length === 4 && !isWord(args[3]!, word))) throw syntaxError();
  return { count, withValues: args.length === 4 };
}

/** HRANDFIELD and ZRANDMEMBER: names, each with its value where that is wished. */
export function picksReply(
  { count, withValues }: PickOptions,
  fields: Fields | undefined,
  showValue: (value: Buffer) => Reply,
  ctx: ReadContext,
): Reply {
  if (count === undefined) return fields === undefined ? NULL : bulk(pickSome(fields, -1, ctx)[0]!.key);
  const picked = fields === undefined ? [] : pickSome(fields, count, ctx);
  return array(
    picked.flatMap(({ key, value }) => (withValues ? [bulk(key), showValue(value)] : [bulk(key)])),
  );
}

/** Floyd's sample: every set of `count` numbers below `total` is as likely as any other. */
function distinct(count: number, total: number, below: (bound: number) => number): number[] {
  const chosen = new Set<number>();
  for (let bound = total - count; bound < total; bound++) {
    const pick = below(bound + 1);
    chosen.add(chosen.has(pick) ? bound : pick);
  }
  return [...chosen];
}

/** HSCAN and its relatives: the cursor is a position in hash order plus one, as SCAN's is. */
export function walk(args: Args, fields: Fields, show: (pair: Pair) => readonly Reply[]): Reply {
  const position = scanCursor(args[2]!);
  const { count, pattern } = scanOptions(args, 3);
  if (position >= 2 ** 32) return walked(0, []);
  const atLeast = fields.count <= WALKED_WHOLE_MAX ? WALKED_WHOLE_MAX : count;
  const { pairs, next } = fields.scan(position, atLeast);
  const chosen = pairs.filter(({ key }) => pattern === undefined || globMatches(pattern, key));
  return walked(next === undefined ? 0 : next + 1, chosen.flatMap(show));
}

/** What a walk over a key that is not there answers. */
export const WALKED_NOTHING: Reply = walked(0, []);

function walked(cursor: number, elements: readonly Reply[]): Reply {
  return array([bulk(String(cursor)), array(elements)]);
}
