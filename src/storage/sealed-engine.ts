/**
 * An engine whose rows can't rot unseen: behind each value stand four bytes, its CRC32C started from a hash of its key, looked at
 * whenever the row is read. Over any Engine, and an Engine itself; who uses it sees the values as they were written.
 *
 * - The key is covered too: a row that turns up under another key doesn't hold.
 * - A row that is missing shows nothing here. That none is, is level-check.ts' to know.
 * - A row that does not hold is a DamageError that names its key. Other rows are not concerned.
 * - The rows' format has a number, in a row of its own, written before any other. A newer one is refused, an older one too.
 */
import { crc32c } from '@node-rs/crc32';
import { u32 } from '../bytes.js';
import { DamageError } from './damage.js';
import type {
  Engine,
  EngineBatch,
  EngineIterator,
  EngineRange,
  EngineWrite,
  WriteOptions,
} from './engine.js';

const SEAL_BYTES = 4;
/** Of the rows, whoever's they are: docs/key-layout.md. Rows of version 1 had no seal. */
export const ROWS_VERSION = 2;
/** In the node's own area of the keys, which this layer knows nothing else of. */
const VERSION_KEY = Buffer.from([0, 0, 0, 0, 0xff, 0, 0, 0, 0]);

/** Rejects with what the operator must know when the rows are not of this program's version. */
export async function sealEngine(engine: Engine): Promise<Engine> {
  const rowsEngine = sealedRows(engine);
  const stored = await rowsEngine.get(VERSION_KEY);
  if (stored !== undefined) {
    const version = stored.readUInt32BE();
    if (version !== ROWS_VERSION) throw otherVersion(version);
    return rowsEngine;
  }
  const rows = engine.iterate({ from: Buffer.from([0]), to: Buffer.alloc(6, 0xff) });
  const [first] = await rows.next(1);
  await rows.close();
  if (first !== undefined) throw otherVersion(1);
  await rowsEngine.write([{ kind: 'put', key: VERSION_KEY, value: u32(ROWS_VERSION) }], { sync: true });
  return rowsEngine;
}

/** Whatever version they are of. */
export function sealedRows(engine: Engine): Engine {
  return new SealedEngine(engine);
}

function otherVersion(found: number): Error {
  const whose = found > ROWS_VERSION ? 'a newer version of Talus' : 'an older version of Talus';
  return new Error(
    `the engine's rows are of format ${found}, this program reads ${ROWS_VERSION}: ${whose} wrote them`,
  );
}

class SealedEngine implements Engine {
  constructor(private readonly engine: Engine) {}

  async get(key: Buffer): Promise<Buffer | undefined> {
    const sealed = await this.engine.get(key);
    return sealed && opened(key, sealed);
  }

  async getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    const rows = await this.engine.getMany(keys);
    return rows.map((sealed, i) => sealed && opened(keys[i]!, sealed));
  }

  write(batch: EngineBatch, options: WriteOptions): Promise<void> {
    return this.engine.write(new SealedBatch(batch), options);
  }

  iterate(range: EngineRange): EngineIterator {
    const rows = this.engine.iterate(range);
    const value = range.keysOnly ? () => NOTHING : opened;
    return {
      next: async (count) =>
        (await rows.next(count)).map(([key, sealed]) => [key, value(key, sealed)] as const),
      close: () => rows.close(),
    };
  }

  stopWaiting(): void {
    this.engine.stopWaiting?.();
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}

const NOTHING = Buffer.alloc(0);

/** FNV-1a: no two keys that differ in one byte share it. Keys are short, and a second native call would cost more than this. */
function hashOf(key: Buffer): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193);
  return hash >>> 0;
}

/** Each row is sealed when it is walked over: all of a large batch in one stretch would hold up the event loop. */
class SealedBatch implements EngineBatch {
  constructor(private readonly bare: EngineBatch) {}

  *[Symbol.iterator](): Iterator<EngineWrite> {
    for (const write of this.bare) {
      if (write.kind === 'delete') yield write;
      else yield { kind: 'put', key: write.key, value: sealed(write.key, write.value) };
    }
  }
}

function sealed(key: Buffer, value: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(value.length + SEAL_BYTES);
  value.copy(bytes);
  bytes.writeUInt32BE(crc32c(value, hashOf(key)), value.length);
  return bytes;
}

/** The value of a row as the engine below holds it; it aliases the sealed one. Throws a DamageError where the seal does not hold. */
export function opened(key: Buffer, sealed: Buffer): Buffer {
  const value = sealed.subarray(0, Math.max(0, sealed.length - SEAL_BYTES));
  const holds =
    sealed.length >= SEAL_BYTES && crc32c(value, hashOf(key)) === sealed.readUInt32BE(value.length);
  if (!holds)
    throw new DamageError(`engine: the row ${key.subarray(0, 64).toString('hex')} is not as it was written`);
  return value;
}
