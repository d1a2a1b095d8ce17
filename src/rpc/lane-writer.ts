/**
 * The sending half of one lane of one connection: a bounded queue in front of a gRPC stream.
 *
 * grpc-js costs about 20 µs a message, whatever its size, so frames that are sent together (`gather`) share one
 * gRPC message, and so do those that come while the one before is on its way: one message is in flight at a time, and the
 * stream's write callback, which comes when HTTP/2 has taken all of it, asks for the next. A slow reader thus shows here,
 * as a queue that grows up to its bound, and nowhere else.
 *
 * Invariants: frames leave in the order of `send`, each at most once; `unsentBytes` counts what is queued or in flight;
 * after `close` nothing is written and nothing is accepted.
 */
import type { Frames } from './frames.js';

/** What a client's and a server's duplex stream have in common. */
export interface FrameSink {
  write(frames: Frames, callback: (error?: Error | null) => void): boolean;
}

/** What was handed to the streams since the start, all lanes of a node together; for metrics. */
export interface LaneFigures {
  messages: number;
  frames: number;
  bytes: number;
}

export interface LaneWriterOptions {
  /** Runs soon, when more has had its chance to come along: at the end of a callback, or of a turn of the event loop. */
  readonly gather: (run: () => void) => void;
  readonly sink: FrameSink;
  readonly messageBytesMax: number;
  readonly unsentBytesMax: number;
  /** Less than that: with so much unsent only small frames are taken, so that one client's bulk does not cost others their words. */
  readonly bulkBytesMax?: number;
  /** Counted up here. */
  readonly figures: LaneFigures;
}

/** What a queued frame costs beyond its bytes, so that a flood of empty frames is bounded as well. */
const FRAME_COST_BYTES = 64;
const SMALL_FRAME_BYTES = 4096;

export class LaneWriter {
  private readonly options: LaneWriterOptions;
  private queue: Buffer[] = [];
  private flushIsDue = false;
  private inFlight = false;
  private closed = false;
  private unsent = 0;

  constructor(options: LaneWriterOptions) {
    this.options = options;
  }

  /** Queued or in flight, frames' own cost included. */
  get unsentBytes(): number {
    return this.unsent;
  }

  /**
   * False, and nothing queued, when the lane is full or closed. An empty lane takes one frame of any size.
   */
  send(frame: Buffer): boolean {
    if (this.closed) return false;
    const cost = frame.length + FRAME_COST_BYTES;
    const { unsentBytesMax, bulkBytesMax = unsentBytesMax } = this.options;
    const boundBytes = frame.length > SMALL_FRAME_BYTES ? bulkBytesMax : unsentBytesMax;
    if (this.unsent > 0 && this.unsent + cost > boundBytes) return false;
    this.queue.push(frame);
    this.unsent += cost;
    if (!this.inFlight && !this.flushIsDue) {
      this.flushIsDue = true;
      this.options.gather(this.flush);
    }
    return true;
  }

  close(): void {
    this.closed = true;
    this.queue = [];
    this.unsent = 0;
  }

  private readonly flush = (): void => {
    this.flushIsDue = false;
    if (this.closed || this.inFlight || this.queue.length === 0) return;
    const { frames, cost } = this.takeMessage();
    this.inFlight = true;
    this.count(frames.length, cost);
    this.options.sink.write(frames, (error) => {
      this.inFlight = false;
      // The stream reports its own end to whoever owns the connection; here it only means: no more.
      if (error || this.closed) return;
      this.unsent -= cost;
      this.flush();
    });
  };

  private count(frames: number, cost: number): void {
    const { figures } = this.options;
    figures.messages += 1;
    figures.frames += frames;
    figures.bytes += cost - frames * FRAME_COST_BYTES;
  }

  /** The oldest frames up to the bound, at least one. */
  private takeMessage(): { readonly frames: Frames; readonly cost: number } {
    const { messageBytesMax } = this.options;
    let count = 0;
    let bytes = 0;
    for (const frame of this.queue) {
      if (count > 0 && bytes + frame.length > messageBytesMax) break;
      bytes += frame.length;
      count++;
    }
    const frames = this.queue.splice(0, count);
    return { frames, cost: bytes + count * FRAME_COST_BYTES };
  }
}
