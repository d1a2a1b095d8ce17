/**
 * Unpacks a block that Snappy has packed: LevelDB packs a table's index so, and the index is needed to find what a table's
 * checksums cover. Pure. Anything that Snappy doesn't write throws DamageError.
 *
 *   varint length of the whole | elements: a tag byte, whose low two bits say literal (0) or copy (1, 2, 3), and what follows it
 */
import { DamageError } from './damage.js';

export function unpackSnappy(input: Buffer): Buffer {
  const reader = new SnappyReader(input);
  const out = Buffer.alloc(reader.length());
  let filled = 0;
  while (!reader.atEnd) {
    const tag = reader.number(1);
    if ((tag & 3) === 0) {
      const literal = reader.bytes(literalLength(tag >> 2, reader));
      need(filled + literal.length <= out.length);
      filled += literal.copy(out, filled);
    } else {
      const { length, offset } = copyOf(tag, reader);
      need(offset > 0 && offset <= filled && filled + length <= out.length);
      // Byte by byte: a copy may overlap what it makes.
      for (let i = 0; i < length; i++, filled++) out[filled] = out[filled - offset]!;
    }
  }
  need(filled === out.length);
  return out;
}

function literalLength(size: number, reader: SnappyReader): number {
  return 1 + (size < 60 ? size : reader.number(size - 59));
}

function copyOf(tag: number, reader: SnappyReader): { readonly length: number; readonly offset: number } {
  if ((tag & 3) === 1) return { length: 4 + ((tag >> 2) & 7), offset: (tag >> 5) * 256 + reader.number(1) };
  return { length: 1 + (tag >> 2), offset: reader.number((tag & 3) === 2 ? 2 : 4) };
}

/** Larger than any index: a rotten length must not cost memory. */
const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;

class SnappyReader {
  private position = 0;

  constructor(private readonly input: Buffer) {}

  get atEnd(): boolean {
    return this.position === this.input.length;
  }

  length(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.number(1);
      value += (byte & 127) * scale;
      if (byte >= 128) continue;
      need(value <= UNPACKED_BYTES_MAX);
      return value;
    }
    throw new DamageError('a packed block without a length');
  }

  /** Little-endian. */
  number(bytes: number): number {
    need(this.position + bytes <= this.input.length);
    this.position += bytes;
    return this.input.readUIntLE(this.position - bytes, bytes);
  }

  bytes(length: number): Buffer {
    need(this.position + length <= this.input.length);
    this.position += length;
    return this.input.subarray(this.position - length, this.position);
  }
}

function need(holds: boolean): asserts holds {
  if (!holds) throw new DamageError('a packed block that does not unpack');
}
