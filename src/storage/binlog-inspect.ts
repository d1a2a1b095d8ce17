/**
 * Reads a binlog without opening it, for people and their tools: every frame in order, and every place where something is wrong.
 * Nothing is changed, so that a node may be running on it: what looks torn at the end of the last segment may be a batch on its
 * way, and a segment that is gone when its turn comes was purged.
 */
import { FormatError } from '../bytes.js';
import { readBounds } from './binlog-bounds.js';
import { termRunsOf } from './binlog-entries.js';
import { BinlogIndex } from './binlog-index.js';
import { decodeSmall, type GoodFrame } from './binlog-record.js';
import { sentenceOf } from './binlog-recovery.js';
import { segmentsIn } from './binlog-scan.js';
import { decodeSegmentHeader, isUnused, scanSegment, segmentPath } from './binlog-segment.js';
import type { Files } from './files.js';

export interface Inspection {
  readonly segments: number;
  readonly bytes: number;
  readonly frames: number;
  /** Alive and dead. */
  readonly replicas: number;
  /** One sentence a place. */
  readonly damage: readonly string[];
  /** Of the last batch: torn, or being written. */
  readonly tornBytes: number;
}

export async function inspectBinlog(
  files: Files,
  onFrame: (frame: GoodFrame, segment: number) => void,
): Promise<Inspection> {
  const inspector = new Inspector(files, onFrame);
  return inspector.run();
}

class Inspector {
  private readonly index = new BinlogIndex();
  private readonly damage: string[] = [];
  private frames = 0;
  private tornBytes = 0;

  constructor(
    private readonly files: Files,
    private readonly onFrame: (frame: GoodFrame, segment: number) => void,
  ) {}

  async run(): Promise<Inspection> {
    const bounds = await readBounds(this.files);
    const segments = await segmentsIn(this.files);
    const newest = Math.max(bounds?.newest ?? 0, segments.at(-1) ?? 0);
    let expected = Math.min(
      bounds?.oldest ?? Number.POSITIVE_INFINITY,
      segments[0] ?? Number.POSITIVE_INFINITY,
    );
    for (const segment of segments) {
      const bytes = await this.files.readWhole(segmentPath(segment));
      const isPurged = bytes === undefined && this.index.segments.length === 0;
      if (!isPurged && segment !== expected) this.missing(expected, segment - 1);
      expected = segment + 1;
      if (bytes !== undefined) this.inspect(bytes, segment, segment === newest);
      else if (!isPurged) this.missing(segment, segment);
    }
    if (expected <= newest) this.missing(expected, newest);
    this.judge();
    const { replicas, sizeBytes: bytes } = this.index;
    const { frames, damage, tornBytes } = this;
    return { segments: segments.length, bytes, frames, replicas: replicas.size, damage, tornBytes };
  }

  private missing(from: number, to: number): void {
    for (let segment = from; segment <= to; segment++) this.damage.push(`${segmentPath(segment)} is missing`);
  }

  private inspect(bytes: Buffer, segment: number, isLast: boolean): void {
    if (isLast && isUnused(bytes, segment)) return;
    const header = decodeSegmentHeader(bytes, segment);
    const before = this.index.segments.at(-1);
    const isNext = before?.segment === segment - 1;
    if (header !== undefined && isNext && before.bytes !== header.previousEndBytes)
      this.damage.push(
        `${segmentPath(before.segment)} ends at ${before.bytes} instead of ${header.previousEndBytes}`,
      );
    const scan = scanSegment(bytes, segment, isLast, {
      frame: (frame) => this.take(frame, segment),
      damage: (place) => this.damage.push(sentenceOf(place)),
    });
    this.tornBytes += scan.tornBytes;
    this.index.segments.push({ segment, bytes: scan.endBytes });
  }

  private take(frame: GoodFrame, segment: number): void {
    const { offset, endOffset, replicaId, copied, payload } = frame;
    const place = { segment, offset, endOffset };
    this.frames++;
    try {
      if (frame.recordKind === 'entries')
        this.index.applyEntries(replicaId, termRunsOf(payload), place, copied);
      else this.index.applySmall(decodeSmall({ ...frame, payload: Buffer.from(payload) }), place);
      this.onFrame(frame, segment);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.damage.push(
        `${segmentPath(segment)} at ${offset}: a frame of replica ${replicaId} makes no sense: ${error.message}`,
      );
    }
  }

  /** What no frame's damage shows. */
  private judge(): void {
    for (const log of this.index.sorted()) {
      if (log.tombstone !== undefined) continue;
      const hole = log.firstHole();
      if (log.birth === undefined) this.damage.push(`the birth of replica ${log.replicaId} is missing`);
      if (hole !== undefined) this.damage.push(`entry ${hole} of replica ${log.replicaId} is missing`);
    }
  }
}
