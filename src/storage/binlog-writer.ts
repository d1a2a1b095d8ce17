/**
 * The Binlog: takes records of all replicas, and turns what came together into one write and one sync.
 *
 * One batch is in flight; what is appended meanwhile waits and goes as the next. A record takes effect in the index when its
 * batch is encoded, in the order of the appends: what purge copies forward is decided at that moment too, so a copy can never
 * bring back an older vote or a cut entry.
 *
 * Any failure of a write or a sync is final. What is on the disk is then unknown, so nothing is tried again and everything that
 * waits, and everything after it, is rejected. One failure is another matter: a write that finds the disk full. The
 * segment is cut back to its last good frame, and the same bytes go to the same place when there is room (disk-room.ts); until
 * then nothing of the batch is durable, and nobody is told that it is.
 *
 * A batch never spans segments. A new segment is created, its header synced and its name synced before a batch goes there.
 *
 * Writes that may be synced later gather until a sync comes: with the next append that wants one, when asked for, when too much
 * has gathered, or before the segment ends. Then all of them are durable together, and are told so first.
 */
import { invariant } from '../assert.js';
import type {
  Binlog,
  BinlogEntry,
  BinlogOptions,
  BinlogRecord,
  ReplicaId,
  UnsyncedAppend,
} from './binlog.js';
import { abandonSegment, beginSegment } from './binlog-begin.js';
import { BoundsWriter } from './binlog-bounds.js';
import { termRunsOfEntries } from './binlog-entries.js';
import { type BinlogIndex, checkAppend, toStore } from './binlog-index.js';
import { bytesOf, maySyncLater, NOBODY_WAITS, type Pending, SMALL_RECORD_BYTES } from './binlog-pending.js';
import { BinlogPurge } from './binlog-purge.js';
import { BinlogReader } from './binlog-reader.js';
import { BatchEncoder, type StoredRecord } from './binlog-record.js';
import { cutBack } from './binlog-repair.js';
import { SEGMENT_NUMBER_MAX } from './binlog-segment.js';
import { DiskGauge, type Space } from './disk-gauge.js';
import { DiskRoom } from './disk-room.js';
import type { AppendFile, Files } from './files.js';
import type { Place } from './replica-log.js';

/** A batch stops growing here, so that one sync never waits for a flood that came behind it. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/** Lazy records wait for the next urgent one, but never more of them than this. */
const LAZY_BYTES_MAX = 64 * 1024;
/** With more than this written and not synced, the next write is synced although nobody asks. */
const UNSYNCED_BYTES_MAX = 4 * 1024 * 1024;

export class SegmentedBinlog implements Binlog {
  readonly figures = { batches: 0, records: 0, entries: 0, bytes: 0 };
  private readonly reader: BinlogReader;
  private readonly purger: BinlogPurge;
  private readonly bounds: BoundsWriter;
  private readonly gauge: DiskGauge;
  private readonly room: DiskRoom;
  private queue: Pending[] = [];
  /** Pending in the queue that nobody waits for; it goes when something urgent does, or when there is too much. */
  private lazyBytes = 0;
  private urgent = 0;
  private flushing: Promise<void> | undefined;
  /** The place up to which all is written. */
  private writtenSegment = 0;
  private writtenBytes = 0;
  /** Written and not synced, oldest first. */
  private unsynced: Pending[] = [];
  private unsyncedBytes = 0;
  /** The first failure; the last one too. */
  private stopped: Error | undefined;
  private closed = false;

  constructor(
    private readonly files: Files,
    private readonly options: BinlogOptions,
    private readonly index: BinlogIndex,
    /** The last segment, opened at its end; undefined in a new log. */
    private file: AppendFile | undefined,
  ) {
    this.gauge = new DiskGauge(files, options.freeBytesMin);
    this.room = new DiskRoom(this.gauge);
    this.reader = new BinlogReader(files, index, (place) => this.written(place));
    this.bounds = new BoundsWriter(files, { oldest: index.oldestSegment, newest: index.newestSegment });
    this.purger = new BinlogPurge(files, this.bounds, options, index, this.reader, {
      enqueue: (records, bytes) => this.enqueue(records, bytes, 'now'),
      space: () => this.gauge.space,
    });
    this.writtenSegment = this.current?.segment ?? 0;
    this.writtenBytes = file?.lengthBytes ?? 0;
    void this.gauge.sample();
  }

  get sizeBytes(): number {
    return this.index.sizeBytes;
  }

  get lastReplicaId(): ReplicaId {
    return this.index.lastReplicaId;
  }

  get space(): Space {
    return this.gauge.space;
  }

  get sampleAfterMs(): number {
    return this.gauge.sampleAfterMs;
  }

  append(records: readonly BinlogRecord[], options: { readonly lazy?: boolean } = {}): Promise<void> {
    this.noteBirths(records);
    return this.enqueue(() => records, bytesOf(records), options.lazy === true ? 'none' : 'now');
  }

  appendUnsynced(records: readonly BinlogRecord[]): UnsyncedAppend {
    this.noteBirths(records);
    let durable = Promise.resolve();
    const written = new Promise<void>((resolve, reject) => {
      durable = this.enqueue(() => records, bytesOf(records), 'later', resolve);
      durable.catch(reject);
    });
    return { written, durable };
  }

  sync(): Promise<void> {
    return this.enqueue(() => [], 0, 'now');
  }

  read(replicaId: ReplicaId, from: number, bytesMax: number): Promise<readonly BinlogEntry[]> {
    return this.reader.read(replicaId, from, bytesMax);
  }

  release(replicaId: ReplicaId, index: number): void {
    const log = this.index.replicas.get(replicaId);
    if (log !== undefined) log.releasedIndex = Math.max(log.releasedIndex, Math.min(index, log.lastIndex));
  }

  async sampleSpace(): Promise<Space> {
    await this.room.look();
    return this.gauge.space;
  }

  purge(): Promise<void> {
    return this.purger.run();
  }

  stopWaiting(): void {
    this.room.close();
  }

  async close(): Promise<void> {
    this.stopWaiting();
    await this.purger.settled();
    const waiting = this.queue.length > 0;
    this.urgent = this.queue.length;
    if (waiting) this.wake();
    this.closed = true;
    await this.flushing;
    if (this.file !== undefined && this.stopped === undefined) await this.syncUnsynced(this.file);
    await this.file?.close();
    this.file = undefined;
  }

  /** Ids are taken at once: two births in one turn must not get the same. */
  private noteBirths(records: readonly BinlogRecord[]): void {
    for (const { kind, replicaId } of records) {
      if (kind !== 'birth') continue;
      const { lastReplicaId } = this.index;
      invariant(replicaId > lastReplicaId, 'replica ids are never reused', { replicaId, lastReplicaId });
      invariant(replicaId <= 0xffffffff, 'replica ids are 32 bits wide', { replicaId });
      this.index.lastReplicaId = replicaId;
    }
  }

  private get current(): { readonly segment: number; bytes: number } | undefined {
    return this.index.segments[this.index.segments.length - 1];
  }

  private enqueue(
    records: Pending['records'],
    bytes: number,
    sync: Pending['sync'],
    written = NOBODY_WAITS,
  ): Promise<void> {
    if (this.stopped !== undefined) return Promise.reject(this.stopped);
    if (this.closed) return Promise.reject(new Error('binlog: closed'));
    const promise = new Promise<void>((resolve, reject) => {
      this.queue.push({ records, bytes, sync, written, resolve, reject });
    });
    const lazy = sync === 'none';
    if (lazy) this.lazyBytes += bytes;
    if (!lazy || this.lazyBytes > LAZY_BYTES_MAX) {
      this.urgent = this.queue.length;
      this.wake();
    }
    return promise;
  }

  private wake(): void {
    this.flushing ??= this.flush();
  }

  /** `urgent` counts how much of the queue somebody waits for. */
  private async flush(): Promise<void> {
    await undefined; // What is appended in this turn of the event loop still joins the first batch.
    let batch: readonly Pending[] = [];
    try {
      while (this.urgent > 0) {
        batch = this.takeBatch();
        await this.writeBatch(batch);
      }
    } catch (error) {
      this.fail(batch, error);
    } finally {
      this.flushing = undefined;
    }
  }

  private takeBatch(): readonly Pending[] {
    let count = 0;
    for (let bytes = 0; count < this.queue.length && bytes < BATCH_BYTES_MAX; count++) {
      bytes += this.queue[count]!.bytes;
    }
    const batch = this.queue.splice(0, count);
    this.urgent = Math.max(0, Math.min(this.urgent - count, this.queue.length));
    if (this.queue.length === 0) this.lazyBytes = 0;
    return batch;
  }

  private async writeBatch(batch: readonly Pending[]): Promise<void> {
    const file = await this.writable();
    const current = this.current!;
    const bytes = this.encode(batch, current.segment, file.lengthBytes);
    const syncLater = maySyncLater(batch) && this.unsyncedBytes + bytes.length <= UNSYNCED_BYTES_MAX;
    this.unsynced.push(...batch);
    this.unsyncedBytes += bytes.length;
    if (bytes.length > 0) await this.appendWhole(file, current.segment, bytes, syncLater);
    current.bytes = file.lengthBytes;
    this.writtenSegment = current.segment;
    this.writtenBytes = file.lengthBytes;
    for (const pending of batch) pending.written();
    if (!syncLater) await this.syncUnsynced(file);
    if (bytes.length === 0) return;
    this.figures.batches += 1;
    this.figures.bytes += bytes.length;
    this.gauge.wrote(bytes.length);
  }

  /** All or nothing. The index holds the records' places already, so they must come to stand there and nowhere else. */
  private appendWhole(file: AppendFile, segment: number, bytes: Buffer, syncLater: boolean): Promise<void> {
    const { lengthBytes } = file;
    return this.room.write(
      bytes.length,
      () => file.append([bytes], { syncLater }),
      () => cutBack(this.files, file, segment, lengthBytes),
    );
  }

  private async syncUnsynced(file: AppendFile): Promise<void> {
    if (this.unsyncedBytes > 0) await file.sync();
    this.unsyncedBytes = 0;
    for (const pending of this.unsynced.splice(0)) pending.resolve();
  }

  /** Records take effect one after the other: what a record means may depend on the one before it. */
  private encode(batch: readonly Pending[], segment: number, base: number): Buffer {
    const bytesHint = batch.reduce((sum, pending) => sum + pending.bytes, 0);
    const encoder = new BatchEncoder(bytesHint, this.unsyncedBytes === 0);
    for (const pending of batch) {
      for (const appended of pending.records()) {
        const record = toStore(this.index, appended);
        if (!record.copied) checkAppend(this.index, record);
        const { start, end } = encoder.add(record);
        this.takeEffect(record, { segment, offset: base + start, endOffset: base + end });
      }
    }
    return encoder.finish(segment);
  }

  private takeEffect(record: StoredRecord, place: Place): void {
    this.figures.records += 1;
    if (record.kind !== 'entries') this.index.applySmall(record, place);
    else {
      this.figures.entries += record.entries.length;
      const runs = termRunsOfEntries(record.entries);
      this.index.applyEntries(record.replicaId, runs, place, record.copied === true);
    }
  }

  private async writable(): Promise<AppendFile> {
    const isLast = this.current?.segment === this.index.newestSegment;
    if (this.file !== undefined && isLast && this.file.lengthBytes < this.options.segmentBytes)
      return this.file;
    const segment = this.index.newestSegment + 1;
    invariant(segment <= SEGMENT_NUMBER_MAX, 'segment numbers are used up', { segment });
    if (this.file !== undefined) await this.syncUnsynced(this.file);
    await this.file?.close();
    this.file = undefined;
    const file = await this.room.write(
      SMALL_RECORD_BYTES,
      () => {
        const previousEndBytes = this.current?.bytes ?? 0;
        const { lastReplicaId } = this.index;
        return beginSegment(this.files, { segment, previousEndBytes, lastReplicaId }, this.bounds);
      },
      () => abandonSegment(this.files, segment),
    );
    this.index.newestSegment = segment;
    this.index.segments.push({ segment, bytes: file.lengthBytes });
    this.file = file;
    return file;
  }

  /** Entries are in the index from the moment their batch is encoded; a reader waits until they can be read. */
  private async written(place: Place): Promise<void> {
    const isWritten = (): boolean =>
      place.segment < this.writtenSegment ||
      (place.segment === this.writtenSegment && place.endOffset <= this.writtenBytes);
    while (!isWritten() && this.flushing !== undefined) await this.flushing;
    if (!isWritten()) throw this.stopped ?? new Error('binlog: entries that were never written');
  }

  private fail(batch: readonly Pending[], error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    this.stopped = cause;
    const waiting = new Set([...this.unsynced.splice(0), ...batch, ...this.queue.splice(0)]);
    this.urgent = 0;
    for (const pending of waiting) pending.reject(cause);
  }
}
