/** What carries the bytes. All calls return at once and never call back into the connection before returning. */
export interface ByteStream {
  /** The bytes belong to the stream from now on. */
  write(bytes: Buffer): void;
  /** Written and not yet handed to the network. Each time a write has brought it back to zero, `drained` is called, later. */
  readonly unsentBytes: number;
  /** Until `resume`, `received` is not called, save for what was on its way. */
  pause(): void;
  resume(): void;
  /** Closes when what was written is sent; until then what still comes is thrown away. Then calls `closed`. */
  end(): void;
  /** Closes at once, then calls `closed`. */
  destroy(): void;
}
