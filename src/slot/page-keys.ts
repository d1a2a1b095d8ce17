/**
 * Byte layout of the engine's keys for the pages of large collections, and for those that are to be reclaimed
 * (docs/key-layout.md). Both lie inside their state and apart from its records, so that SCAN never meets them.
 *
 *   page      u32 stateId | u16 0x4000 + home | u64 index | u32 ordinal | u32 page
 *   reclaim   u32 stateId | u16 0x9000 | u64 index | u32 ordinal | u16 home
 *
 * A *life* is one existence of a large key: index of the entry that made it, and how many lives that entry had made
 * before. It is never used again, so what is left of a dead life can't be taken for a part of a new one. `home` is the hash slot of
 * the key that the life was made for; a key that is renamed takes its pages along without moving them.
 */
import type { EngineRange } from '../storage/engine.js';
import { type Life, lifeOfNumbers } from './body.js';
import type { PageNumber } from './tree.js';

const PAGE_AREA = 0x4000;
const RECLAIM_AREA = 0x9000;

export function pageKey(stateId: number, life: Life, page: PageNumber): Buffer {
  const out = Buffer.allocUnsafe(22);
  writeLife(out, stateId, life);
  out.writeUInt32BE(page, 18);
  return out;
}

/** All pages of a life. */
export function lifeRange(stateId: number, life: Life): EngineRange {
  const from = Buffer.allocUnsafe(18);
  writeLife(from, stateId, life);
  // Page numbers are below 2^32 - 1, and no page's key is longer.
  return { from, to: Buffer.concat([from, Buffer.alloc(5, 0xff)]) };
}

export function reclaimKey(stateId: number, { index, ordinal, home }: Life): Buffer {
  const out = Buffer.allocUnsafe(20);
  out.writeUInt32BE(stateId, 0);
  out.writeUInt16BE(RECLAIM_AREA, 4);
  writeIndex(out, 6, index);
  out.writeUInt32BE(ordinal, 14);
  out.writeUInt16BE(home, 18);
  return out;
}

export function parseReclaimKey(bytes: Buffer): Life {
  const index = bytes.readUInt32BE(6) * 4294967296 + bytes.readUInt32BE(10);
  return lifeOfNumbers(index, bytes.readUInt32BE(14), bytes.readUInt16BE(18));
}

export function reclaimRange(stateId: number): EngineRange {
  const bound = (area: number): Buffer => {
    const out = Buffer.allocUnsafe(6);
    out.writeUInt32BE(stateId, 0);
    out.writeUInt16BE(area, 4);
    return out;
  };
  return { from: bound(RECLAIM_AREA), to: bound(RECLAIM_AREA + 1) };
}

function writeLife(out: Buffer, stateId: number, { index, ordinal, home }: Life): void {
  out.writeUInt32BE(stateId, 0);
  out.writeUInt16BE(PAGE_AREA + home, 4);
  writeIndex(out, 6, index);
  out.writeUInt32BE(ordinal, 14);
}

function writeIndex(out: Buffer, at: number, index: number): void {
  out.writeUInt32BE(Math.floor(index / 4294967296), at);
  out.writeUInt32BE(index % 4294967296, at + 4);
}
