/**
 * The third seam: the ordered byte store under the slots.
 *
 * Contract, held by `level-engine` and `memory-engine` alike (one exam for both):
 * - Keys are ordered bytewise. A batch is atomic, also across a crash.
 * - A batch written with `sync` survives a crash once its promise has resolved. That says nothing of any other batch: an unsynced
 *   one may vanish although later ones survive, synced ones too (LevelDB rotates its log without syncing the old one).
 * - What was written, synced or not, survives the death of the process alone; a batch under way then is there whole or not at all.
 * - What an engine holds when it is opened is durable from then on, whoever wrote it and synced or not: else a batch that was under way
 *   at the death of one process would be believed by the next, and lost to a power cut after that.
 * - An iterator sees the store as it was when the iterator was made.
 * - A rejected write is final: the caller stops the process. But for one that asked to be rejected where the disk is full.
 */
export interface Engine {
  get(key: Buffer): Promise<Buffer | undefined>;
  /** In the order asked. */
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>;
  /** Walks over the batch at any time until it has resolved, in stretches, and again if need be: what it says may not change before. */
  write(batch: EngineBatch, options: WriteOptions): Promise<void>;
  iterate(range: EngineRange): EngineIterator;
  /** The process stops: writes that wait for room, now and later, are rejected with DiskFull. */
  readonly stopWaiting?: () => void;
  close(): Promise<void>;
}

export interface WriteOptions {
  readonly sync: boolean;
  /** Where the disk is full a write waits until there is room (steady-engine.ts), unless it asks to be rejected: with DiskFull. */
  readonly whenFull?: 'reject';
}

/**
 * An array, or rows that are made as they are asked for: a large batch need not be in memory at once, and what lives for one step
 * of a walk costs the collector nothing.
 */
export type EngineBatch = Iterable<EngineWrite>;

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
