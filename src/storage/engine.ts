/**
 * The third seam: the ordered byte store under the slots.
 *
 * Contract, held by `level-engine` and `memory-engine` alike (one exam for both):
 * - Keys are ordered bytewise. A batch is atomic, also across a crash.
 * - A batch written with `sync` survives a crash once its promise has resolved, and then every batch before it does.
 *   An unsynced one may vanish, even when a later unsynced one survives (LevelDB rotates its log without syncing).
 * - An iterator sees the store as it was when the iterator was made.
 * - A rejected write is final: the caller stops the process.
 */
export interface Engine {
  get(key: Buffer): Promise<Buffer | undefined>;
  /** In the order asked. */
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>;
  write(batch: readonly EngineWrite[], options: { readonly sync: boolean }): Promise<void>;
  iterate(range: EngineRange): EngineIterator;
  close(): Promise<void>;
}

export type EngineWrite =
  | { readonly kind: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly kind: 'delete'; readonly key: Buffer };

/** `from` is included, `to` is not. */
export interface EngineRange {
  readonly from: Buffer;
  readonly to: Buffer;
  /** The values may be left out: whoever removes rows must not stumble over what is in them. */
  readonly keysOnly?: true;
}

export interface EngineIterator {
  /** Up to `count` pairs in order; an empty array at the end. */
  next(count: number): Promise<readonly (readonly [Buffer, Buffer])[]>;
  close(): Promise<void>;
}
