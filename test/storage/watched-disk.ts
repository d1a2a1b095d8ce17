/**
 * Files and an engine that tell of each failpoint (failpoints.ts) as it is passed, and otherwise do what the ones within do.
 *
 * Three moments each: before anything is done; while it is under way, so that nobody can say whether it is done; after it is done and
 * before anybody has heard of it. A listener may end the process, or the world, at any of them.
 */
import { BOUNDS_FILE } from '../../src/storage/binlog-bounds.js';
import { BINLOG_FOLDER } from '../../src/storage/binlog-segment.js';
import type { Engine, EngineBatch } from '../../src/storage/engine.js';
import type { AppendFile, Files } from '../../src/storage/files.js';
import { appendPointOf, BatchNames, type Failpoint, segmentOfPath } from './failpoints.js';

export const MOMENTS = ['before', 'during', 'after'] as const;
export type Moment = (typeof MOMENTS)[number];

export type Listener = (point: Failpoint, moment: Moment) => void;

async function told<Value>(
  listen: Listener,
  point: Failpoint | undefined,
  work: () => Promise<Value>,
): Promise<Value> {
  if (point === undefined) return work();
  listen(point, 'before');
  const done = work();
  listen(point, 'during');
  const value = await done;
  listen(point, 'after');
  return value;
}

export function watchedFiles(files: Files, listen: Listener): Files {
  /** Names that changed and are not synced, oldest first. */
  const changed: Failpoint[] = [];
  const wrap = (path: string, file: AppendFile): AppendFile => {
    const segment = segmentOfPath(path);
    return segment === undefined ? file : new WatchedFile(segment, file, listen);
  };
  return {
    makeFolder: (path) => files.makeFolder(path),
    list: (folder) => files.list(folder),
    create: async (path) => {
      const isSegment = segmentOfPath(path) !== undefined;
      const file = await told(listen, isSegment ? 'segment create' : undefined, () => files.create(path));
      if (isSegment) changed.push('segment name sync');
      return wrap(path, file);
    },
    open: async (path) => wrap(path, await files.open(path)),
    read: (path, offset, length) => files.read(path, offset, length),
    readWhole: (path) => files.readWhole(path),
    writeWhole: (path, bytes) =>
      told(listen, path === BOUNDS_FILE ? 'bounds' : undefined, () => files.writeWhole(path, bytes)),
    remove: async (path) => {
      const isSegment = segmentOfPath(path) !== undefined;
      await told(listen, isSegment ? 'segment remove' : undefined, () => files.remove(path));
      if (isSegment) changed.push('segment removal sync');
    },
    syncFolder: (folder) => {
      const point = folder === BINLOG_FOLDER ? changed.shift() : undefined;
      return told(listen, point, () => files.syncFolder(folder));
    },
    freeBytes: () => files.freeBytes(),
  };
}

class WatchedFile implements AppendFile {
  /** Of what was appended last; nothing after opening. */
  private syncPoint: Failpoint | undefined;

  constructor(
    private readonly segment: number,
    private readonly file: AppendFile,
    private readonly listen: Listener,
  ) {}

  get lengthBytes(): number {
    return this.file.lengthBytes;
  }

  append(chunks: readonly Uint8Array[]): Promise<void> {
    const point = appendPointOf(this.segment, Buffer.concat(chunks));
    this.syncPoint = point.replace(/append$/, 'sync') as Failpoint;
    return told(this.listen, point, () => this.file.append(chunks));
  }

  sync(): Promise<void> {
    return told(this.listen, this.syncPoint, () => this.file.sync());
  }

  truncate(lengthBytes: number): Promise<void> {
    return this.file.truncate(lengthBytes);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

export async function watchedEngine(engine: Engine, listen: Listener): Promise<Engine> {
  const names = await BatchNames.of(engine);
  const write = (batch: EngineBatch, options: { readonly sync: boolean }): Promise<void> =>
    told(listen, names.nameOf(batch), () => engine.write(batch, options));
  return {
    get: (key) => engine.get(key),
    getMany: (keys) => engine.getMany(keys),
    write,
    iterate: (range) => engine.iterate(range),
    close: () => engine.close(),
  };
}
