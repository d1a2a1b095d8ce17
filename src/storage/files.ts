/**
 * The second seam: files as the log needs them. Paths are relative to the folder that the Files was made for.
 *
 * Contract, held by every implementation (one exam for all):
 * - What `append` wrote survives a crash only once a later `sync` of the same file has resolved.
 * - After a crash, unsynced bytes may be there in part, and zeros that nobody appended may follow a file's end.
 * - A created, renamed or removed name survives only once a later `syncFolder` of its folder has resolved.
 * - Calls on one file are made one after the other; a rejected `append` or `sync` is final: the caller stops the
 *   process, because what is on disk is then unknown (fsyncgate). An `append` that found no room (`isDiskFull`) is not: a part of
 *   it may be in the file, which `truncate` takes off, and then it may be tried again. A `sync` never rejects with `isDiskFull`.
 */
export interface Files {
  makeFolder(path: string): Promise<void>;
  /** Names, not paths, sorted; empty where the folder is missing. */
  list(folder: string): Promise<readonly string[]>;
  /** A new, empty file opened for appending; rejects with EEXIST. */
  create(path: string): Promise<AppendFile>;
  /** An existing file opened for appending at its end. */
  open(path: string): Promise<AppendFile>;
  /** Fewer bytes than asked only at the file's end. */
  read(path: string, offset: number, length: number): Promise<Buffer>;
  /** The whole file, or undefined where there is none. `room` may give the memory for it, of at least so many bytes. */
  readWhole(path: string, room?: (lengthBytes: number) => Buffer): Promise<Buffer | undefined>;
  /** Replaces the file's content atomically and durably: temporary file, sync, rename, folder sync. */
  writeWhole(path: string, bytes: Uint8Array): Promise<void>;
  remove(path: string): Promise<void>;
  syncFolder(folder: string): Promise<void>;
  /** Bytes that the file system could still take. */
  freeBytes(): Promise<number>;
}

export interface AppendFile {
  /** Bytes in the file, appended ones included. */
  readonly lengthBytes: number;
  /** `syncLater`: no sync follows at once, so the file need not make these bytes durable on the way. */
  append(chunks: readonly Uint8Array[], options?: { readonly syncLater?: boolean }): Promise<void>;
  sync(): Promise<void>;
  /** Cuts the file; durable after the next `sync`. */
  truncate(lengthBytes: number): Promise<void>;
  close(): Promise<void>;
}
