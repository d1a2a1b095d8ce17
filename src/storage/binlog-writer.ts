/**
 * The Binlog: takes records of all replicas, and turns what came together into one write and one sync.
 *
 * One batch is in flight; what is appended meanwhile waits and goes as the next. A record takes effect in the index when its
 * batch is encoded, in the order of the appends: what purge copies forward is decided at that moment too, so a copy can never
 * bring back an older vote or a cut entry.
 *
 * Any failure of a write or a sync is final. What is on the disk is then unknown, so nothing is tried again and everything that
 * waits, and everything after it, is rejected.
 *
 * A batch never spans segments. A new segment is created, its header synced and its name synced before a batch goes there.
 */
import { invariant } from '../assert.js';
import type { Binlog, BinlogEntry, BinlogOptions, BinlogRecord, ReplicaId } from './binlog.js';
import { writeBounds } from './binlog-bounds.js';
import { entriesBytes, termRunsOfEntries } from './binlog-entries.js';
import { type BinlogIndex, checkAppend } from './binlog-index.js';
import { BinlogPurge } from './binlog-purge.js';
import { BinlogReader } from './binlog-reader.js';
import { BatchEncoder, FRAME_HEADER_BYTES, type StoredRecord } from './binlog-record.js';
import { BINLOG_FOLDER, encodeSegmentHeader, SEGMENT_NUMBER_MAX, segmentPath } from './binlog-segment.js';
import { DiskGauge } from './disk-gauge.js';
import type { AppendFile, Files } from './files.js';
import type { Place } from './replica-log.js';

/** A batch stops growing here, so that one sync never waits for a flood that came behind it. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/** Lazy records wait for the next urgent one, but never more of them than this. */
const LAZY_BYTES_MAX = 64 * 1024;
const SMALL_RECORD_BYTES = 64;

interface Pending {
  /** Called when the batch is encoded. */
  readonly records: () => readonly (BinlogRecord | StoredRecord)[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class SegmentedBinlog implements Binlog {
  private readonly reader: BinlogReader;
  private readonly purger: BinlogPurge;
  private readonly gauge: DiskGauge;
  private queue: Pending[] = [];
  /** Pending in the queue that nobody waits for; it goes when something urgent does, or when there is too much. */
  private lazyBytes = 0;
  private urgent = 0;
  private flushing: Promise<void> | undefined;
  /** The place up to which all is durable. */
  private durableSegment = 0;
  private durableBytes = 0;
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
    this.reader = new BinlogReader(files, index, (place) => this.written(place));
    this.purger = new BinlogPurge(files, options, index, this.reader, (records, bytes) =>
      this.enqueue(records, bytes, false),
    );
    this.durableSegment = this.current?.segment ?? 0;
    this.durableBytes = file?.lengthBytes ?? 0;
    void this.gauge.sample();
  }

  get sizeBytes(): number {
    return this.index.sizeBytes;
  }

  get lastReplicaId(): ReplicaId {
    return this.index.lastReplicaId;
  }

  get freeBytesLow(): boolean {
    return this.gauge.low;
  }

  append(records: readonly BinlogRecord[], options: { readonly lazy?: boolean } = {}): Promise<void> {
    let bytes = 0;
    for (const record of records) {
      bytes +=
        FRAME_HEADER_BYTES + (record.kind === 'entries' ? entriesBytes(record.entries) : SMALL_RECORD_BYTES);
      if (record.kind === 'birth') this.noteBirth(record.replicaId);
    }
    return this.enqueue(() => records, bytes, options.lazy === true);
  }

  read(replicaId: ReplicaId, from: number, bytesMax: number): Promise<readonly BinlogEntry[]> {
    return this.reader.read(replicaId, from, bytesMax);
  }

  release(replicaId: ReplicaId, index: number): void {
    const log = this.index.replicas.get(replicaId);
    if (log !== undefined) log.releasedIndex = Math.max(log.releasedIndex, Math.min(index, log.lastIndex));
  }

  async purge(): Promise<void> {
    await this.gauge.sample();
    await this.purger.run();
  }

  async close(): Promise<void> {
    await this.purger.settled();
    const waiting = this.queue.length > 0;
    this.urgent = this.queue.length;
    if (waiting) this.wake();
    this.closed = true;
    await this.flushing;
    await this.file?.close();
    this.file = undefined;
  }

  /** Ids are taken at once: two births in one turn must not get the same. */
  private noteBirth(replicaId: ReplicaId): void {
    const { lastReplicaId } = this.index;
    invariant(replicaId > lastReplicaId, 'replica ids are never reused', { replicaId, lastReplicaId });
    invariant(replicaId <= 0xffffffff, 'replica ids are 32 bits wide', { replicaId });
    this.index.lastReplicaId = replicaId;
  }

  private get current(): { readonly segment: number; bytes: number } | undefined {
    return this.index.segments[this.index.segments.length - 1];
  }

  private enqueue(records: Pending['records'], bytes: number, lazy: boolean): Promise<void> {
    if (this.stopped !== undefined) return Promise.reject(this.stopped);
    if (this.closed) return Promise.reject(new Error('binlog: closed'));
    const promise = new Promise<void>((resolve, reject) => {
      this.queue.push({ records, bytes, resolve, reject });
    });
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
        for (const pending of batch) pending.resolve();
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
    if (bytes.length === 0) return;
    await file.append([bytes]);
    await file.sync();
    current.bytes = file.lengthBytes;
    this.durableSegment = current.segment;
    this.durableBytes = file.lengthBytes;
    this.gauge.wrote(bytes.length);
  }

  /** Records take effect one after the other: what a record means may depend on the one before it. */
  private encode(batch: readonly Pending[], segment: number, base: number): Buffer {
    const encoder = new BatchEncoder(batch.reduce((sum, pending) => sum + pending.bytes, 0));
    for (const pending of batch) {
      for (const appended of pending.records()) {
        const record = this.toStore(appended);
        if (!record.copied) checkAppend(this.index, record);
        const { start, end } = encoder.add(record);
        this.takeEffect(record, { segment, offset: base + start, endOffset: base + end });
      }
    }
    return encoder.finish(segment);
  }

  private takeEffect(record: StoredRecord, place: Place): void {
    if (record.kind !== 'entries') this.index.applySmall(record, place);
    else {
      const runs = termRunsOfEntries(record.entries);
      this.index.applyEntries(record.replicaId, runs, place, record.copied === true);
    }
  }

  private toStore(record: BinlogRecord | StoredRecord): StoredRecord {
    if (record.kind !== 'snapshot' || 'keepsSuffix' in record) return record;
    const keepsSuffix = this.index.replicas.get(record.replicaId)?.termOf(record.index) === record.term;
    return { ...record, keepsSuffix };
  }

  private async writable(): Promise<AppendFile> {
    const isLast = this.current?.segment === this.index.newestSegment;
    if (this.file !== undefined && isLast && this.file.lengthBytes < this.options.segmentBytes)
      return this.file;
    const segment = this.index.newestSegment + 1;
    invariant(segment <= SEGMENT_NUMBER_MAX, 'segment numbers are used up', { segment });
    const previousEndBytes = this.file?.lengthBytes ?? 0;
    await this.file?.close();
    const file = await this.files.create(segmentPath(segment));
    const { lastReplicaId } = this.index;
    await file.append([encodeSegmentHeader({ segment, previousEndBytes, lastReplicaId })]);
    await file.sync();
    await this.files.syncFolder(BINLOG_FOLDER);
    await writeBounds(this.files, { oldest: this.index.oldestSegment, newest: segment });
    this.index.newestSegment = segment;
    this.index.segments.push({ segment, bytes: file.lengthBytes });
    this.file = file;
    return file;
  }

  /** Entries are in the index from the moment their batch is encoded; a reader waits until they can be read. */
  private async written(place: Place): Promise<void> {
    const isDurable = (): boolean =>
      place.segment < this.durableSegment ||
      (place.segment === this.durableSegment && place.endOffset <= this.durableBytes);
    while (!isDurable() && this.flushing !== undefined) await this.flushing;
    if (!isDurable()) throw this.stopped ?? new Error('binlog: entries that were never written');
  }

  private fail(batch: readonly Pending[], error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    this.stopped = cause;
    const rest = this.queue;
    this.queue = [];
    this.urgent = 0;
    for (const pending of [...batch, ...rest]) pending.reject(cause);
  }
}
