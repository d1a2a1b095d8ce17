/**
 * Files on the real file system.
 *
 * Two measured choices for the log's road, where each thread-pool hop and each journal commit is a client's wait (ext4, 4 KiB
 * batches, medians of interleaved trials: write then fdatasync 290 us, O_DSYNC 266 us, O_DSYNC onto zeros 160 us):
 * - Appending descriptors are opened with O_DSYNC, so that a write comes back durable and `sync` has nothing left to do. It is
 *   one hop instead of two. `sync: 'onCall'` has the plain fdatasync, also taken where O_DSYNC doesn't promise as much.
 *   What may be synced later goes through a second descriptor without it; so does what follows before that sync, which has to
 *   come anyway: O_DSYNC answers for the bytes of its own write only.
 * - While appends are small, zeros are written ahead of the file's end, beside the appends. An append then changes no
 *   metadata and needs no journal commit. `close` takes the zeros off; after a crash they are still there.
 *
 * The zeros never meet appended bytes: they start at or after the end of the append that is under way, and an append that would
 * reach into zeros not yet written waits for them.
 */
import { constants, write } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, statfs, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isDiskFull, SyncFailed } from './disk-full.js';
import type { AppendFile, Files } from './files.js';

export interface NodeFilesOptions {
  /** `onWrite`: appends are durable by themselves. `onCall`: fdatasync in `sync`. */
  readonly sync?: 'onWrite' | 'onCall';
  /** 0: none. */
  readonly zerosAheadBytes?: number;
}

const ZEROS_AHEAD_BYTES = 1024 * 1024;
/** Larger appends are bound by bandwidth, which zeros would halve. */
const SMALL_APPEND_BYTES = 64 * 1024;

/** `root` must exist. */
export function nodeFiles(root: string, options: NodeFilesOptions = {}): Files {
  const at = (path: string): string => join(root, path);
  const sync = options.sync ?? (process.platform === 'linux' ? 'onWrite' : 'onCall');
  const zerosAheadBytes = options.zerosAheadBytes ?? ZEROS_AHEAD_BYTES;
  const openToAppend = async (path: string, flags: number): Promise<AppendFile> => {
    const durable = sync === 'onWrite' ? constants.O_DSYNC : 0;
    const handle = await open(at(path), constants.O_WRONLY | durable | flags);
    const { size } = await handle.stat();
    const openPlain = sync === 'onWrite' ? () => open(at(path), constants.O_WRONLY) : undefined;
    return new NodeAppendFile(handle, path, size, openPlain, zerosAheadBytes);
  };
  return {
    makeFolder: async (path) => {
      await mkdir(at(path), { recursive: true });
    },
    list: async (folder) => (await orMissing(readdir(at(folder))))?.sort() ?? [],
    create: (path) => openToAppend(path, constants.O_CREAT | constants.O_EXCL),
    open: (path) => openToAppend(path, 0),
    read: (path, offset, length) => readRange(at(path), offset, length),
    readWhole: (path, room) => orMissing(readWhole(at(path), room ?? Buffer.allocUnsafe)),
    writeWhole: (path, bytes) => replaceFile(at(path), bytes),
    remove: (path) => unlink(at(path)),
    syncFolder: (folder) => syncFolder(at(folder)),
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(root);
      return bavail * bsize;
    },
  };
}

class NodeAppendFile implements AppendFile {
  private length: number;
  /** Up to here the file is written, be it with zeros. */
  private writtenBytes: number;
  private filling: Promise<void> | undefined;
  private dirty: boolean;
  private failed: unknown;
  /** Without room for them there are none until the next cut. */
  private zerosAheadBytes: number;
  /** For appends that need not be durable by themselves; opened when the first one comes. */
  private plainHandle: FileHandle | undefined;

  constructor(
    private readonly handle: FileHandle,
    private readonly path: string,
    length: number,
    /** undefined: `handle` is plain itself, and nothing is durable without a sync. */
    private readonly openPlain: (() => Promise<FileHandle>) | undefined,
    private readonly zerosAheadBytesMax: number,
  ) {
    this.zerosAheadBytes = zerosAheadBytesMax;
    this.length = length;
    this.writtenBytes = length;
    // What was there before may have been written by a process that was killed before it synced.
    this.dirty = !this.durableWrites || length > 0;
  }

  private get durableWrites(): boolean {
    return this.openPlain !== undefined;
  }

  get lengthBytes(): number {
    return this.length;
  }

  async append(
    chunks: readonly Uint8Array[],
    { syncLater = false }: { readonly syncLater?: boolean } = {},
  ): Promise<void> {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const end = this.length + bytes;
    if (this.filling !== undefined && end > this.writtenBytes) await this.filling;
    if (this.failed !== undefined) throw this.failed;
    if (bytes <= SMALL_APPEND_BYTES) this.fillAhead(end);
    // Behind unsynced bytes a sync must follow in any case: it covers both.
    this.dirty ||= syncLater || !this.durableWrites;
    await writeAll(this.dirty ? await this.plain() : this.handle, chunks, this.length);
    if (this.failed !== undefined) throw this.failed;
    this.length = end;
    this.writtenBytes = Math.max(this.writtenBytes, end);
  }

  async sync(): Promise<void> {
    if (this.failed !== undefined) throw this.failed;
    if (!this.dirty) return;
    await synced(this.path, this.handle.datasync());
    this.dirty = !this.durableWrites;
  }

  async truncate(lengthBytes: number): Promise<void> {
    await this.filling;
    await this.handle.truncate(lengthBytes);
    this.length = lengthBytes;
    this.writtenBytes = lengthBytes;
    this.zerosAheadBytes = this.zerosAheadBytesMax;
    this.dirty = true;
  }

  async close(): Promise<void> {
    await this.filling;
    if (this.writtenBytes > this.length) await this.handle.truncate(this.length);
    await this.plainHandle?.close();
    await this.handle.close();
  }

  private async plain(): Promise<FileHandle> {
    if (this.openPlain === undefined) return this.handle;
    this.plainHandle ??= await this.openPlain();
    return this.plainHandle;
  }

  /** `end` is where the append under way will end. */
  private fillAhead(end: number): void {
    const ahead = this.zerosAheadBytes;
    if (ahead === 0 || this.filling !== undefined || end + ahead / 2 <= this.writtenBytes) return;
    const from = Math.max(this.writtenBytes, end);
    this.filling = this.fill(from, ahead);
  }

  /** Without room ahead there may still be room for what is appended; any other failure is the file's. */
  private async fill(from: number, bytes: number): Promise<void> {
    try {
      await writeAll(this.handle, [zeros(bytes)], from);
      if (!this.durableWrites) await synced(this.path, this.handle.datasync());
      this.writtenBytes = Math.max(this.writtenBytes, from + bytes);
    } catch (error) {
      if (isDiskFull(error)) this.zerosAheadBytes = 0;
      else this.failed = error;
    } finally {
      this.filling = undefined;
    }
  }
}

let zeroBytes = Buffer.alloc(0);

function zeros(bytes: number): Buffer {
  if (zeroBytes.length < bytes) zeroBytes = Buffer.alloc(bytes);
  return zeroBytes.subarray(0, bytes);
}

/** One after the other; whoever wants a single write gives a single chunk. */
async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[], position: number): Promise<void> {
  let at = position;
  for (const chunk of chunks) {
    await writeChunk(handle, chunk, at);
    at += chunk.length;
  }
}

/**
 * A write may take less than it was given, most of all when the disk is full: then the next one says why. One promise for all of it,
 * where FileHandle makes a dozen objects a write.
 */
function writeChunk(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (done: number): void => {
      if (done === chunk.length) return resolve();
      write(handle.fd, chunk, done, chunk.length - done, position + done, (failure, bytesWritten) => {
        if (failure !== null) reject(failure);
        else next(done + bytesWritten);
      });
    };
    next(0);
  });
}

async function readRange(path: string, offset: number, length: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    return await fill(handle, offset, Buffer.allocUnsafe(length));
  } finally {
    await handle.close();
  }
}

/** In one piece: a segment has 64 MiB, and its reader may be too busy for a turn of the loop after each part. */
async function readWhole(path: string, room: (lengthBytes: number) => Buffer): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    return await fill(handle, 0, room(size).subarray(0, size));
  } finally {
    await handle.close();
  }
}

/** Less than all of it at the file's end only. */
async function fill(handle: FileHandle, offset: number, buffer: Buffer): Promise<Buffer> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(bytes);
    await synced(path, handle.sync());
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await synced(path, handle.sync());
  } finally {
    await handle.close();
  }
}

/** A sync that fails is told apart from a write that does: it is never tried again. */
function synced(path: string, syncing: Promise<void>): Promise<void> {
  return syncing.catch((why) => {
    throw new SyncFailed(path, why);
  });
}

async function orMissing<Value>(pending: Promise<Value>): Promise<Value | undefined> {
  try {
    return await pending;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
