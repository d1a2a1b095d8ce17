/**
 * What a collection, or a long string, is made of, as plain immutable data in its key's record.
 *
 * A body has one *tree*, a sorted set two: its members in hash order (with their scores), and its scores in order. Small
 * collections hold their trees *inline*, as sorted arrays; larger ones are *paged*: the record holds the roots of B+trees whose pages
 * lie in the pool and the engine beside the records. A paged body stays paged until it is gone. A changed body is a new object.
 *
 * A pair's key begins with the hash of its name (hash, set, members) or with the score (scores); see keys.ts. What is inline is kept
 * as JavaScript strings of one character a byte, as small strings are (cell.ts): found and copied without a call out of JavaScript.
 */
import { PAGE_BYTES_TARGET, type TreeRoot } from './tree.js';

export type CollectionKind = 'hash' | 'set' | 'zset' | 'list';

export interface InlinePairs {
  /** In order, as bytes are. */
  readonly keys: readonly string[];
  /** One a key. */
  readonly values: readonly string[];
  /** Of keys and values. */
  readonly bytes: number;
}

export interface InlineItems {
  readonly items: readonly string[];
  readonly bytes: number;
}

export type Body =
  | { readonly form: 'pairs'; readonly members: InlinePairs }
  | { readonly form: 'sorted'; readonly members: InlinePairs; readonly scores: InlinePairs }
  | { readonly form: 'items'; readonly list: InlineItems }
  | PagedBody;

export type InlineBody = Exclude<Body, PagedBody>;

export interface PagedBody {
  readonly form: 'paged';
  readonly life: Life;
  /** Of a sorted set members and scores, of others one. */
  readonly roots: readonly TreeRoot[];
}

/** A string in pages of one size: page n holds what follows the first (n - 1) * chunkBytes bytes; only the last may be short. */
export interface LongString {
  readonly form: 'chunks';
  readonly life: Life;
  readonly bytes: number;
  readonly chunkBytes: number;
}

/** One existence of a paged key; see page-keys.ts. */
export interface Life {
  readonly index: number;
  readonly ordinal: number;
  readonly home: number;
  /** Under which maps hold it: made once, because it is looked up with every page. */
  readonly name: string;
}

export function lifeOfNumbers(index: number, ordinal: number, home: number): Life {
  return { index, ordinal, home, name: `${index}.${ordinal}` };
}

/** Where bodies turn from inline to paged. Part of the rules, so the same on every node; tests choose their own. */
export interface BodyLimits {
  readonly inlineEntriesMax: number;
  /** Of keys and values, or items. */
  readonly inlineBytesMax: number;
  readonly pageBytesTarget: number;
  /** A longer string is put in pages. It stays there until another takes its place. */
  readonly stringBytesMax: number;
  /** Of a long string in one page: what a change of one byte writes. */
  readonly chunkBytes: number;
}

export const BODY_LIMITS: BodyLimits = {
  inlineEntriesMax: 128,
  inlineBytesMax: 4096,
  pageBytesTarget: PAGE_BYTES_TARGET,
  stringBytesMax: 64 * 1024,
  chunkBytes: 16 * 1024,
};

const NO_PAIRS: InlinePairs = { keys: [], values: [], bytes: 0 };
const NO_BODIES: Readonly<Record<CollectionKind, InlineBody>> = {
  hash: { form: 'pairs', members: NO_PAIRS },
  set: { form: 'pairs', members: NO_PAIRS },
  zset: { form: 'sorted', members: NO_PAIRS, scores: NO_PAIRS },
  list: { form: 'items', list: { items: [], bytes: 0 } },
};

export function emptyBody(kind: CollectionKind): InlineBody {
  return NO_BODIES[kind];
}

export function bodyCount(body: Body): number {
  if (body.form === 'paged') return body.roots[0]!.count;
  return body.form === 'items' ? body.list.items.length : body.members.keys.length;
}

/** What a pair and its two strings, and an item and its string, cost beside their bytes; measured, rounded up. */
const PAIR_OVERHEAD_BYTES = 72;
const ITEM_OVERHEAD_BYTES = 40;

export const PAGED_BYTES = 320;

export function isInlineSized(body: InlineBody, { inlineEntriesMax, inlineBytesMax }: BodyLimits): boolean {
  const { bytes } = body.form === 'items' ? body.list : body.members;
  return bodyCount(body) <= inlineEntriesMax && bytes <= inlineBytesMax;
}

/** What the body costs in memory, without its pages. */
export function bodyBytes(body: Body): number {
  switch (body.form) {
    case 'pairs':
      return pairsBytes(body.members);
    case 'sorted':
      return pairsBytes(body.members) + pairsBytes(body.scores);
    case 'items':
      return body.list.bytes + body.list.items.length * ITEM_OVERHEAD_BYTES;
    case 'paged':
      return PAGED_BYTES;
  }
}

function pairsBytes({ keys, bytes }: InlinePairs): number {
  return bytes + keys.length * PAIR_OVERHEAD_BYTES;
}
