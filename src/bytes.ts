/**
 * Growing writer and bounds-checked reader for the project's binary formats (binlog, wire, entries, keys).
 *
 * Integers are big-endian where order matters and LEB128 varints (unsigned, up to 2^53 - 1) elsewhere.
 */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/** Four bytes, big-endian. */
export function u32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32BE(value);
  return out;
}

export class ByteWriter {
  private buffer: Buffer;
  private used = 0;

  constructor(capacityBytes = 256) {
    this.buffer = Buffer.allocUnsafe(capacityBytes);
  }

  get length(): number {
    return this.used;
  }

  u8(value: number): this {
    this.reserve(1);
    this.buffer[this.used++] = value;
    return this;
  }

  u16(value: number): this {
    this.reserve(2);
    this.used = this.buffer.writeUInt16BE(value, this.used);
    return this;
  }

  u32(value: number): this {
    this.reserve(4);
    this.used = this.buffer.writeUInt32BE(value, this.used);
    return this;
  }

  /** `value` is a safe non-negative integer; written as eight bytes, so that byte order is number order. */
  u64(value: number): this {
    this.u32(Math.floor(value / 4294967296));
    return this.u32(value % 4294967296);
  }

  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new FormatError(`not a varint: ${value}`);
    this.reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.buffer[this.used++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.used++] = rest;
    return this;
  }

  /** Length as a varint, then the bytes. */
  bytes(value: Uint8Array): this {
    this.varint(value.length);
    return this.raw(value);
  }

  /** UTF-8, length first. */
  text(value: string): this {
    return this.bytes(Buffer.from(value));
  }

  /** As `bytes`, of a string of one character a byte. */
  latin1(value: string): this {
    return this.varint(value.length).characters(value);
  }

  /** As `raw`, of a string of one character a byte. */
  characters(value: string): this {
    this.reserve(value.length);
    this.used += this.buffer.write(value, this.used, 'latin1');
    return this;
  }

  raw(value: Uint8Array): this {
    this.reserve(value.length);
    this.buffer.set(value, this.used);
    this.used += value.length;
    return this;
  }

  /** The bytes written so far. The writer must not be used afterwards. */
  finish(): Buffer {
    return this.buffer.subarray(0, this.used);
  }

  private reserve(count: number): void {
    if (this.used + count <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.used + count));
    this.buffer.copy(grown, 0, 0, this.used);
    this.buffer = grown;
  }
}

/** Every read past the end, and every malformed varint, throws FormatError. Returned bytes alias the input. */
export class ByteReader {
  private readonly buffer: Buffer;
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.position = position;
  }

  get remaining(): number {
    return this.buffer.length - this.position;
  }

  u8(): number {
    this.need(1);
    return this.buffer[this.position++]!;
  }

  u16(): number {
    this.need(2);
    this.position += 2;
    return this.buffer.readUInt16BE(this.position - 2);
  }

  u32(): number {
    this.need(4);
    this.position += 4;
    return this.buffer.readUInt32BE(this.position - 4);
  }

  u64(): number {
    const high = this.u32();
    const value = high * 4294967296 + this.u32();
    if (!Number.isSafeInteger(value)) throw new FormatError('u64 beyond 2^53');
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 128;
    }
    throw new FormatError('varint beyond 2^53');
  }

  bytes(): Buffer {
    return this.raw(this.varint());
  }

  /** As `bytes`, as a string of one character a byte. */
  latin1(): string {
    return packed(this.bytes());
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  raw(length: number): Buffer {
    this.need(length);
    this.position += length;
    return this.buffer.subarray(this.position - length, this.position);
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.remaining !== 0) throw new FormatError(`${this.remaining} bytes left over`);
  }

  private need(count: number): void {
    if (count > this.remaining) {
      throw new FormatError(`${count} bytes wanted at ${this.position}, ${this.remaining} there`);
    }
  }
}

/**
 * A copy where `bytes` would keep something much larger alive, such as a whole log entry. In memory of its own, not of Node's pool:
 * there it would lie between what lives for a moment, and keep 8 KiB of that.
 */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength <= 2 * bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}

const NO_BYTES = Buffer.alloc(0);

/** Bytes as a string of one character a byte: compared, hashed and kept without a Buffer's cost. */
export function packed(bytes: Buffer): string {
  return bytes.length === 0 ? '' : bytes.toString('latin1');
}

export function unpacked(text: string): Buffer {
  return text.length === 0 ? NO_BYTES : Buffer.from(text, 'latin1');
}
