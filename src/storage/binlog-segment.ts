/**
 * One segment file: its name, its header, and the verdict on its bytes. Pure.
 *
 * The header is synced, and the folder with it, before the first frame is written, and it chains the files:
 *   "TALUSLOG" | u32 version | u32 segment number | u64 end of the segment before | u32 last replica id | u32 CRC32C
 *
 * The verdict knows three ways for good frames to end:
 * - clean: nothing but zeros follows (files may be filled with zeros ahead of their end);
 * - torn: in the last file only, what follows belongs to the last batch, whose sync never came back: it may be cut;
 * - damage: anything else. Frames after it are still used, but someone's frames are missing, and it is said whose.
 * That a file which is not the last one lost its tail shows in the next one's header.
 */
import { crc32c } from '@node-rs/crc32';
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';
import type { ReplicaId } from './binlog.js';
import { findFrame, type GoodFrame, type ParsedFrame, parseFrame } from './binlog-record.js';

export const BINLOG_FOLDER = 'binlog';
export const SEGMENT_HEADER_BYTES = 32;
export const SEGMENT_NUMBER_MAX = 0xffffffff;

const MAGIC = Buffer.from('TALUSLOG');
const VERSION = 1;

export interface SegmentHeader {
  readonly segment: number;
  /** 0 where there was none. */
  readonly previousEndBytes: number;
  /** Ids up to this one were given out before; none of them is given out again, whatever else is lost. */
  readonly lastReplicaId: ReplicaId;
}

export function segmentPath(segment: number): string {
  return `${BINLOG_FOLDER}/${String(segment).padStart(8, '0')}.seg`;
}

/** undefined for a name that is no segment's. */
export function segmentOfName(name: string): number | undefined {
  return /^\d{8,10}\.seg$/.test(name) ? Number.parseInt(name, 10) : undefined;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const out = new ByteWriter(SEGMENT_HEADER_BYTES);
  out.raw(MAGIC).u32(VERSION).u32(header.segment).u64(header.previousEndBytes).u32(header.lastReplicaId);
  out.u32(0);
  const bytes = out.finish();
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, SEGMENT_HEADER_BYTES - 4)), SEGMENT_HEADER_BYTES - 4);
  return bytes;
}

/** undefined: torn or rotten. Throws for a header that is whole, but of a version that this program can't read. */
export function decodeSegmentHeader(bytes: Buffer, segment: number): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const crc = crc32c(bytes.subarray(0, SEGMENT_HEADER_BYTES - 4));
  if (crc !== bytes.readUInt32BE(SEGMENT_HEADER_BYTES - 4)) return undefined;
  const input = new ByteReader(bytes, MAGIC.length);
  const version = input.u32();
  if (version !== VERSION)
    throw new FormatError(`${segmentPath(segment)}: version ${version}, not ${VERSION}`);
  if (input.u32() !== segment) return undefined;
  return { segment, previousEndBytes: input.u64(), lastReplicaId: input.u32() };
}

export interface Damage {
  readonly segment: number;
  readonly offset: number;
  /** undefined: it can't be told whose frames were here. */
  readonly replicaId: ReplicaId | undefined;
}

export interface SegmentScan {
  /** Where the next frame would go; what follows is zeros, a torn batch, or damage. */
  readonly endBytes: number;
  /** Bytes of a batch that was never acknowledged. */
  readonly tornBytes: number;
}

/** Hears of frames and damage in the order of the file. */
export interface SegmentVisitor {
  frame(frame: GoodFrame): void;
  damage(place: Damage): void;
}

/** A last file that has no header and no frame was being created when the process died: it was never used. */
export function isUnused(bytes: Buffer, segment: number): boolean {
  return decodeSegmentHeader(bytes, segment) === undefined && findFrame(bytes, 0, segment) === undefined;
}

export function scanSegment(
  bytes: Buffer,
  segment: number,
  isLast: boolean,
  visitor: SegmentVisitor,
): SegmentScan {
  const scanner = new SegmentScanner(bytes, segment, isLast, visitor);
  scanner.scan(bytes.length);
  return scanner;
}

/** A scan in parts: a segment's frames take their time. */
export class SegmentScanner implements SegmentScan {
  endBytes = SEGMENT_HEADER_BYTES;
  tornBytes = 0;
  /** Up to here it was looked at. */
  private position = SEGMENT_HEADER_BYTES;

  constructor(
    private readonly bytes: Buffer,
    private readonly segment: number,
    private readonly isLast: boolean,
    private readonly visitor: SegmentVisitor,
  ) {
    if (decodeSegmentHeader(bytes, segment) === undefined) {
      visitor.damage({ segment, offset: 0, replicaId: undefined });
    }
  }

  get isDone(): boolean {
    return this.position >= this.bytes.length;
  }

  /** Goes on up to the first frame that begins at `until` or later. */
  scan(until: number): void {
    const { bytes, segment, visitor } = this;
    while (this.position < Math.min(until, bytes.length)) {
      const frame = parseFrame(bytes, this.position, segment);
      if (frame.kind === 'good') {
        visitor.frame(frame);
        this.endBytes = this.position = frame.endOffset;
      } else if (isZeros(bytes, this.position)) {
        this.position = bytes.length;
      } else {
        this.skip(frame);
      }
    }
  }

  private skip(frame: Exclude<ParsedFrame, GoodFrame>): void {
    const { bytes, segment, position, visitor } = this;
    const skippable = frame.kind === 'badPayload' && frame.endOffset <= bytes.length;
    const searchFrom = skippable ? frame.endOffset : position + 1;
    if (this.isLast && !laterBatchStarts(bytes, searchFrom, segment)) {
      this.tornBytes = bytes.length - this.endBytes;
      this.position = bytes.length;
      return;
    }
    visitor.damage({ segment, offset: position, replicaId: skippable ? frame.replicaId : undefined });
    if (skippable) this.endBytes = this.position = frame.endOffset;
    else this.position = findFrame(bytes, searchFrom, segment)?.offset ?? bytes.length;
  }
}

/** True proves that what lies before `from` had been synced before a later batch was written. */
function laterBatchStarts(bytes: Buffer, searchFrom: number, segment: number): boolean {
  let from = searchFrom;
  for (;;) {
    const frame = findFrame(bytes, from, segment);
    if (frame === undefined) return false;
    if (frame.startsBatch) return true;
    from = frame.endOffset;
  }
}

function isZeros(bytes: Buffer, from: number): boolean {
  const zeros = Buffer.alloc(Math.min(65_536, bytes.length - from));
  for (let at = from; at < bytes.length; at += zeros.length) {
    const end = Math.min(at + zeros.length, bytes.length);
    if (bytes.compare(zeros, 0, end - at, at, end) !== 0) return false;
  }
  return true;
}
