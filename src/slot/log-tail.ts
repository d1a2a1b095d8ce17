/**
 * How much of a slot's applied log is kept for followers that lag, in steps.
 */
import type { RecoveredReplica } from '../storage/binlog.js';

interface Step {
  readonly index: number;
  readonly bytes: number;
}

/**
 * Entries are remembered in runs of this size, or of a fixed share of what all slots may keep: a bound on memory, not on
 * precision that matters. A tail that is to be tiny is kept entry by entry.
 */
const STEP_BYTES_MAX = 1 << 20;
const STEPS_A_NODE = 4096;
/** What the log keeps of an entry beside its data. */
const ENTRY_OVERHEAD_BYTES = 16;

/** What someone is going to ask for: the entries after this one. It is kept up to so many bytes beyond the tail. */
export interface LogNeed {
  readonly after: number;
  readonly bytesMax: number;
}

export class LogTail {
  private released: number;
  private readonly steps: Step[] = [];
  private readonly stepBytesMin: number;
  private stepBytes = 0;
  private keptBytes = 0;

  /** `nodeTailBytes`: what all slots of the node, `sharers`, may keep together. `recovered`: what the log holds already. */
  constructor(
    private readonly nodeTailBytes: number,
    private readonly sharers: () => number,
    recovered?: Pick<RecoveredReplica, 'compactedIndex' | 'runs'>,
  ) {
    this.stepBytesMin = Math.min(STEP_BYTES_MAX, nodeTailBytes / STEPS_A_NODE);
    this.released = recovered?.compactedIndex ?? 0;
    for (const { last, bytes } of recovered?.runs ?? []) this.appended(last, bytes);
  }

  appended(index: number, bytes: number): void {
    this.stepBytes += bytes + ENTRY_OVERHEAD_BYTES;
    if (this.stepBytes < this.stepBytesMin) return;
    this.steps.push({ index, bytes: this.stepBytes });
    this.keptBytes += this.stepBytes;
    this.stepBytes = 0;
  }

  /** The log starts after `index`, by a snapshot: what was counted before is gone. */
  restart(index: number): void {
    this.steps.length = 0;
    this.keptBytes = 0;
    this.stepBytes = 0;
    this.released = index;
  }

  /**
   * The newest index that may go when all up to `durableIndex` is in the engine, and this slot's share and what is needed are
   * to stay; 0: nothing new.
   */
  releasable(durableIndex: number, needed: LogNeed): number {
    const tailBytes = this.nodeTailBytes / this.sharers();
    let upTo = 0;
    while (this.steps.length > 0 && this.keptBytes > tailBytes) {
      const step = this.steps[0]!;
      const held = step.index > needed.after && this.keptBytes <= tailBytes + needed.bytesMax;
      if (step.index > durableIndex || held) break;
      this.steps.shift();
      this.keptBytes -= step.bytes;
      upTo = Math.max(upTo, step.index);
    }
    if (upTo <= this.released) return 0;
    this.released = upTo;
    return upTo;
  }
}
