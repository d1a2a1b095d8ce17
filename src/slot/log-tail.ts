/**
 * How much of a slot's applied log is kept for followers that lag, in steps.
 */
interface Step {
  readonly index: number;
  readonly bytes: number;
}

/** Entries are remembered in runs of this size: a bound on memory, not on precision that matters. */
const STEP_BYTES = 1 << 20;
/** What the log keeps of an entry beside its data. */
const ENTRY_OVERHEAD_BYTES = 16;

export class LogTail {
  private readonly steps: Step[] = [];
  private stepBytes = 0;
  private keptBytes = 0;

  constructor(private released: number) {}

  appended(index: number, bytes: number): void {
    this.stepBytes += bytes + ENTRY_OVERHEAD_BYTES;
    if (this.stepBytes < STEP_BYTES) return;
    this.steps.push({ index, bytes: this.stepBytes });
    this.keptBytes += this.stepBytes;
    this.stepBytes = 0;
  }

  /** The newest index that may go when all up to `durableIndex` is in the engine and `tailBytes` are to stay; 0: nothing new. */
  releasable(durableIndex: number, tailBytes: number): number {
    let upTo = 0;
    while (this.steps.length > 0 && this.keptBytes > tailBytes && this.steps[0]!.index <= durableIndex) {
      const step = this.steps.shift()!;
      this.keptBytes -= step.bytes;
      upTo = Math.max(upTo, step.index);
    }
    if (upTo <= this.released) return 0;
    this.released = upTo;
    return upTo;
  }
}
