/**
 * Bytes that arrive in pieces of any size, taken out as lines and as runs of a known length: the ground that the
 * request parser and the reply decoder stand on.
 *
 * Invariants:
 * - What comes out does not depend on how the input was cut.
 * - No byte is scanned twice and each is copied at most about twice, also when they come one by one.
 * - Memory grows with the bytes received, never with a length that was only announced.
 * - A run that was handed out is never written to again. A line is valid until the next call only.
 * - Chunks fed are kept by reference: whoever feeds them must not write to them again.
 */
const CR = 13;
const LF = 10;
const ZERO = 48;
const EMPTY = Buffer.alloc(0);
const LINE_START_BYTES = 64;
/** A run up to this size is allocated at once; a larger one grows with what has really come. */
const RUN_START_BYTES = 65_536;
/** Longer spellings of a length are left to the exact road. */
const SMALL_LENGTH_DIGITS_MAX = 9;
/** CR and LF behind every run. */
const TRAILER_BYTES = 2;

export class Intake {
  private chunk: Buffer = EMPTY;
  private position = 0;
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  /** Bytes to drop before the next one is looked at. */
  private skip = 0;
  /** The beginning of a line whose end has not come; reused from line to line. */
  private line: Buffer = EMPTY;
  private lineUsed = 0;
  /** A run in the making: `0 <= runFilled <= run.length <= its announced length`. */
  private run: Buffer | undefined;
  private runFilled = 0;
  private trailerTaken = 0;
  /** Was the last run followed by CR LF? Redis does not look; a decoder does. */
  runEndedWell = true;

  feed(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.position >= this.chunk.length && this.waiting.length === 0) {
      this.chunk = chunk;
      this.position = 0;
    } else {
      this.waiting.push(chunk);
      this.waitingBytes += chunk.length;
    }
  }

  /** Received and not yet taken, unfinished lines and runs included. */
  get bufferedBytes(): number {
    return this.chunk.length - this.position + this.waitingBytes + this.lineUsed + this.runFilled;
  }

  /** The next byte, or -1 when there is none. */
  peek(): number {
    return this.ready() ? this.chunk[this.position]! : -1;
  }

  /**
   * The fast road for `<marker><digits>\r\n` that lies whole in the chunk. Takes it and returns the number, or
   * takes nothing and returns -1: the caller then goes by `takeLine`, which gives the same answer slowly.
   */
  takeSmallLength(marker: number): number {
    if (this.skip !== 0) this.ready();
    const chunk = this.chunk;
    const start = this.position;
    if (this.lineUsed !== 0 || this.skip !== 0 || chunk[start] !== marker) return -1;
    const first = start + 1;
    const limit = first + SMALL_LENGTH_DIGITS_MAX;
    let value = 0;
    for (let at = first; at < limit; at++) {
      const byte = chunk[at];
      if (byte === undefined) return -1;
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) {
        value = value * 10 + digit;
        continue;
      }
      if (byte !== CR || chunk[at + 1] !== LF || at === first) return -1;
      if (chunk[first] === ZERO && at !== first + 1) return -1;
      this.position = at + 2;
      return value;
    }
    return -1;
  }

  /**
   * The bytes before `terminator`, which is taken too. A line that ends in CR takes the byte behind it unseen,
   * as Redis does. `long` as soon as more than `bytesMax` came without the terminator.
   */
  takeLine(terminator: typeof CR | typeof LF, bytesMax: number): Buffer | 'more' | 'long' {
    while (this.ready()) {
      const end = this.chunk.indexOf(terminator, this.position);
      const stop = end === -1 ? this.chunk.length : end;
      if (this.lineUsed + stop - this.position > bytesMax) return 'long';
      if (end !== -1) return this.finishLine(end, terminator);
      this.keepLine(stop);
      this.position = stop;
    }
    return 'more';
  }

  /** `length` bytes and the two behind them; undefined until all have come. */
  takeRun(length: number): Buffer | undefined {
    if (this.skip !== 0) this.ready();
    const start = this.position;
    const end = start + length;
    if (this.run === undefined && this.skip === 0 && end + TRAILER_BYTES <= this.chunk.length) {
      this.position = end + TRAILER_BYTES;
      this.runEndedWell = this.chunk[end] === CR && this.chunk[end + 1] === LF;
      return this.chunk.subarray(start, end);
    }
    return this.gatherRun(length);
  }

  /** Forgets everything: nothing more will be taken. */
  clear(): void {
    this.chunk = EMPTY;
    this.position = 0;
    this.waiting.length = 0;
    this.waitingBytes = 0;
    this.line = EMPTY;
    this.lineUsed = 0;
    this.run = undefined;
    this.runFilled = 0;
  }

  /** Puts the position on a byte; false when all are taken. */
  private ready(): boolean {
    for (;;) {
      const left = this.chunk.length - this.position;
      if (left > this.skip) {
        this.position += this.skip;
        this.skip = 0;
        return true;
      }
      this.skip -= left;
      const next = this.waiting.shift();
      this.chunk = next ?? EMPTY;
      this.position = 0;
      if (next === undefined) return false;
      this.waitingBytes -= next.length;
    }
  }

  private finishLine(end: number, terminator: number): Buffer {
    let line = this.chunk.subarray(this.position, end);
    if (this.lineUsed > 0) {
      this.keepLine(end);
      line = this.line.subarray(0, this.lineUsed);
      this.lineUsed = 0;
    }
    this.position = end + 1;
    if (terminator === CR) this.skip = 1;
    return line;
  }

  private keepLine(stop: number): void {
    const needed = this.lineUsed + stop - this.position;
    if (needed > this.line.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(LINE_START_BYTES, this.line.length * 2, needed));
      this.line.copy(grown, 0, 0, this.lineUsed);
      this.line = grown;
    }
    this.chunk.copy(this.line, this.lineUsed, this.position, stop);
    this.lineUsed = needed;
  }

  private gatherRun(length: number): Buffer | undefined {
    this.run ??= Buffer.allocUnsafe(Math.min(length, RUN_START_BYTES));
    while (this.ready()) {
      if (this.runFilled < length) this.fillRun(length);
      else if (this.takeTrailerByte()) return this.finishRun();
    }
    return undefined;
  }

  private fillRun(length: number): void {
    let run = this.run!;
    const filled = this.runFilled;
    const count = Math.min(length - filled, this.chunk.length - this.position);
    if (filled + count > run.length) {
      run = Buffer.allocUnsafe(Math.min(length, Math.max(run.length * 2, filled + count)));
      this.run!.copy(run, 0, 0, filled);
      this.run = run;
    }
    this.chunk.copy(run, filled, this.position, this.position + count);
    this.runFilled = filled + count;
    this.position += count;
  }

  /** True when the trailer is complete. */
  private takeTrailerByte(): boolean {
    const expected = this.trailerTaken === 0 ? CR : LF;
    const good = this.chunk[this.position++] === expected;
    this.runEndedWell = this.trailerTaken === 0 ? good : this.runEndedWell && good;
    this.trailerTaken += 1;
    return this.trailerTaken === TRAILER_BYTES;
  }

  private finishRun(): Buffer {
    const run = this.run!;
    this.run = undefined;
    this.runFilled = 0;
    this.trailerTaken = 0;
    return run;
  }
}
