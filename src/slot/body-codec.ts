/**
 * How a collection's body, and what a long string is made of, stand in their key's record.
 *
 *   inline  u8 0 | varint count | per pair or item: varint length, bytes [, varint length, bytes]
 *   paged   u8 1 | varint index | varint ordinal | u16 home | varint trees | per tree: varint page, height, count, next page
 *   pair    key and value: `hash32 | name` and the value; of a set the key alone; of a sorted set the score as the value
 *   string  varint index | varint ordinal | u16 home | varint bytes | varint bytes a page
 *
 * A sorted set's second tree is not stored while it is inline: it is made of the first.
 */
import { type ByteReader, type ByteWriter, FormatError } from '../bytes.js';
import {
  type Body,
  type CollectionKind,
  type InlinePairs,
  type Life,
  type LongString,
  lifeOfNumbers,
  type PagedBody,
} from './body.js';
import { decodeList } from './entry.js';
import { scoreKey } from './fields.js';

const INLINE = 0;
const PAGED = 1;

export function encodeBody(out: ByteWriter, kind: CollectionKind, body: Body): void {
  if (body.form === 'paged') return encodePaged(out, body);
  out.u8(INLINE);
  if (body.form === 'items') {
    out.varint(body.list.items.length);
    for (const item of body.list.items) out.latin1(item);
    return;
  }
  const { keys, values } = body.members;
  out.varint(keys.length);
  for (let i = 0; i < keys.length; i++) {
    out.latin1(keys[i]!);
    if (kind !== 'set') out.latin1(values[i]!);
  }
}

export function decodeBody(input: ByteReader, kind: CollectionKind): Body {
  const form = input.u8();
  if (form === PAGED) return decodePaged(input);
  if (form !== INLINE) throw new FormatError(`body form ${form}`);
  if (kind === 'list') {
    const items = decodeList(input, () => input.latin1());
    return { form: 'items', list: { items, bytes: items.reduce((sum, item) => sum + item.length, 0) } };
  }
  const values: string[] = [];
  const keys = decodeList(input, () => {
    const key = input.latin1();
    values.push(kind === 'set' ? '' : input.latin1());
    return key;
  });
  const members = inlinePairs(keys, values);
  if (kind !== 'zset') return { form: 'pairs', members };
  // Characters are bytes: in order as they are.
  const scores = keys.map((key, i) => scoreKey(key, values[i]!)).sort();
  return {
    form: 'sorted',
    members,
    scores: inlinePairs(
      scores,
      scores.map(() => ''),
    ),
  };
}

function encodePaged(out: ByteWriter, { life, roots }: PagedBody): void {
  encodeLife(out.u8(PAGED), life);
  out.varint(roots.length);
  for (const { page, height, count, nextPage } of roots) {
    out.varint(page).varint(height).varint(count).varint(nextPage);
  }
}

function decodePaged(input: ByteReader): PagedBody {
  const life = decodeLife(input);
  const roots = decodeList(input, () => {
    return { page: input.varint(), height: input.varint(), count: input.varint(), nextPage: input.varint() };
  });
  return { form: 'paged', life, roots };
}

export function encodeLongString(out: ByteWriter, { life, bytes, chunkBytes }: LongString): void {
  encodeLife(out, life);
  out.varint(bytes).varint(chunkBytes);
}

export function decodeLongString(input: ByteReader): LongString {
  const life = decodeLife(input);
  const bytes = input.varint();
  const chunkBytes = input.varint();
  input.end();
  if (chunkBytes === 0) throw new FormatError('pages of no bytes');
  return { form: 'chunks', life, bytes, chunkBytes };
}

function encodeLife(out: ByteWriter, { index, ordinal, home }: Life): void {
  out.varint(index).varint(ordinal).u16(home);
}

function decodeLife(input: ByteReader): Life {
  return lifeOfNumbers(input.varint(), input.varint(), input.u16());
}

function inlinePairs(keys: readonly string[], values: readonly string[]): InlinePairs {
  let bytes = 0;
  for (let i = 0; i < keys.length; i++) bytes += keys[i]!.length + values[i]!.length;
  return { keys, values, bytes };
}
