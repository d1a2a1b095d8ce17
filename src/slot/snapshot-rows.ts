/**
 * A state's rows as one stream of bytes, cut into chunks of one size whatever the rows' sizes, and put together again.
 *
 *   row = u32 key length | u32 value length | key without its state id | value
 *
 * A value may be 64 MiB and a chunk is at most a quarter of one: so a row may be spread over many chunks, and a large value
 * holds up nothing that travels beside it. The receiver holds one unfinished row, at most ROW_BYTES_MAX.
 */
import { crc32c } from '@node-rs/crc32';
import { FormatError } from '../bytes.js';

export interface Row {
  readonly key: Buffer;
  readonly value: Buffer;
}

const HEAD_BYTES = 8;
/** More than an entry can bring, with every byte of its key escaped. */
const ROW_BYTES_MAX = 256 * 1024 * 1024;

export class RowCutter {
  rows = 0;
  /** CRC32C of all that was taken. */
  checksum = 0;
  private parts: Buffer[] = [];
  private bytes = 0;

  constructor(private readonly chunkBytes: number) {}

  add({ key, value }: Row): void {
    const head = Buffer.allocUnsafe(HEAD_BYTES);
    head.writeUInt32BE(key.length, 0);
    head.writeUInt32BE(value.length, 4);
    this.parts.push(head, key, value);
    this.bytes += HEAD_BYTES + key.length + value.length;
    this.rows++;
  }

  /** Whole chunks of what was added; with `rest` the last, smaller one too. */
  *take(rest: boolean): Iterable<Buffer> {
    const all = Buffer.concat(this.parts, this.bytes);
    let at = 0;
    while (all.length - at >= this.chunkBytes || (rest && at < all.length)) {
      const chunk = all.subarray(at, at + this.chunkBytes);
      at += chunk.length;
      this.checksum = crc32c(chunk, this.checksum);
      yield chunk;
    }
    this.parts = [all.subarray(at)];
    this.bytes = all.length - at;
  }

  /** Is there a whole chunk? Asked after each row, so that not every row is copied twice. */
  get full(): boolean {
    return this.bytes >= this.chunkBytes;
  }
}

export class RowAssembler {
  rows = 0;
  checksum = 0;
  private parts: Buffer[] = [];
  private bytes = 0;
  /** So much must be there before the first unfinished row can be read. */
  private wanted = HEAD_BYTES;

  /** The rows that this chunk ends. They alias their chunk. */
  add(chunk: Buffer): Row[] {
    this.checksum = crc32c(chunk, this.checksum);
    this.parts.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes < this.wanted) return [];
    const all = Buffer.concat(this.parts, this.bytes);
    const rows: Row[] = [];
    let at = 0;
    for (let end = this.endOf(all, at); end <= all.length; end = this.endOf(all, at)) {
      const keyEnd = at + HEAD_BYTES + all.readUInt32BE(at);
      rows.push({ key: all.subarray(at + HEAD_BYTES, keyEnd), value: all.subarray(keyEnd, end) });
      at = end;
    }
    this.wanted = this.endOf(all, at) - at;
    this.parts = [all.subarray(at)];
    this.bytes = all.length - at;
    this.rows += rows.length;
    return rows;
  }

  /** Nothing of a row is left over. */
  get whole(): boolean {
    return this.bytes === 0;
  }

  /** Where the row at `at` ends, or its head where that is not there yet. */
  private endOf(bytes: Buffer, at: number): number {
    if (bytes.length - at < HEAD_BYTES) return at + HEAD_BYTES;
    const keyBytes = bytes.readUInt32BE(at);
    const length = HEAD_BYTES + keyBytes + bytes.readUInt32BE(at + 4);
    if (keyBytes < 2 || length > ROW_BYTES_MAX)
      throw new FormatError(`row of ${length} bytes, key ${keyBytes}`);
    return at + length;
  }
}
