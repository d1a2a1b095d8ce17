/**
 * Files in memory, with a disk's crashes: the second seam of the simulated world.
 *
 * The disk has two images. The cached one is what the running process sees; the durable one is what a power cut leaves. `sync`
 * moves a file's content over, `syncFolder` the names of a folder. Every effect (one append, one sync, one rename) goes through
 * `schedule` and happens when the world lets it, so the world can cut the power between any two.
 *
 * `crash` decides what becomes of everything in between:
 * - `drop`: nothing unsynced survives.
 * - `torn`: of unsynced bytes a prefix survives, its last sector maybe garbled, maybe with zeros after it; each unsynced cut and
 *   each unsynced name may have happened or not.
 * - `scattered`: like torn, but each unsynced sector survives or is zeros, on its own.
 * After it, what was asked of the old object never completes; `incarnation` is a fresh one on what survived.
 *
 * Left out: making a folder is durable at once; reads never fail (see `corrupt` and `fault`).
 */
import { invariant } from '../../src/assert.js';
import type { Random } from '../../src/random.js';
import type { AppendFile, Files } from '../../src/storage/files.js';

export type Schedule = (label: string, run: () => void) => void;
export type CrashMode = 'drop' | 'torn' | 'scattered';

const SECTOR_BYTES = 512;

/** Content by inode, because a name may be undone while its bytes are not. */
interface Inode {
  /** A view that is never written to again: appending goes behind it, into `room`. */
  cached: Buffer;
  durable: Buffer;
  /** Where `cached` lies, when there may be room behind it. */
  room: Buffer;
}

/** What all incarnations share. */
interface Disk {
  readonly folders: Set<string>;
  names: Map<string, Inode>;
  durableNames: Map<string, Inode>;
  capacityBytes: number;
  epoch: number;
  crashes: number;
}

export class SimFiles implements Files {
  /** Returns an error to make the effect fail instead; for tests of broken disks. */
  fault: (label: string) => Error | undefined = () => undefined;
  private readonly epoch: number;

  constructor(
    private readonly schedule: Schedule = (_label, run) => queueMicrotask(run),
    private readonly disk: Disk = emptyDisk(),
  ) {
    this.epoch = disk.epoch;
  }

  /** The power is cut. Nothing that was asked before ever completes. Answers whether anything unsynced was lost. */
  crash(random: Random, mode: CrashMode): boolean {
    const { disk } = this;
    disk.epoch += 1;
    disk.crashes += 1;
    const before = new Map([...disk.names].map(([name, inode]) => [name, inode.cached]));
    const names = [...new Set([...disk.names.keys(), ...disk.durableNames.keys()])].sort();
    const survivors = new Map<string, Inode>();
    for (const name of names) {
      const happened = mode !== 'drop' && random.below(2) === 1;
      const inode = (happened ? disk.names : disk.durableNames).get(name);
      if (inode !== undefined) survivors.set(name, inode);
    }
    for (const inode of new Set(survivors.values())) settle(inode, random, mode);
    disk.names = survivors;
    disk.durableNames = new Map(survivors);
    const kept = ([name, cached]: [string, Buffer]): boolean =>
      survivors.get(name)?.cached.equals(cached) === true;
    return before.size !== survivors.size || ![...before].every(kept);
  }

  /** The process died, the machine did not: everything written is still there. */
  kill(): void {
    this.disk.epoch += 1;
  }

  /** What a power cut would leave for certain: files by name. */
  get durable(): ReadonlyMap<string, { readonly durable: Buffer }> {
    return this.disk.durableNames;
  }

  /** What a process that starts now would read: bytes by name. */
  get content(): ReadonlyMap<string, Buffer> {
    return new Map([...this.disk.names].map(([path, inode]) => [path, inode.cached]));
  }

  /** Rises with each crash that may have changed what is durable. */
  get crashes(): number {
    return this.disk.crashes;
  }

  incarnation(schedule: Schedule = this.schedule): SimFiles {
    return new SimFiles(schedule, this.disk);
  }

  /** Rot: changes bytes on the disk itself. */
  corrupt(path: string, change: (bytes: Buffer) => Buffer): void {
    const inode = this.inode(path);
    inode.cached = change(Buffer.from(inode.cached));
    inode.durable = inode.cached;
    inode.room = NO_ROOM;
    this.disk.crashes += 1;
  }

  set capacityBytes(bytes: number) {
    this.disk.capacityBytes = bytes;
  }

  makeFolder(path: string): Promise<void> {
    return this.effect(`makeFolder ${path}`, () => {
      this.disk.folders.add(path);
    });
  }

  list(folder: string): Promise<readonly string[]> {
    return this.effect(`list ${folder}`, () => {
      const names = [...this.disk.names.keys()].filter((path) => folderOf(path) === folder);
      return names.map((path) => path.slice(path.lastIndexOf('/') + 1)).sort();
    });
  }

  create(path: string): Promise<AppendFile> {
    return this.effect(`create ${path}`, () => {
      if (this.disk.names.has(path)) throw systemError('EEXIST', path);
      const inode = newInode();
      this.disk.names.set(path, inode);
      return this.appendFile(path, inode);
    });
  }

  open(path: string): Promise<AppendFile> {
    return this.effect(`open ${path}`, () => this.appendFile(path, this.inode(path)));
  }

  read(path: string, offset: number, length: number): Promise<Buffer> {
    return this.effect(`read ${path}`, () =>
      Buffer.from(this.inode(path).cached.subarray(offset, offset + length)),
    );
  }

  readWhole(path: string): Promise<Buffer | undefined> {
    return this.effect(`readWhole ${path}`, () => {
      const inode = this.disk.names.get(path);
      return inode && Buffer.from(inode.cached);
    });
  }

  async writeWhole(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = `${path}.tmp`;
    const inode = newInode();
    await this.effect(`write ${temporary}`, () => {
      this.take(bytes.length);
      this.disk.names.set(temporary, inode);
      inode.cached = Buffer.from(bytes);
    });
    await this.effect(`sync ${temporary}`, () => {
      inode.durable = inode.cached;
    });
    await this.effect(`rename ${temporary}`, () => {
      this.disk.names.delete(temporary);
      this.disk.names.set(path, inode);
    });
    await this.syncFolder(folderOf(path));
  }

  remove(path: string): Promise<void> {
    return this.effect(`remove ${path}`, () => {
      this.inode(path);
      this.disk.names.delete(path);
    });
  }

  syncFolder(folder: string): Promise<void> {
    return this.effect(`syncFolder ${folder}`, () => {
      const { names, durableNames } = this.disk;
      for (const path of [...durableNames.keys()]) {
        if (folderOf(path) === folder && !names.has(path)) durableNames.delete(path);
      }
      for (const [path, inode] of names) if (folderOf(path) === folder) durableNames.set(path, inode);
    });
  }

  freeBytes(): Promise<number> {
    return this.effect('freeBytes', () => this.freeNow());
  }

  private appendFile(path: string, inode: Inode): AppendFile {
    let busy = false;
    let closed = false;
    const effect = async (label: string, run: () => void): Promise<void> => {
      invariant(!busy && !closed, 'calls on one file are made one after the other', { path, label, closed });
      busy = true;
      await this.effect(`${label} ${path}`, run).finally(() => {
        busy = false;
      });
    };
    return {
      get lengthBytes() {
        return inode.cached.length;
      },
      append: (chunks) =>
        effect('append', () => {
          for (const chunk of chunks) {
            const fits = Math.min(chunk.length, Math.max(0, this.freeNow()));
            grow(inode, chunk.subarray(0, fits));
            // As a file system does: what there was room for is written.
            if (fits < chunk.length) throw systemError('ENOSPC', path);
          }
        }),
      sync: () =>
        effect('sync', () => {
          inode.durable = inode.cached;
        }),
      truncate: (lengthBytes) =>
        effect('truncate', () => {
          inode.cached = inode.cached.subarray(0, lengthBytes);
          // What was cut off may be durable still: nothing may be written over it.
          inode.room = NO_ROOM;
        }),
      close: () =>
        effect('close', () => {
          closed = true;
        }),
    };
  }

  /** A rejection comes when the effect would have; the label is what faults are chosen by. */
  private effect<Value>(label: string, run: () => Value): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.schedule(label, () => {
        if (this.epoch !== this.disk.epoch) return;
        const error = this.fault(label);
        if (error !== undefined) return reject(error);
        try {
          resolve(run());
        } catch (failure) {
          reject(failure);
        }
      });
    });
  }

  private inode(path: string): Inode {
    const inode = this.disk.names.get(path);
    if (inode === undefined) throw systemError('ENOENT', path);
    return inode;
  }

  private take(bytes: number): void {
    if (bytes > this.freeNow()) throw systemError('ENOSPC', 'disk');
  }

  private freeNow(): number {
    let used = 0;
    for (const inode of this.disk.names.values()) used += inode.cached.length;
    return this.disk.capacityBytes - used;
  }
}

const NO_ROOM = Buffer.alloc(0);
const ROOM_BYTES_MIN = 1024;

function newInode(): Inode {
  return { cached: NO_ROOM, durable: NO_ROOM, room: NO_ROOM };
}

function grow(inode: Inode, chunk: Uint8Array): void {
  const { length } = inode.cached;
  const needed = length + chunk.length;
  if (inode.room.length < needed) {
    inode.room = Buffer.allocUnsafeSlow(Math.max(2 * needed, ROOM_BYTES_MIN));
    inode.room.set(inode.cached);
  }
  inode.room.set(chunk, length);
  inode.cached = inode.room.subarray(0, needed);
}

function emptyDisk(): Disk {
  return {
    folders: new Set(),
    names: new Map(),
    durableNames: new Map(),
    capacityBytes: 2 ** 40,
    epoch: 0,
    crashes: 0,
  };
}

/** What a crash makes of one file's content. */
function settle(inode: Inode, random: Random, mode: CrashMode): void {
  const { cached, durable } = inode;
  if (mode !== 'drop' && cached !== durable) {
    // An unsynced cut is one more metadata change that happened or didn't; what was appended after it lies behind it.
    const base = cached.length < durable.length && random.below(2) === 1 ? cached : durable;
    const isAppend = cached.length > durable.length && cached.subarray(0, durable.length).equals(durable);
    inode.durable = isAppend
      ? Buffer.concat([base, survivingTail(cached, durable.length, random, mode)])
      : base;
  }
  inode.cached = inode.durable;
  inode.room = NO_ROOM;
}

/** Of the bytes after `from`: some. Bytes that were synced are never touched, not even in a shared sector. */
function survivingTail(cached: Buffer, from: number, random: Random, mode: CrashMode): Buffer {
  const length = random.below(cached.length - from + 1);
  const tail = Buffer.from(cached.subarray(from, from + length));
  if (mode === 'scattered') {
    for (let at = 0; at < tail.length; at += SECTOR_BYTES - ((from + at) % SECTOR_BYTES)) {
      const end = Math.min(tail.length, at + SECTOR_BYTES - ((from + at) % SECTOR_BYTES));
      if (random.below(2) === 1) tail.fill(0, at, end);
    }
    return tail;
  }
  if (random.below(2) === 1) {
    const lastSector = Math.max(0, tail.length - ((from + tail.length) % SECTOR_BYTES || SECTOR_BYTES));
    for (let i = lastSector; i < tail.length; i++) tail[i] = random.below(256);
  }
  const zeros = random.below(2) === 1 ? random.below(2 * SECTOR_BYTES) : 0;
  return Buffer.concat([tail, Buffer.alloc(zeros)]);
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash);
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
