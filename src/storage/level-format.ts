/**
 * LevelDB's own files as far as their checksums need it: log, manifest, table. Pure; the layouts are LevelDB's
 * (`log_format.md`, `table_format.md`, `version_edit.cc`), all numbers little-endian.
 *
 * LevelDB itself looks at these checksums only in part: records of its log that don't match are dropped in silence, a page of
 * zeros too, and those of tables are not looked at at all (classic-level doesn't give the options out). So Talus looks.
 */
import { crc32c } from '@node-rs/crc32';
import { DamageError } from './damage.js';
import { unpackSnappy } from './snappy.js';

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;

export interface LogScan {
  readonly records: readonly Buffer[];
  /** Where records are missing although later ones are there. */
  readonly damage: readonly number[];
}

/** A log's or a manifest's records. What is broken at the end is what a crash leaves: never synced, and no damage. */
export function scanLevelLog(bytes: Buffer): LogScan {
  const records: Buffer[] = [];
  const damage: number[] = [];
  let parts: Buffer[] | undefined;
  for (let at = 0; at < bytes.length; ) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    const piece = left < HEADER_BYTES ? undefined : pieceAt(bytes, at);
    if (left < HEADER_BYTES) {
      at += left;
    } else if (piece === undefined) {
      const next = nextPiece(bytes, at + 1);
      if (next === undefined) break;
      damage.push(at);
      parts = undefined;
      at = next;
    } else {
      if (piece.type === FULL || piece.type === FIRST) {
        // One that was begun and never ended.
        if (parts !== undefined) damage.push(at);
        parts = [];
      }
      parts?.push(piece.content);
      if (parts !== undefined && (piece.type === FULL || piece.type === LAST)) {
        records.push(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
        parts = undefined;
      }
      at += HEADER_BYTES + piece.content.length;
    }
  }
  return { records, damage };
}

function pieceAt(bytes: Buffer, at: number): { readonly type: number; readonly content: Buffer } | undefined {
  if (at + HEADER_BYTES > bytes.length) return undefined;
  const length = bytes.readUInt16LE(at + 4);
  const type = bytes[at + 6]!;
  const end = at + HEADER_BYTES + length;
  if (
    type < FULL ||
    type > LAST ||
    end > bytes.length ||
    (at % BLOCK_BYTES) + HEADER_BYTES + length > BLOCK_BYTES
  )
    return undefined;
  if (masked(crc32c(bytes.subarray(at + 6, end))) !== bytes.readUInt32LE(at)) return undefined;
  return { type, content: bytes.subarray(at + HEADER_BYTES, end) };
}

/** The first whole piece at or after `from`, however far. */
function nextPiece(bytes: Buffer, from: number): number | undefined {
  for (let at = from; at + HEADER_BYTES <= bytes.length; at++) {
    if (pieceAt(bytes, at) !== undefined) return at;
  }
  return undefined;
}

/** LevelDB stores checksums so, because bytes that hold their own checksum would have a poor one. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Writes are numbered without a gap: a batch in the log says its first number and how many it has. */
export function batchNumbers(record: Buffer): { readonly first: number; readonly count: number } {
  if (record.length < 12) throw new DamageError('a batch without numbers');
  return { first: Number(record.readBigUInt64LE(0)), count: record.readUInt32LE(8) };
}

export interface Manifest {
  /** Of the oldest log that is not in tables yet; 0: none was begun. */
  readonly logNumber: number;
  /** Sizes in bytes of the tables in use. */
  readonly tables: ReadonlyMap<number, number>;
}

export function readManifest(records: readonly Buffer[]): Manifest {
  const tables = new Map<number, number>();
  let logNumber = 0;
  for (const record of records) {
    const input = new VarintReader(record);
    while (!input.atEnd) {
      const tag = input.varint();
      if (tag === 1) input.skipBytes();
      else if (tag === 2) logNumber = input.varint();
      else if (tag === 3 || tag === 4 || tag === 9) input.varint();
      else if (tag === 5) {
        input.varint();
        input.skipBytes();
      } else if (tag === 6) {
        input.varint();
        tables.delete(input.varint());
      } else if (tag === 7) {
        input.varint();
        tables.set(input.varint(), input.varint());
        input.skipBytes();
        input.skipBytes();
      } else throw new DamageError(`a manifest with a field ${tag}`);
    }
  }
  return { logNumber, tables };
}

const FOOTER_BYTES = 48;
const TRAILER_BYTES = 5;
const MAGIC = Buffer.from('57fb808b247547db', 'hex');

interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** Throws DamageError unless every block of the table has the checksum that was written with it. */
export function checkTable(bytes: Buffer): void {
  const footer = bytes.subarray(Math.max(0, bytes.length - FOOTER_BYTES));
  if (footer.length < FOOTER_BYTES || !footer.subarray(40).equals(MAGIC))
    throw new DamageError('a table without its end');
  const input = new VarintReader(footer.subarray(0, 40));
  blockAt(bytes, handleFrom(input));
  const index = blockAt(bytes, handleFrom(input));
  for (const handle of handlesIn(index)) blockAt(bytes, handle);
}

/** A block's content; of one that is packed only where it is asked for. */
function blockAt(bytes: Buffer, { offset, size }: Handle): () => Buffer {
  const end = offset + size;
  if (end + TRAILER_BYTES > bytes.length)
    throw new DamageError(`a block at ${offset} beyond the table's end`);
  if (masked(crc32c(bytes.subarray(offset, end + 1))) !== bytes.readUInt32LE(end + 1))
    throw new DamageError(`the block at ${offset} has another checksum`);
  const content = bytes.subarray(offset, end);
  return () => (bytes[end] === 1 ? unpackSnappy(content) : content);
}

/** The values of an index's rows. */
function handlesIn(index: () => Buffer): Handle[] {
  const block = index();
  if (block.length < 4) throw new DamageError('an index without an end');
  const input = new VarintReader(
    block.subarray(0, block.length - 4 - 4 * block.readUInt32LE(block.length - 4)),
  );
  const handles: Handle[] = [];
  while (!input.atEnd) {
    input.varint();
    const keyBytes = input.varint();
    input.varint();
    input.skip(keyBytes);
    handles.push(handleFrom(input));
  }
  return handles;
}

function handleFrom(input: VarintReader): Handle {
  return { offset: input.varint(), size: input.varint() };
}

class VarintReader {
  private position = 0;

  constructor(private readonly bytes: Buffer) {}

  get atEnd(): boolean {
    return this.position >= this.bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      const byte = this.bytes[this.position++];
      if (byte === undefined) break;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new DamageError('a number without its end');
  }

  skip(count: number): void {
    this.position += count;
    if (this.position > this.bytes.length) throw new DamageError('bytes that are not there');
  }

  skipBytes(): void {
    this.skip(this.varint());
  }
}
