/**
 * Frees the oldest segments, whole, one after the other, when the log has grown beyond its bound.
 *
 * A segment goes in three steps, and a crash between any two leaves a log that says the same:
 *   1. what is still needed of it is appended again in frames that never imply a truncation, and synced;
 *   2. the index has nothing left in it;
 *   3. it is written that the log begins after it; the file is removed and the removal synced, before the next segment's turn: so
 *      there is never a hole between segments.
 * Needed are: births, tombstones, the newest hard state, mark, log start and led terms of each replica, and entries not yet released.
 *
 * It asks before it acts. Replicas with unreleased entries in a segment that is due are named to `onPinned` first; a later run
 * copies their entries forward if that frees at least half of the segment, or if half of the whole log could be freed: then what
 * lies behind this segment pays for carrying it. Otherwise it would carry the log in circles. So the log stays below its bound
 * or twice what is unreleased, whichever is larger.
 * Where the disk gets low, the bound counts no more: all that can be freed is, once.
 * A damaged replica pins everything: the traces of the damage stay until its tombstone is written.
 */
import type { BinlogOptions } from './binlog.js';
import type { BoundsWriter } from './binlog-bounds.js';
import { entriesBytes } from './binlog-entries.js';
import type { BinlogIndex, SegmentInfo } from './binlog-index.js';
import type { BinlogReader } from './binlog-reader.js';
import type { StoredRecord } from './binlog-record.js';
import { BINLOG_FOLDER, segmentPath } from './binlog-segment.js';
import { isDiskFull } from './disk-full.js';
import { AMPLE, type Space } from './disk-gauge.js';
import type { Files } from './files.js';
import type { Region, ReplicaLog } from './replica-log.js';

export interface PurgeHost {
  /** Resolves when the records are durable; they are asked for when their batch is encoded. */
  enqueue(records: () => readonly StoredRecord[], bytes: number): Promise<void>;
  space(): Space;
}

interface Pin {
  readonly log: ReplicaLog;
  readonly regions: readonly Region[];
  readonly bytes: number;
}

export class BinlogPurge {
  private running: Promise<void> | undefined;
  /** The newest segment whose pins were named. */
  private namedSegment = 0;
  /** The newest segment that has to go because the disk got low; 0: it is not. */
  private sweep = 0;

  constructor(
    private readonly files: Files,
    private readonly bounds: BoundsWriter,
    private readonly options: BinlogOptions,
    private readonly index: BinlogIndex,
    private readonly reader: BinlogReader,
    private readonly host: PurgeHost,
  ) {}

  /** A second call while one runs is the same one. */
  run(): Promise<void> {
    this.running ??= this.freeAll().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** Never rejects. */
  async settled(): Promise<void> {
    await this.running?.catch(() => {});
  }

  private async freeAll(): Promise<void> {
    for (let victim = this.due(); victim !== undefined; victim = this.due()) {
      if (!(await this.free(victim))) return;
    }
  }

  /** The oldest segment, if it has to go; never the one being written. */
  private due(): SegmentInfo | undefined {
    const { segments, sizeBytes } = this.index;
    const oldest = segments[0];
    if (oldest === undefined || segments.length < 2) return undefined;
    return sizeBytes > this.options.binlogBytesMax || oldest.segment <= this.sweptUpTo() ? oldest : undefined;
  }

  /** Once the disk gets low every segment that there is then has to go, whatever the bound. Once, or small records would go round. */
  private sweptUpTo(): number {
    if (this.host.space() === AMPLE) this.sweep = 0;
    else if (this.sweep === 0) this.sweep = this.index.segments.at(-1)!.segment - 1;
    return this.sweep;
  }

  private async free(victim: SegmentInfo): Promise<boolean> {
    const pins = this.pins(victim.segment);
    if (pins.length > 0 && !this.mayCopy(victim, pins)) {
      this.namedSegment = victim.segment;
      for (const pin of pins) this.options.onPinned(pin.log.replicaId);
      return false;
    }
    for (const pin of pins) await this.copyEntries(pin, victim.segment);
    await this.host.enqueue(() => this.smallRecords(victim.segment), 0);
    if (this.pins(victim.segment).length > 0) return false;
    const oldest = this.index.segments[1]!.segment;
    if (!(await this.mayBegin(oldest))) return false;
    await this.files.remove(segmentPath(victim.segment));
    await this.files.syncFolder(BINLOG_FOLDER);
    this.index.segments.shift();
    return true;
  }

  /** False where the disk has no room to say so: then nothing goes, and a later run tries again. */
  private async mayBegin(oldest: number): Promise<boolean> {
    try {
      await this.bounds.change({ oldest });
      return true;
    } catch (why) {
      if (!isDiskFull(why)) throw why;
      return false;
    }
  }

  private mayCopy(victim: SegmentInfo, pins: readonly Pin[]): boolean {
    if (victim.segment > this.namedSegment || pins.some((pin) => pin.log.damaged !== undefined)) return false;
    const liveBytes = pins.reduce((sum, pin) => sum + pin.bytes, 0);
    return liveBytes <= victim.bytes / 2 || this.liveBytes() <= this.index.sizeBytes / 2;
  }

  /** Entries of all segments that are not released. */
  private liveBytes(): number {
    let bytes = 0;
    for (const log of this.index.sorted()) {
      for (const region of log.unreleasedRegions) bytes += region.ownBytes;
    }
    return bytes;
  }

  private pins(segment: number): Pin[] {
    const pins: Pin[] = [];
    for (const log of this.index.sorted()) {
      const regions = log.regionsIn(segment).filter((region) => region.last > log.releasedIndex);
      const bytes = regions.reduce((sum, region) => sum + region.ownBytes, 0);
      if (regions.length > 0 || log.damaged !== undefined) pins.push({ log, regions, bytes });
    }
    return pins;
  }

  private async copyEntries({ log, regions }: Pin, segment: number): Promise<void> {
    const { replicaId } = log;
    for (const region of regions) {
      if (region.last <= log.releasedIndex) continue; // Released, or gone, while others were copied.
      const entries = await this.reader.readRegion(replicaId, region, log.releasedIndex + 1);
      await this.host.enqueue(() => {
        const live = entries.filter(({ index, term }) => {
          const now = log.regionOf(index);
          return now !== undefined && now.term === term && pinsSegment(log, now, segment);
        });
        return live.length === 0 ? [] : [{ kind: 'entries', replicaId, entries: live, copied: true }];
      }, entriesBytes(entries));
    }
  }

  private smallRecords(segment: number): StoredRecord[] {
    return this.index.sorted().flatMap((log) => smallRecordsOf(log, segment));
  }
}

function pinsSegment(log: ReplicaLog, region: Region, segment: number): boolean {
  return region.segment === segment && region.last > log.releasedIndex;
}

/** The order matters to a replay: the mark may set where the log starts, and the log start may be later than it. */
function smallRecordsOf(log: ReplicaLog, segment: number): StoredRecord[] {
  const { replicaId, birth, hardState, snapshot, led, tombstone } = log;
  const records: StoredRecord[] = [];
  const copied = true as const;
  if (birth?.segment === segment) records.push({ kind: 'birth', replicaId, birth: birth.value, copied });
  if (snapshot?.segment === segment) {
    records.push({ kind: 'snapshot', replicaId, ...snapshot.value, keepsSuffix: true, copied });
  }
  const start = startRecord(log, segment);
  if (start !== undefined) records.push(start);
  if (hardState?.segment === segment)
    records.push({ kind: 'hardState', replicaId, ...hardState.value, copied });
  if (led?.segment === segment) records.push({ kind: 'led', replicaId, terms: led.value, copied });
  if (tombstone?.segment === segment) {
    records.push({ kind: 'tombstone', replicaId, tombstone: tombstone.value, copied });
  }
  return records;
}

/** Needed where released entries go with the segment, or where the record that told the start goes. */
function startRecord(log: ReplicaLog, segment: number): StoredRecord | undefined {
  let index = log.logStart?.segment === segment ? log.compactedIndex : 0;
  for (const region of log.regionsIn(segment))
    index = Math.max(index, Math.min(region.last, log.releasedIndex));
  if (index === 0) return undefined;
  return { kind: 'logStart', replicaId: log.replicaId, index, term: log.termOf(index)!, copied: true };
}
