/**
 * The doors to values: what a handler sees of a string, hash, set, sorted set or list, whatever it is made of.
 *
 * Any call, and any step of an iteration, may throw PageFault (see txn.ts). Iterations are lazy: what is not asked for is
 * not read. Nothing may be edited while an iteration over it is under way. An editing door makes the key with the first element
 * and removes it with the last one.
 *
 * Left out: whose key is of which type. A handler looks (View.get) before it opens a door; a door of the wrong kind is a bug.
 */

export interface Pair {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A string's bytes. */
export interface Text {
  readonly length: number;
  /** The bytes `from` to `to`, without the last; all of them exist. Only their pages are read. */
  slice(from: number, to: number): Buffer;
}

export interface EditableText extends Text {
  /** Also beyond the end: what lies between becomes zeros. */
  write(at: number, bytes: Buffer): void;
}

/** `up` goes to higher ranks, `down` to lower ones. */
export type Direction = 'up' | 'down';

/** Pairs in the byte order of their keys; ranks count from 0. */
export interface Ordered {
  readonly count: number;
  get(key: Buffer): Buffer | undefined;
  at(rank: number): Pair | undefined;
  /** How many keys are below this one, which need not be there. */
  below(key: Buffer): number;
  /** From the pair at `rank` on. `most`: no more than so many, nearly all of which will be read; they are loaded together. */
  from(rank: number, direction: Direction, most?: number): Iterable<Pair>;
  /** All of it is in memory: there is nothing to load ahead. */
  readonly isInMemory: boolean;
  /** Loads what the run will need of these keys, or ranks, together. */
  prefetch(keys: readonly Buffer[]): void;
  prefetchRanks(ranks: readonly number[]): void;
}

export interface EditableOrdered extends Ordered {
  /** Answers the value that was there. */
  put(key: Buffer, value: Buffer): Buffer | undefined;
  /** Answers the value that was there. */
  delete(key: Buffer): Buffer | undefined;
  /** Removes the pairs with `from` <= rank < `to`. */
  deleteRange(from: number, to: number): void;
}

/** Fields of a hash, members of a set, members of a sorted set with their scores: by name, in hash order. */
export interface Fields {
  readonly count: number;
  get(name: Buffer): Buffer | undefined;
  /** By ranks in hash order: how random ones are picked. All of the ranks exist. */
  atAll(ranks: readonly number[]): Pair[];
  prefetch(names: readonly Buffer[]): void;
  all(): Iterable<Pair>;
  /** About `count` from a position in hash order (0 <= position < 2^32); names that share a position are never parted. */
  scan(position: number, count: number): FieldPage;
}

export interface FieldPage {
  readonly pairs: readonly Pair[];
  /** Where to go on; undefined at the end. */
  readonly next: number | undefined;
}

export interface EditableFields extends Fields {
  put(name: Buffer, value: Buffer): Buffer | undefined;
  delete(name: Buffer): Buffer | undefined;
}

/** A sorted set: `scores` are pairs of score and member in one key (see sortKey in keys.ts), without values. */
export interface Sorted {
  readonly members: Fields;
  readonly scores: Ordered;
}

export interface EditableSorted extends Sorted {
  /** Loads what the run will need of these members, together. `scores`: those that they are about to get. */
  prefetch(members: readonly Buffer[], scores?: readonly Buffer[]): void;
  /** `score` as eight sortable bytes. Answers the score that was there. */
  put(member: Buffer, score: Buffer): Buffer | undefined;
  delete(member: Buffer): Buffer | undefined;
  /** By rank in the order of scores. */
  deleteRange(from: number, to: number): void;
}

/** A list. */
export interface Items {
  readonly count: number;
  at(rank: number): Buffer | undefined;
  /** As that of Ordered. */
  from(rank: number, direction: Direction, most?: number): Iterable<Buffer>;
}

export interface EditableItems extends Items {
  set(rank: number, item: Buffer): void;
  /** Before the item that has this rank; `rank` = count appends. */
  insert(rank: number, item: Buffer): void;
  deleteRange(from: number, to: number): void;
}
