/**
 * The binlog's frame: how one record of one replica lies in a segment. Pure; docs/binlog-format.md is its page.
 *
 *   u32 length (whole frame) | u32 CRC32C | u32 replicaId | u8 kind | u24 header check | payload
 *
 * - The CRC covers all after itself and starts from the segment's number: bytes that were written for another segment never
 *   parse in this one.
 * - The header check covers length, owner, kind and segment. A frame whose payload rotted still tells whose it was and where
 *   the next one begins; and the search for the next good frame needs no CRC at each byte.
 * - Bit 7 of the kind marks the first frame of a batch: what lies between two syncs, in one write or in several. A batch is begun
 *   only when the sync of the one before is back, so a good frame with this bit proves that all before it was durable once: bad
 *   bytes before it are damage, not a torn tail.
 * - Bit 6 marks what purge copied forward. Such a frame fills gaps and never implies a truncation.
 *
 * What a whole file means (clean end, torn tail, damage) is binlog-segment.ts'.
 */
import { crc32c } from '@node-rs/crc32';
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';
import type { BinlogRecord, ReplicaId } from './binlog.js';
import { decodeEntries, writeEntries } from './binlog-entries.js';

export { decodeEntries, encodeEntries } from './binlog-entries.js';

export const FRAME_HEADER_BYTES = 16;

type Snapshot = Extract<BinlogRecord, { kind: 'snapshot' }>;

/** A record as it is stored: what callers append, plus what the log tells itself. */
export type StoredRecord = (
  | Exclude<BinlogRecord, { kind: 'snapshot' }>
  /** False: what followed `index` was of another history and went too. Decided once, when it is written. */
  | (Snapshot & { readonly keepsSuffix: boolean })
  /** Purge dropped the entries up to this one. */
  | {
      readonly kind: 'logStart';
      readonly replicaId: ReplicaId;
      readonly index: number;
      readonly term: number;
    }
) & { readonly copied?: true };

export type SmallRecord = Exclude<StoredRecord, { kind: 'entries' }>;
export type StoredKind = StoredRecord['kind'];

const KIND_CODES: Readonly<Record<StoredKind, number>> = {
  entries: 1,
  hardState: 2,
  birth: 3,
  snapshot: 4,
  tombstone: 5,
  logStart: 6,
  led: 7,
};
const KINDS: readonly (StoredKind | undefined)[] = [
  undefined,
  'entries',
  'hardState',
  'birth',
  'snapshot',
  'tombstone',
  'logStart',
  'led',
];
const STARTS_BATCH = 0x80;
const COPIED = 0x40;
const HEADER_SPACE = Buffer.alloc(FRAME_HEADER_BYTES);

/** Where a frame lies in its batch. */
export interface FrameSpan {
  readonly start: number;
  readonly end: number;
}

/** Records in one piece of memory, ready for one write into one segment. */
export class BatchEncoder {
  private readonly out: ByteWriter;
  private readonly frames: {
    readonly span: FrameSpan;
    readonly replicaId: ReplicaId;
    readonly code: number;
  }[] = [];

  constructor(
    bytesHint = 256,
    /** False: what was written before is not synced yet, and this goes on with its batch. */
    private readonly startsBatch = true,
  ) {
    this.out = new ByteWriter(bytesHint);
  }

  get count(): number {
    return this.frames.length;
  }

  add(record: StoredRecord): FrameSpan {
    const start = this.out.length;
    this.out.raw(HEADER_SPACE);
    writePayload(this.out, record);
    const span = { start, end: this.out.length };
    const flags = (start === 0 && this.startsBatch ? STARTS_BATCH : 0) | (record.copied ? COPIED : 0);
    this.frames.push({ span, replicaId: record.replicaId, code: KIND_CODES[record.kind] | flags });
    return span;
  }

  /** Headers come last, when nothing moves in memory any more. */
  finish(segment: number): Buffer {
    const bytes = this.out.finish();
    const seed = segmentSeed(segment);
    for (const { span, replicaId, code } of this.frames)
      sealFrame(bytes, span.start, span.end, replicaId, code, seed);
    return bytes;
  }
}

function sealFrame(
  bytes: Buffer,
  start: number,
  end: number,
  replicaId: ReplicaId,
  code: number,
  seed: number,
): void {
  const length = end - start;
  bytes.writeUInt32BE(length, start);
  bytes.writeUInt32BE(replicaId, start + 8);
  bytes[start + 12] = code;
  bytes.writeUIntBE(headerCheck(length, replicaId, code, seed), start + 13, 3);
  bytes.writeUInt32BE(crc32c(bytes.subarray(start + 8, end), seed), start + 4);
}

function writePayload(out: ByteWriter, record: StoredRecord): void {
  switch (record.kind) {
    case 'entries':
      writeEntries(out, record.entries);
      return;
    case 'hardState':
      out.varint(record.term).varint(record.votedFor).varint(record.commit);
      return;
    case 'birth':
      out.raw(record.birth);
      return;
    case 'snapshot':
      out
        .varint(record.index)
        .varint(record.term)
        .u8(record.keepsSuffix ? 1 : 0);
      out.raw(record.mark);
      return;
    case 'tombstone':
      out.raw(record.tombstone);
      return;
    case 'logStart':
      out.varint(record.index).varint(record.term);
      return;
    case 'led':
      out.varint(record.terms.length);
      for (const term of record.terms) out.varint(term);
      return;
  }
}

/** A frame whose header and CRC hold; its payload is decoded only when asked for. */
export interface GoodFrame {
  readonly kind: 'good';
  readonly offset: number;
  readonly endOffset: number;
  readonly replicaId: ReplicaId;
  readonly recordKind: StoredKind;
  readonly startsBatch: boolean;
  readonly copied: boolean;
  /** Aliases the bytes that were parsed. */
  readonly payload: Buffer;
}

export type ParsedFrame =
  | GoodFrame
  /** The header can be trusted, the payload can't, or lies beyond the bytes at hand. */
  | { readonly kind: 'badPayload'; readonly endOffset: number; readonly replicaId: ReplicaId }
  | { readonly kind: 'badHeader' };

/** Looks for a frame at `offset`; never throws. */
export function parseFrame(bytes: Buffer, offset: number, segment: number): ParsedFrame {
  const seed = segmentSeed(segment);
  if (!headerHolds(bytes, offset, seed)) return { kind: 'badHeader' };
  const endOffset = offset + bytes.readUInt32BE(offset);
  const replicaId = bytes.readUInt32BE(offset + 8);
  const code = bytes[offset + 12]!;
  const recordKind = KINDS[code & ~(STARTS_BATCH | COPIED)];
  const holds =
    endOffset <= bytes.length &&
    crc32c(bytes.subarray(offset + 8, endOffset), seed) === bytes.readUInt32BE(offset + 4);
  if (!holds || recordKind === undefined) return { kind: 'badPayload', endOffset, replicaId };
  return {
    kind: 'good',
    offset,
    endOffset,
    replicaId,
    recordKind,
    startsBatch: (code & STARTS_BATCH) !== 0,
    copied: (code & COPIED) !== 0,
    payload: bytes.subarray(offset + FRAME_HEADER_BYTES, endOffset),
  };
}

/** The first good frame at or after `from`, however far. */
export function findFrame(bytes: Buffer, from: number, segment: number): GoodFrame | undefined {
  const seed = segmentSeed(segment);
  for (let offset = from; offset + FRAME_HEADER_BYTES <= bytes.length; offset++) {
    if (!headerHolds(bytes, offset, seed)) continue;
    const frame = parseFrame(bytes, offset, segment);
    if (frame.kind === 'good') return frame;
  }
  return undefined;
}

/** Throws FormatError where a frame with a good CRC has a payload that makes no sense. Results alias the payload. */
export function decodeRecord(frame: GoodFrame): StoredRecord {
  if (frame.recordKind !== 'entries') return decodeSmall(frame);
  const { replicaId, copied, payload } = frame;
  return { kind: 'entries', replicaId, entries: decodeEntries(payload), ...(copied && { copied }) };
}

/** For every kind but entries. */
export function decodeSmall(frame: GoodFrame): SmallRecord {
  const { replicaId, payload } = frame;
  const input = new ByteReader(payload);
  const record = readPayload(frame.recordKind, replicaId, payload, input);
  input.end();
  return frame.copied ? { ...record, copied: true } : record;
}

function readPayload(
  kind: StoredKind,
  replicaId: ReplicaId,
  payload: Buffer,
  input: ByteReader,
): SmallRecord {
  switch (kind) {
    case 'hardState':
      return { kind, replicaId, term: input.varint(), votedFor: input.varint(), commit: input.varint() };
    case 'birth':
      return { kind, replicaId, birth: input.raw(payload.length) };
    case 'tombstone':
      return { kind, replicaId, tombstone: input.raw(payload.length) };
    case 'snapshot': {
      const fields = { index: input.varint(), term: input.varint(), keepsSuffix: flag(input.u8()) };
      return { kind, replicaId, ...fields, mark: input.raw(input.remaining) };
    }
    case 'logStart':
      return { kind, replicaId, index: input.varint(), term: input.varint() };
    case 'led':
      return { kind, replicaId, terms: readTerms(input) };
    case 'entries':
      throw new FormatError('entries are no small record');
  }
}

function readTerms(input: ByteReader): number[] {
  const terms: number[] = [];
  for (let left = input.varint(); left > 0; left--) terms.push(input.varint());
  return terms;
}

function flag(value: number): boolean {
  if (value > 1) throw new FormatError(`flag ${value}`);
  return value === 1;
}

function headerHolds(bytes: Buffer, offset: number, seed: number): boolean {
  if (offset + FRAME_HEADER_BYTES > bytes.length) return false;
  const length = bytes.readUInt32BE(offset);
  if (length < FRAME_HEADER_BYTES) return false;
  const check = headerCheck(length, bytes.readUInt32BE(offset + 8), bytes[offset + 12]!, seed);
  return check === bytes.readUIntBE(offset + 13, 3);
}

/** Mixes all bits of the fields into 24 (murmur3's finalizer a field); the CRC has the last word, this only guides. */
function headerCheck(length: number, replicaId: number, code: number, seed: number): number {
  let mix = seed;
  for (const field of [length, replicaId, code]) {
    mix = Math.imul(mix ^ field ^ (mix >>> 16), 0x85ebca6b);
    mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  }
  return (mix ^ (mix >>> 16)) & 0xffffff;
}

let seedOf = { segment: -1, seed: 0 };

/** Frames of one segment come in a row, so the last answer is nearly always the next one. */
function segmentSeed(segment: number): number {
  if (seedOf.segment !== segment) {
    const number = Buffer.allocUnsafe(4);
    number.writeUInt32BE(segment);
    seedOf = { segment, seed: crc32c(number) };
  }
  return seedOf.seed;
}
