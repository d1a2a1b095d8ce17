/**
 * The engine on LevelDB (classic-level): one database a node.
 *
 * LevelDB's own failings that this file answers for:
 * - A database that was just made and then lost power may not open again. So the first thing written to it is synced, and so are
 *   the names of its folder and its parent.
 * - It rotates its log without syncing the old one, so an unsynced batch may vanish although a later one survived, be that one
 *   synced or not. That is in the contract (engine.ts): whoever needs a batch, syncs that batch.
 * What it does by itself: opening turns the old log into a table, synced with the manifest that names it (its `reuse_logs` is off).
 */
import { access, mkdir, open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { Engine, EngineBatch, EngineIterator, EngineRange } from './engine.js';
import { ReadGatherer } from './read-gatherer.js';

export interface LevelEngineOptions {
  /** Uncompressed blocks kept in memory. */
  readonly cacheBytes?: number;
  /** A memory table is written out when it has reached this; two may exist at once. */
  readonly writeBufferBytes?: number;
  /** Tables that are kept open, each with its index and its filter in memory. */
  readonly openFilesMax?: number;
  /** Told once, when tables hold more than `MAPPED_BYTES_MAX`; what is written after that waits until it resolves, which it must. */
  readonly onLargeTables?: (() => Promise<void>) | undefined;
}

/** LevelDB may map tables of so much without harm (level-process.ts). */
export const MAPPED_BYTES_MAX = 16 * 1024 * 1024;
/** It is asked how large they are when it has taken this much more. */
const LOOK_BYTES = 8 * 1024 * 1024;
/** Before and behind all that is written. */
const [FIRST_KEY, LAST_KEY] = [Buffer.from([0]), Buffer.alloc(16, 0xff)];

const CACHE_BYTES = 8 * 1024 * 1024;
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;
const OPEN_FILES_MAX = 512;
/** Half as many in the tables' indexes, which are in memory, as LevelDB's own 4 KiB; a read costs the same (docs/performance.md). */
const BLOCK_BYTES = 8 * 1024;
/** Bytes that one iterator step reads ahead. */
const ITERATOR_BYTES = 64 * 1024;

/**
 * Operations handed over before the event loop gets its turn: each may be made, encoded and sealed, when it is asked for. Handed over
 * one by one (a chained batch) 50,000 of them take 20-30 ms here; as one array, which abstract-level checks and copies, 350-390 ms.
 */
const SLICE_OPERATIONS = 500;
/** Of values, likewise: each is copied. */
const SLICE_BYTES = 1024 * 1024;

type Database = ClassicLevel<Buffer, Buffer>;
type Snapshot = ReturnType<Database['snapshot']>;

/** Makes the folder, and the database in it, where there is none. */
export async function openLevelEngine(path: string, options: LevelEngineOptions = {}): Promise<Engine> {
  const isNew = await isMissing(join(path, 'CURRENT'));
  await mkdir(path, { recursive: true });
  const database: Database = new ClassicLevel(path, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    cacheSize: options.cacheBytes ?? CACHE_BYTES,
    writeBufferSize: options.writeBufferBytes ?? WRITE_BUFFER_BYTES,
    maxOpenFiles: options.openFilesMax ?? OPEN_FILES_MAX,
    blockSize: BLOCK_BYTES,
  });
  await database.open();
  if (isNew) await settle(database, path);
  return new LevelEngine(database, options.onLargeTables);
}

class LevelEngine implements Engine {
  private readonly reads: ReadGatherer;
  private writtenBytes = 0;
  private view: Snapshot | undefined;
  private pause: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private onLargeTables: (() => Promise<void>) | undefined,
  ) {
    this.reads = new ReadGatherer((keys) => database.getMany(keys as Buffer[], { snapshot: this.snapshot }));
  }

  /**
   * What was there when the last write had ended. One for all reads until the next one: each would else take a snapshot of its own, here
   * in the event loop, under a lock that the compacting thread holds now and then, and longest where it gets no core.
   */
  private get snapshot(): Snapshot {
    this.view ??= this.database.snapshot();
    return this.view;
  }

  private endSnapshot(): void {
    // Those who read by it are waited for. It can only fail where the database is being closed, which ends it too.
    void this.view?.close().catch(() => {});
    this.view = undefined;
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    return (await this.reads.get([key]))[0];
  }

  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    return this.reads.get(keys);
  }

  async write(batch: EngineBatch, options: { readonly sync: boolean }): Promise<void> {
    if (this.pause !== undefined) await this.pause;
    const native = this.database.batch();
    let operations = 0;
    let bytes = 0;
    for (const write of batch) {
      const value = write.kind === 'put' ? write.value : undefined;
      if (value === undefined) native.del(write.key);
      else native.put(write.key, value);
      operations++;
      bytes += value?.length ?? 0;
      this.writtenBytes += write.key.length + (value?.length ?? 0);
      if (operations < SLICE_OPERATIONS && bytes < SLICE_BYTES) continue;
      operations = 0;
      bytes = 0;
      await yieldTurn();
    }
    await native.write({ sync: options.sync });
    this.endSnapshot();
    if (this.writtenBytes >= LOOK_BYTES) await this.lookAtTables();
  }

  private async lookAtTables(): Promise<void> {
    this.writtenBytes = 0;
    // What was written is, also when it is being closed.
    if (this.onLargeTables === undefined || this.database.status !== 'open') return;
    const bytes = await this.database.approximateSize(FIRST_KEY, LAST_KEY);
    if (bytes <= MAPPED_BYTES_MAX || this.onLargeTables === undefined) return;
    this.pause = this.onLargeTables().finally(() => {
      this.pause = undefined;
    });
    this.onLargeTables = undefined;
  }

  iterate(range: EngineRange): EngineIterator {
    const iterator = this.database.iterator({
      gte: range.from,
      lt: range.to,
      // What a step reads ahead ends it too: with the values of pages a step of a thousand rows would have seventy.
      values: !range.keysOnly,
      highWaterMarkBytes: ITERATOR_BYTES,
    });
    return {
      next: (count) => iterator.nextv(count),
      close: () => iterator.close(),
    };
  }

  async close(): Promise<void> {
    await this.reads.settled();
    await this.database.close();
  }
}

/** Deleted, never put: a write that leaves nothing behind. */
const NO_KEY = Buffer.from([0]);

function yieldTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function settle(database: Database, path: string): Promise<void> {
  await database.batch([{ type: 'del', key: NO_KEY }], { sync: true });
  await syncFolder(path);
  await syncFolder(dirname(resolve(path)));
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await access(path);
    return false;
  } catch {
    return true;
  }
}
