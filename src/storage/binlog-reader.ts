/**
 * Reads entries back from the segments: for followers that need what memory no longer holds, and for purge.
 *
 * Every frame on the way is checked again. What the index promises and the disk doesn't hold is an error, never a shorter answer.
 */
import type { BinlogEntry, ReplicaId } from './binlog.js';
import { decodeEntries } from './binlog-entries.js';
import type { BinlogIndex } from './binlog-index.js';
import { type GoodFrame, parseFrame } from './binlog-record.js';
import { segmentPath } from './binlog-segment.js';
import type { Files } from './files.js';
import type { Place, Region, ReplicaLog } from './replica-log.js';

export class BinlogReader {
  constructor(
    private readonly files: Files,
    private readonly index: BinlogIndex,
    /** Resolves when what is at this place has left the process. */
    private readonly written: (place: Place) => Promise<void>,
  ) {}

  /**
   * While the disk answers, the log may be cut, or purge may move entries and remove the file: then what was read counts for
   * nothing and is read again.
   */
  async read(replicaId: ReplicaId, from: number, bytesMax: number): Promise<readonly BinlogEntry[]> {
    for (;;) {
      const log = this.index.replicas.get(replicaId);
      if (log?.regionOf(from) === undefined) return [];
      const { cuts } = log;
      try {
        const entries = await this.collect(log, from, bytesMax);
        if (log.cuts === cuts) return entries;
      } catch (error) {
        if (log.cuts === cuts) throw error;
      }
    }
  }

  /** The region's entries that are not before `from`. */
  async readRegion(replicaId: ReplicaId, asked: Region, from: number): Promise<BinlogEntry[]> {
    const region = { ...asked };
    await this.written(region);
    const path = segmentPath(region.segment);
    const bytes = await this.files.read(path, region.offset, region.endOffset - region.offset);
    const entries: BinlogEntry[] = [];
    for (let position = 0; position < bytes.length; ) {
      const frame = parseFrame(bytes, position, region.segment);
      if (frame.kind !== 'good') throw new Error(`binlog: damage in ${path} at ${region.offset + position}`);
      position = frame.endOffset;
      if (frame.replicaId === replicaId) keepOf(frame, region, Math.max(from, region.first), entries);
    }
    const missing = region.last + 1 - Math.max(from, region.first) - entries.length;
    if (missing !== 0) throw new Error(`binlog: ${missing} entries missing in ${path} at ${region.offset}`);
    return entries;
  }

  private async collect(log: ReplicaLog, from: number, bytesMax: number): Promise<BinlogEntry[]> {
    const taken: BinlogEntry[] = [];
    let bytes = 0;
    for (let next = from; ; ) {
      const region = log.regionOf(next);
      if (region === undefined) return taken;
      for (const entry of await this.readRegion(log.replicaId, region, next)) {
        bytes += entry.data.length;
        if (taken.length > 0 && bytes > bytesMax) return taken;
        taken.push(entry);
        next = entry.index + 1;
      }
    }
  }
}

/** Entries are copied out, or a few bytes would keep the whole stretch in memory. */
function keepOf(frame: GoodFrame, region: Region, from: number, entries: BinlogEntry[]): void {
  if (frame.recordKind !== 'entries') return;
  for (const entry of decodeEntries(frame.payload)) {
    if (entry.index < from || entry.index > region.last || entry.term !== region.term) continue;
    entries.push({ ...entry, data: Buffer.from(entry.data) });
  }
}
