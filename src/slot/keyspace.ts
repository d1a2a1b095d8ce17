/**
 * What every type's handlers share about a key as a whole: its type's name and its expiry.
 *
 * Invariant: a record whose time has come is never put. A write that would leave one deletes the key instead, as Redis
 * does, so that a dead key is never seen in SCAN or DBSIZE on the way to its removal.
 * Left out: who removes keys when time passes (the log does, see expiry), and anything about a type's own value.
 */
import type { KeyRecord, Txn } from './txn.js';

/** TYPE's word for what is at a key. */
export function typeName(record: KeyRecord | undefined): KeyRecord['kind'] | 'none' {
  return record === undefined ? 'none' : record.kind;
}

/** The same value with another expiry. */
export function withExpiry(record: KeyRecord, expireAtMs: number | undefined): KeyRecord {
  return { ...record, expireAtMs };
}

/** Whether a key that dies at `expireAtMs` is dead at `nowMs`. */
export function isDue(expireAtMs: number | undefined, nowMs: number): boolean {
  return expireAtMs !== undefined && expireAtMs <= nowMs;
}

/** Puts the record, or removes the key when the record's time has come already. */
export function putLive(txn: Txn, key: Buffer, record: KeyRecord, nowMs: number): void {
  if (isDue(record.expireAtMs, nowMs)) txn.delete(key);
  else txn.put(key, record);
}
