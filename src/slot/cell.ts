/**
 * One key in memory, and what it costs.
 */
import { ownBytes, packed, unpacked } from '../bytes.js';
import { bodyBytes, PAGED_BYTES } from './body.js';
import type { Place } from './keys.js';
import type { CollectionRecord, KeyRecord, StringRecord } from './txn.js';

/** A new version of a key is a new cell; only what is derived or learned later is filled in. */
export interface Cell {
  /** The key as a latin1 string: the name under which maps hold it, and all that is kept of it. */
  readonly name: string;
  /** undefined: known not to exist. */
  readonly record: KeptRecord | undefined;
  /** Where the key stands in hash order; computed when first needed. */
  place: Place | undefined;
  /** The expiry that the engine's index holds for this key, to be taken out when it changes. */
  storedExpireAtMs: number | undefined;
  /** Where it stands among the dirty cells that it was put to last (dirty.ts). */
  dirtyAt: number | undefined;
}

/**
 * A record as memory keeps it. A small string is a JavaScript string of one character a byte: a Buffer of its own costs several
 * hundred bytes, and the collector's time, whatever it holds.
 */
export type KeptRecord = KeptText | StringRecord | CollectionRecord;

export interface KeptText {
  readonly kind: 'text';
  readonly text: string;
  readonly expireAtMs: number | undefined;
}

/** Above it the copy at every read costs more than the Buffer; and Buffers, unlike strings, are not in the heap, which has a bound. */
const TEXT_BYTES_MAX = 256;

export function keep(record: KeyRecord): KeptRecord {
  if (record.kind !== 'string' || !Buffer.isBuffer(record.value)) return record;
  const { value, expireAtMs } = record;
  if (value.length <= TEXT_BYTES_MAX) return { kind: 'text', text: packed(value), expireAtMs };
  const own = ownBytes(value);
  return own === value ? record : { ...record, value: own };
}

/** As handlers know it. */
export function given(record: KeptRecord): KeyRecord {
  if (record.kind !== 'text') return record;
  return { kind: 'string', value: unpacked(record.text), expireAtMs: record.expireAtMs };
}

/** What a map entry, a cell and its record cost beside the bytes of key and value: resident memory, measured over 300,000. */
const CELL_OVERHEAD_BYTES = 600;
/** A Buffer of its own, beside its bytes. */
const BUFFER_OVERHEAD_BYTES = 250;

export function cellBytes({ name, record }: Cell): number {
  return CELL_OVERHEAD_BYTES + 2 * name.length + valueBytes(record);
}

function valueBytes(record: KeptRecord | undefined): number {
  if (record === undefined) return 0;
  if (record.kind === 'text') return record.text.length;
  if (record.kind !== 'string') return bodyBytes(record.body);
  return Buffer.isBuffer(record.value) ? BUFFER_OVERHEAD_BYTES + record.value.length : PAGED_BYTES;
}
