/**
 * What a machine's disk would show of each replica's log if its power were cut now: the binlog's durable bytes, read as they come.
 *
 * Independent of the recovery under test but for the frame itself: a frame replaces what it starts at or before, a copied one fills
 * holes, a mark or a log start covers what is before it. Reading goes on where it ended; after a crash it begins anew.
 */
import { decodeBirth } from '../../../src/slot/birth.js';
import { decodeRecord, parseFrame, type StoredRecord } from '../../../src/storage/binlog-record.js';
import {
  BINLOG_FOLDER,
  decodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  segmentOfName,
} from '../../../src/storage/binlog-segment.js';
import type { SimFiles } from '../sim-files.js';

export class DurableLog {
  groupId = 0;
  memberId = 0;
  hardState = { term: 0, votedFor: 0, commit: 0 };
  dead = false;
  /** All up to here is held by something else: a snapshot, or the engine. */
  private coveredTo = 0;
  /** Terms by index. */
  private readonly terms: (number | undefined)[] = [];

  holds(index: number, term: number): boolean {
    return !this.dead && (index <= this.coveredTo || this.terms[index] === term);
  }

  /** Some entry, whatever its term. */
  reaches(index: number): boolean {
    return !this.dead && (index <= this.coveredTo || this.terms[index] !== undefined);
  }

  take(record: StoredRecord): void {
    switch (record.kind) {
      case 'birth':
        ({ groupId: this.groupId, memberId: this.memberId } = decodeBirth(record.birth));
        return;
      case 'hardState':
        this.hardState = record;
        return;
      case 'entries':
        if (!record.copied) this.terms.length = Math.min(this.terms.length, record.entries[0]!.index);
        for (const { index, term } of record.entries) this.terms[index] ??= term;
        return;
      case 'snapshot':
        if (!record.keepsSuffix) this.terms.length = 0;
        this.coveredTo = Math.max(this.coveredTo, record.index);
        return;
      case 'logStart':
        this.coveredTo = Math.max(this.coveredTo, record.index);
        return;
      case 'tombstone':
        this.dead = true;
    }
  }
}

export class DurableImage {
  private readonly logs = new Map<number, DurableLog>();
  /** How far each segment was read. */
  private readonly readTo = new Map<number, number>();
  private crashes = 0;

  /** `entriesCopied`: purge carried some forward. */
  constructor(private readonly entriesCopied: () => void = () => {}) {}

  /** Of a member of a group, if it lives here. */
  logOf(files: SimFiles, groupId: number, memberId: number): DurableLog | undefined {
    this.refresh(files);
    for (const log of this.logs.values())
      if (log.groupId === groupId && log.memberId === memberId && !log.dead) return log;
    return undefined;
  }

  private refresh(files: SimFiles): void {
    if (files.crashes !== this.crashes) {
      this.crashes = files.crashes;
      this.logs.clear();
      this.readTo.clear();
    }
    for (const [segment, bytes] of segmentsOf(files)) this.read(segment, bytes);
  }

  private read(segment: number, bytes: Buffer): void {
    let at = this.readTo.get(segment) ?? 0;
    if (at === 0) {
      if (decodeSegmentHeader(bytes, segment) === undefined) return;
      at = SEGMENT_HEADER_BYTES;
    }
    while (at < bytes.length) {
      const frame = parseFrame(bytes, at, segment);
      if (frame.kind !== 'good') break;
      if (frame.copied && frame.recordKind === 'entries') this.entriesCopied();
      this.logFor(frame.replicaId).take(decodeRecord(frame));
      at = frame.endOffset;
    }
    this.readTo.set(segment, at);
  }

  private logFor(replicaId: number): DurableLog {
    let log = this.logs.get(replicaId);
    if (log === undefined) {
      log = new DurableLog();
      this.logs.set(replicaId, log);
    }
    return log;
  }
}

/** Oldest first. */
function segmentsOf(files: SimFiles): (readonly [number, Buffer])[] {
  const prefix = `${BINLOG_FOLDER}/`;
  const segments: (readonly [number, Buffer])[] = [];
  for (const [path, { durable }] of files.durable) {
    const segment = path.startsWith(prefix) ? segmentOfName(path.slice(prefix.length)) : undefined;
    if (segment !== undefined) segments.push([segment, durable]);
  }
  return segments.sort(([a], [b]) => a - b);
}
