/**
 * What waits to be written into the binlog: records, and how soon somebody wants them durable. Pure.
 */
import type { BinlogRecord } from './binlog.js';
import { entriesBytes } from './binlog-entries.js';
import { FRAME_HEADER_BYTES, type StoredRecord } from './binlog-record.js';

export const SMALL_RECORD_BYTES = 64;

export interface Pending {
  /** Called when the batch is encoded. */
  readonly records: () => readonly (BinlogRecord | StoredRecord)[];
  readonly bytes: number;
  /** `none`: rides with what others want. */
  readonly sync: 'now' | 'later' | 'none';
  readonly written: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Somebody asked for no sync yet, and nobody for one. */
export function maySyncLater(batch: readonly Pending[]): boolean {
  return batch.some(({ sync }) => sync === 'later') && batch.every(({ sync }) => sync !== 'now');
}

export function bytesOf(records: readonly BinlogRecord[]): number {
  let bytes = 0;
  for (const record of records) {
    const payload = record.kind === 'entries' ? entriesBytes(record.entries) : SMALL_RECORD_BYTES;
    bytes += FRAME_HEADER_BYTES + payload;
  }
  return bytes;
}

export const NOBODY_WAITS = (): void => {};
