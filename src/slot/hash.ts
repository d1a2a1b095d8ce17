/**
 * Where a key lives: hash14 as Redis Cluster computes it, and the slot of a table that covers it.
 */
import keySlot from 'cluster-key-slot';

export const HASH_SLOTS = 16384;

/** CRC16 of the key or of its hash tag, modulo 16,384 (Redis Cluster specification, "Hash tags"). */
export function hash14(key: Buffer): number {
  return keySlot(key);
}

/** The slot, of `slots` in the table, whose contiguous range of hash slots holds `hash`. */
export function slotOfHash(hash: number, slots: number): number {
  return Math.floor((hash * slots) / HASH_SLOTS);
}

export function slotOfKey(key: Buffer, slots: number): number {
  return slotOfHash(hash14(key), slots);
}

/** First and last hash slot of a table's slot, both included. */
export function hashRangeOfSlot(
  slot: number,
  slots: number,
): { readonly first: number; readonly last: number } {
  return {
    first: Math.ceil((slot * HASH_SLOTS) / slots),
    last: Math.ceil(((slot + 1) * HASH_SLOTS) / slots) - 1,
  };
}
