/**
 * What a collection is made of, as plain immutable data in its key's record.
 *
 * A body has one *tree*, a sorted set two: its members in hash order (with their scores), and its scores in order. Small
 * collections hold their trees *inline*, as sorted arrays. A changed body is a new object.
 *
 * A pair's key begins with the hash of its name (hash, set, members) or with the score (scores); see keys.ts.
 */
import type { Pair } from './doors.js';

export type CollectionKind = 'hash' | 'set' | 'zset' | 'list';

export interface InlinePairs {
  readonly pairs: readonly Pair[];
  /** Of keys and values. */
  readonly bytes: number;
}

export interface InlineItems {
  readonly items: readonly Buffer[];
  readonly bytes: number;
}

export type Body =
  | { readonly form: 'pairs'; readonly members: InlinePairs }
  | { readonly form: 'sorted'; readonly members: InlinePairs; readonly scores: InlinePairs }
  | { readonly form: 'items'; readonly list: InlineItems };

const NO_PAIRS: InlinePairs = { pairs: [], bytes: 0 };
const NO_BODIES: Readonly<Record<CollectionKind, Body>> = {
  hash: { form: 'pairs', members: NO_PAIRS },
  set: { form: 'pairs', members: NO_PAIRS },
  zset: { form: 'sorted', members: NO_PAIRS, scores: NO_PAIRS },
  list: { form: 'items', list: { items: [], bytes: 0 } },
};

export function emptyBody(kind: CollectionKind): Body {
  return NO_BODIES[kind];
}

export function bodyCount(body: Body): number {
  return body.form === 'items' ? body.list.items.length : body.members.pairs.length;
}

/** What a pair and its two buffers, and an item and its buffer, cost beside their bytes; measured, rounded up. */
const PAIR_OVERHEAD_BYTES = 240;
const ITEM_OVERHEAD_BYTES = 104;

/** What the body costs in memory. */
export function bodyBytes(body: Body): number {
  switch (body.form) {
    case 'pairs':
      return pairsBytes(body.members);
    case 'sorted':
      return pairsBytes(body.members) + pairsBytes(body.scores);
    case 'items':
      return body.list.bytes + body.list.items.length * ITEM_OVERHEAD_BYTES;
  }
}

function pairsBytes({ pairs, bytes }: InlinePairs): number {
  return bytes + pairs.length * PAIR_OVERHEAD_BYTES;
}
