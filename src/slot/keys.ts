/**
 * Byte layout of the engine's keys (docs/key-layout.md). Everything of one state shares the prefix `stateId`, and
 * records lie in hash order, so that dropping a state, scanning, counting a hash slot and splitting are ranges.
 *
 *   record   u32 stateId | u16 hash14 (< 0x4000) | u32 hash32 | escaped key | page (nothing for the record itself)
 *   expiry   u32 stateId | u16 0x8000 | u64 expireAtMs | escaped key
 *   meta     u32 stateId | u16 0xffff
 *   node     u32 0 | u8 area | u32 id          (state 0 is the node's own book-keeping)
 *
 * A key's bytes are escaped (00 -> 00 ff) and end with 00 01, so that no key is a prefix of another and order holds.
 */
import { packed, unpacked } from '../bytes.js';
import { hash14 } from './hash.js';

const EXPIRY_AREA = 0x8000;
const META_AREA = 0xffff;

/** Where a key stands in hash order. */
export interface Place {
  readonly hash14: number;
  readonly hash32: number;
}

export function placeOf(key: Buffer): Place {
  return { hash14: hash14(key), hash32: hash32(key) };
}

/** A key as the string under which maps hold it: one character a byte, so that equal names are equal bytes. */
export function nameOf(key: Buffer): string {
  return packed(key);
}

/** The key of a name. */
export function keyOf(name: string): Buffer {
  return unpacked(name);
}

/** The scan position of a place: below 2^46, in hash order. */
export function positionOf(place: Place): number {
  return place.hash14 * 4294967296 + place.hash32;
}

/** FNV-1a with a finishing mix; part of the disk format, so never changed. */
export function hash32(key: Buffer): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A score as eight bytes whose order is the scores' own. Not for NaN; minus zero is kept as zero, which it equals. */
export function sortKeyOf(score: number): Buffer {
  const out = Buffer.allocUnsafe(8);
  out.writeDoubleBE(score === 0 ? 0 : score);
  // Positive numbers sort as their bits do, once the sign bit puts them above the negative ones, whose bits sort backwards.
  if (out[0]! < 0x80) out[0]! ^= 0x80;
  else for (let at = 0; at < 8; at++) out[at]! ^= 0xff;
  return out;
}

/** The score in the first eight bytes. */
export function scoreOfSortKey(bytes: Buffer): number {
  const out = Buffer.from(bytes.subarray(0, 8));
  if (out[0]! >= 0x80) out[0]! ^= 0x80;
  else for (let at = 0; at < 8; at++) out[at]! ^= 0xff;
  return out.readDoubleBE(0);
}

export function recordKey(stateId: number, place: Place, key: Buffer): Buffer {
  const out = Buffer.allocUnsafe(12 + key.length + countZeros(key));
  out.writeUInt32BE(stateId, 0);
  out.writeUInt16BE(place.hash14, 4);
  out.writeUInt32BE(place.hash32, 6);
  escapeInto(out, 10, key);
  return out;
}

/** The key and its place, out of a record's engine key. */
export function parseRecordKey(bytes: Buffer): { readonly key: Buffer; readonly place: Place } {
  const place = { hash14: bytes.readUInt16BE(4), hash32: bytes.readUInt32BE(6) };
  return { key: unescapeKey(bytes, 10), place };
}

/** Where records at or after a scan position begin. */
export function recordRangeStart(stateId: number, position: number): Buffer {
  const out = Buffer.allocUnsafe(10);
  out.writeUInt32BE(stateId, 0);
  out.writeUInt16BE(Math.floor(position / 4294967296), 4);
  out.writeUInt32BE(position % 4294967296, 6);
  return out;
}

/** Just past the last record of a state. */
export function recordRangeEnd(stateId: number): Buffer {
  return areaKey(stateId, 0x4000);
}

export function expiryKey(stateId: number, expireAtMs: number, key: Buffer): Buffer {
  const out = Buffer.allocUnsafe(16 + key.length + countZeros(key));
  out.writeUInt32BE(stateId, 0);
  out.writeUInt16BE(EXPIRY_AREA, 4);
  out.writeUInt32BE(Math.floor(expireAtMs / 4294967296), 6);
  out.writeUInt32BE(expireAtMs % 4294967296, 10);
  escapeInto(out, 14, key);
  return out;
}

export function parseExpiryKey(bytes: Buffer): { readonly key: Buffer; readonly expireAtMs: number } {
  const expireAtMs = bytes.readUInt32BE(6) * 4294967296 + bytes.readUInt32BE(10);
  return { key: unescapeKey(bytes, 14), expireAtMs };
}

export function expiryRange(stateId: number): { readonly from: Buffer; readonly to: Buffer } {
  return { from: areaKey(stateId, EXPIRY_AREA), to: areaKey(stateId, EXPIRY_AREA + 1) };
}

export function metaKey(stateId: number): Buffer {
  return areaKey(stateId, META_AREA);
}

/** All of a state: records, expiry index and meta. */
export function stateRange(stateId: number): { readonly from: Buffer; readonly to: Buffer } {
  return { from: areaKey(stateId, 0), to: areaKey(stateId + 1, 0) };
}

/** What is left of a state's row key without the state it belongs to; with `keyInState` it moves to another state. */
export function keyWithoutState(bytes: Buffer): Buffer {
  return bytes.subarray(4);
}

export function keyInState(stateId: number, rest: Buffer): Buffer {
  const out = Buffer.allocUnsafe(4 + rest.length);
  out.writeUInt32BE(stateId);
  rest.copy(out, 4);
  return out;
}

/** `state`: replica -> its state. `garbage`: a state to be cleared. `counter`: the newest state id. */
export type NodeArea = 'state' | 'garbage' | 'counter';
const NODE_AREAS: readonly NodeArea[] = ['state', 'garbage', 'counter'];

export function nodeKey(area: NodeArea, id: number): Buffer {
  const out = Buffer.alloc(9);
  out.writeUInt8(NODE_AREAS.indexOf(area), 4);
  out.writeUInt32BE(id, 5);
  return out;
}

export function nodeAreaRange(area: NodeArea): { readonly from: Buffer; readonly to: Buffer } {
  const to = Buffer.alloc(5);
  to.writeUInt8(NODE_AREAS.indexOf(area) + 1, 4);
  return { from: nodeKey(area, 0), to };
}

export function parseNodeKey(bytes: Buffer): number {
  return bytes.readUInt32BE(5);
}

function areaKey(stateId: number, area: number): Buffer {
  const out = Buffer.allocUnsafe(6);
  out.writeUInt32BE(stateId, 0);
  out.writeUInt16BE(area, 4);
  return out;
}

function countZeros(key: Buffer): number {
  let zeros = 0;
  for (let at = key.indexOf(0); at >= 0; at = key.indexOf(0, at + 1)) zeros++;
  return zeros;
}

function escapeInto(out: Buffer, start: number, key: Buffer): void {
  let to = start;
  let from = 0;
  for (let zero = key.indexOf(0); zero >= 0; zero = key.indexOf(0, zero + 1)) {
    to += key.copy(out, to, from, zero);
    out[to++] = 0;
    out[to++] = 0xff;
    from = zero + 1;
  }
  to += key.copy(out, to, from);
  out[to++] = 0;
  out[to] = 1;
}

function unescapeKey(bytes: Buffer, start: number): Buffer {
  const out = Buffer.allocUnsafeSlow(bytes.length - start - 2);
  let length = 0;
  for (let i = start; i < bytes.length - 2; i++) {
    out[length++] = bytes[i]!;
    if (bytes[i] === 0) i++;
  }
  return out.subarray(0, length);
}
