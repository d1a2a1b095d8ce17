/**
 * Where a key lives: hash14 as Redis Cluster computes it, and the slot of a table that covers it.
 *
 * Written here and not taken from cluster-key-slot, which reads past an empty hash tag (`{}x}`) and sends such keys elsewhere
 * than Redis does. Part of the disk format, so never changed.
 */
export const HASH_SLOTS = 16384;

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** CRC16 (XMODEM) of each byte value. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** CRC16 of the key or of its hash tag, modulo 16,384 (Redis Cluster specification, "Hash tags"). */
export function hash14(key: Buffer): number {
  let from = 0;
  let to = key.length;
  const open = key.indexOf(OPEN);
  if (open >= 0) {
    const close = key.indexOf(CLOSE, open + 1);
    // An empty tag is no tag, and no later one counts.
    if (close > open + 1) {
      from = open + 1;
      to = close;
    }
  }
  let crc = 0;
  for (let i = from; i < to; i++) crc = ((crc << 8) & 0xffff) ^ CRC16[(crc >> 8) ^ key[i]!]!;
  return crc & (HASH_SLOTS - 1);
}

/** The slot, of `slots` in the table, whose contiguous range of hash slots holds `hash`. */
export function slotOfHash(hash: number, slots: number): number {
  return Math.floor((hash * slots) / HASH_SLOTS);
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
