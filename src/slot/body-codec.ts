/**
 * How a collection's body stands in its key's record.
 *
 *   inline  u8 0 | varint count | per pair or item: varint length, bytes [, varint length, bytes]
 *   paged   u8 1 | varint index | varint ordinal | u16 home | varint trees | per tree: varint page, height, count, next page
 *   pair    key and value: `hash32 | name` and the value; of a set the key alone; of a sorted set the score as the value
 *
 * A sorted set's second tree is not stored while it is inline: it is made of the first.
 */
import { type ByteReader, type ByteWriter, FormatError } from '../bytes.js';
import { type Body, type CollectionKind, type InlinePairs, lifeOfNumbers, type PagedBody } from './body.js';
import type { Pair } from './doors.js';
import { decodeList } from './entry.js';
import { scoreKey } from './fields.js';

const INLINE = 0;
const PAGED = 1;
const EMPTY = Buffer.alloc(0);

export function encodeBody(out: ByteWriter, kind: CollectionKind, body: Body): void {
  if (body.form === 'paged') return encodePaged(out, body);
  out.u8(INLINE);
  if (body.form === 'items') {
    out.varint(body.list.items.length);
    for (const item of body.list.items) out.bytes(item);
    return;
  }
  const { pairs } = body.members;
  out.varint(pairs.length);
  for (const { key, value } of pairs) {
    out.bytes(key);
    if (kind !== 'set') out.bytes(value);
  }
}

export function decodeBody(input: ByteReader, kind: CollectionKind): Body {
  const form = input.u8();
  if (form === PAGED) return decodePaged(input);
  if (form !== INLINE) throw new FormatError(`body form ${form}`);
  if (kind === 'list') {
    const items = decodeList(input, () => input.bytes());
    return { form: 'items', list: { items, bytes: items.reduce((sum, item) => sum + item.length, 0) } };
  }
  const pairs = decodeList(input, () => {
    const key = input.bytes();
    return { key, value: kind === 'set' ? EMPTY : input.bytes() };
  });
  const members = inlinePairs(pairs);
  if (kind !== 'zset') return { form: 'pairs', members };
  const scores = pairs.map((pair) => ({ key: scoreKey(pair), value: EMPTY }));
  scores.sort((one, other) => Buffer.compare(one.key, other.key));
  return { form: 'sorted', members, scores: inlinePairs(scores) };
}

function encodePaged(out: ByteWriter, { life, roots }: PagedBody): void {
  out.u8(PAGED).varint(life.index).varint(life.ordinal).u16(life.home).varint(roots.length);
  for (const { page, height, count, nextPage } of roots) {
    out.varint(page).varint(height).varint(count).varint(nextPage);
  }
}

function decodePaged(input: ByteReader): PagedBody {
  const life = lifeOfNumbers(input.varint(), input.varint(), input.u16());
  const roots = decodeList(input, () => {
    return { page: input.varint(), height: input.varint(), count: input.varint(), nextPage: input.varint() };
  });
  return { form: 'paged', life, roots };
}

function inlinePairs(pairs: readonly Pair[]): InlinePairs {
  let bytes = 0;
  for (const { key, value } of pairs) bytes += key.length + value.length;
  return { pairs, bytes };
}
