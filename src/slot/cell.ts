/**
 * One key in memory, and what it costs.
 */
import { ownBytes, packed, unpacked } from '../bytes.js';
import { bodyBytes, PAGED_BYTES } from './body.js';
import { keyOf, type Place, placeOf } from './keys.js';
import type { CollectionRecord, KeyRecord, StringRecord } from './txn.js';

/** A new version of a key is a new cell; only what is derived or learned later is filled in. */
export interface Cell {
  /** The key as a latin1 string: the name under which maps hold it, and all that is kept of it. */
  readonly name: string;
  /** undefined: known not to exist. */
  readonly record: KeptRecord | undefined;
  /** Where the key stands in hash order (placeOfCell); `UNPLACED` until it is first needed. */
  hash14: number;
  /** Of 32 bits with their sign: so it is kept in the cell itself, and not as an object of its own. */
  hash32: number;
  /** The expiry that the engine's index holds for this key, to be taken out when it changes. */
  storedExpireAtMs: number | undefined;
  /** Where it stands among the dirty cells that it was put to last (dirty.ts). */
  dirtyAt: number | undefined;
}

/**
 * A record as memory keeps it. A small string is a JavaScript string of one character a byte: a Buffer of its own costs several
 * hundred bytes, and the collector's time, whatever it holds. Where it never expires it is that string and nothing else: the collector
 * looks at each object again and again, and most keys are such. The empty one is a record too: compare with undefined.
 */
export type KeptRecord = string | KeptText | StringRecord | CollectionRecord;

export interface KeptText {
  readonly kind: 'text';
  readonly text: string;
  readonly expireAtMs: number;
}

/** Above it the copy at every read costs more than the Buffer; and Buffers, unlike strings, are not in the heap, which has a bound. */
const TEXT_BYTES_MAX = 256;

export function keep(record: KeyRecord): KeptRecord {
  if (record.kind !== 'string' || !Buffer.isBuffer(record.value)) return record;
  const { value, expireAtMs } = record;
  if (value.length <= TEXT_BYTES_MAX) {
    const text = packed(value);
    return expireAtMs === undefined ? text : { kind: 'text', text, expireAtMs };
  }
  const own = ownBytes(value);
  return own === value ? record : { ...record, value: own };
}

/** As handlers know it. */
export function given(record: KeptRecord): KeyRecord {
  const text = textOf(record);
  if (text === undefined) return record as KeyRecord;
  return { kind: 'string', value: unpacked(text), expireAtMs: expiryOf(record) };
}

/** Of a small string. */
export function textOf(record: KeptRecord): string | undefined {
  if (typeof record === 'string') return record;
  return record.kind === 'text' ? record.text : undefined;
}

export function expiryOf(record: KeptRecord | undefined): number | undefined {
  return record === undefined || typeof record === 'string' ? undefined : record.expireAtMs;
}

/** To whoever asks for its type. */
export function kindOf(record: KeptRecord): KeyRecord['kind'] {
  return typeof record === 'string' || record.kind === 'text' ? 'string' : record.kind;
}

/** Of the hash slot, which has no sign. */
const UNPLACED = -1;

/** `before`: the key's cell until now. */
export function makeCell(
  name: string,
  record: KeptRecord | undefined,
  storedExpireAtMs: number | undefined,
  before?: Cell,
): Cell {
  const hash14 = before?.hash14 ?? UNPLACED;
  return { name, record, hash14, hash32: before?.hash32 ?? 0, storedExpireAtMs, dirtyAt: undefined };
}

/** The hash slot, once it is in the cell. */
export function placedHash14(cell: Cell): number {
  if (cell.hash14 === UNPLACED) {
    const place = placeOf(keyOf(cell.name));
    cell.hash14 = place.hash14;
    cell.hash32 = place.hash32 | 0;
  }
  return cell.hash14;
}

export function placeOfCell(cell: Cell): Place {
  return { hash14: placedHash14(cell), hash32: cell.hash32 >>> 0 };
}

/**
 * What a map entry, a cell and its record cost beside the bytes of key and value, in resident memory: some 300 right after a full
 * collection, measured over 300,000, and what the heap grows by until the next one.
 */
const CELL_OVERHEAD_BYTES = 600;
/** A Buffer of its own, beside its bytes. */
const BUFFER_OVERHEAD_BYTES = 250;

export function cellBytes({ name, record }: Cell): number {
  return CELL_OVERHEAD_BYTES + 2 * name.length + valueBytes(record);
}

function valueBytes(record: KeptRecord | undefined): number {
  if (record === undefined) return 0;
  if (typeof record === 'string') return record.length;
  if (record.kind === 'text') return record.text.length;
  if (record.kind !== 'string') return bodyBytes(record.body);
  return Buffer.isBuffer(record.value) ? BUFFER_OVERHEAD_BYTES + record.value.length : PAGED_BYTES;
}
