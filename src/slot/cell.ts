/**
 * One key in memory, and what it costs.
 */
import { bodyBytes, PAGED_BYTES } from './body.js';
import type { Place } from './keys.js';
import type { KeyRecord } from './txn.js';

/** A new version of a key is a new cell; only what is derived or learned later is filled in. */
export interface Cell {
  readonly key: Buffer;
  /** The key as a latin1 string: the name under which maps hold it. */
  readonly name: string;
  /** undefined: known not to exist. */
  readonly record: KeyRecord | undefined;
  /** Where the key stands in hash order; computed when first needed. */
  place: Place | undefined;
  /** The expiry that the engine's index holds for this key, to be taken out when it changes. */
  storedExpireAtMs: number | undefined;
}

/** What a map entry, a cell and its two buffers cost beside the bytes of key and value: resident memory, measured over 300,000. */
const CELL_OVERHEAD_BYTES = 900;

export function cellBytes(cell: Cell): number {
  return CELL_OVERHEAD_BYTES + 2 * cell.key.length + valueBytes(cell.record);
}

function valueBytes(record: KeyRecord | undefined): number {
  if (record === undefined) return 0;
  if (record.kind !== 'string') return bodyBytes(record.body);
  return Buffer.isBuffer(record.value) ? record.value.length : PAGED_BYTES;
}

/**
 * A copy where `bytes` would keep something much larger alive, such as a whole log entry. In memory of its own, not of Node's pool:
 * there it would lie between what lives for a moment, and keep 8 KiB of that.
 */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength <= 2 * bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}

/** A collection's editors have taken copies of what they put in. */
export function ownRecord(record: KeyRecord): KeyRecord {
  if (record.kind !== 'string' || !Buffer.isBuffer(record.value)) return record;
  const value = ownBytes(record.value);
  return value === record.value ? record : { ...record, value };
}
