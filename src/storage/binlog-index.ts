/**
 * All replicas' logs and all segments as memory knows them: the one place where a stored record takes effect, be it replayed or
 * just written. So what a restart finds is by construction what the running process believed.
 */
import { invariant } from '../assert.js';
import type { BinlogRecord, ReplicaId } from './binlog.js';
import type { TermRun } from './binlog-entries.js';
import type { SmallRecord, StoredRecord } from './binlog-record.js';
import { type HardStateValue, type Place, ReplicaLog } from './replica-log.js';

export interface SegmentInfo {
  readonly segment: number;
  bytes: number;
}

export class BinlogIndex {
  readonly replicas = new Map<ReplicaId, ReplicaLog>();
  /** Oldest first; the last one is being written. */
  readonly segments: SegmentInfo[] = [];
  lastReplicaId: ReplicaId = 0;
  /** Numbers up to this one were given to segments, also to some that are missing now: the gap they left must stay one. */
  newestSegment = 0;
  /** Where the log began when it was opened, whether that is there or missing. */
  oldestSegment = 1;

  get sizeBytes(): number {
    let sum = 0;
    for (const segment of this.segments) sum += segment.bytes;
    return sum;
  }

  /** Replicas in the order of their ids, so that every run does the same in the same order. */
  sorted(): ReplicaLog[] {
    return [...this.replicas.values()].sort((a, b) => a.replicaId - b.replicaId);
  }

  log(replicaId: ReplicaId): ReplicaLog {
    let log = this.replicas.get(replicaId);
    if (log === undefined) {
      log = new ReplicaLog(replicaId);
      this.replicas.set(replicaId, log);
      this.lastReplicaId = Math.max(this.lastReplicaId, replicaId);
    }
    return log;
  }

  applyEntries(replicaId: ReplicaId, runs: readonly TermRun[], place: Place, copied: boolean): void {
    const log = this.log(replicaId);
    if (log.tombstone !== undefined) return;
    if (copied) log.copy(runs, place, (region) => region.segment < place.segment);
    else log.append(runs, place);
  }

  applySmall(record: SmallRecord, place: Place): void {
    const log = this.log(record.replicaId);
    const { segment } = place;
    if (record.kind === 'birth') log.birth = { value: record.birth, segment };
    else if (record.kind === 'tombstone') log.bury({ value: record.tombstone, segment });
    else if (log.tombstone === undefined) applyToLiving(log, record, segment);
  }
}

function applyToLiving(
  log: ReplicaLog,
  record: Exclude<SmallRecord, { kind: 'birth' | 'tombstone' }>,
  segment: number,
): void {
  switch (record.kind) {
    case 'hardState': {
      const { term, votedFor, commit } = record;
      log.hardState = { value: { term, votedFor, commit }, segment };
      return;
    }
    case 'led':
      log.led = { value: record.terms, segment };
      return;
    case 'snapshot': {
      const { index, term, mark } = record;
      if (record.keepsSuffix) log.startAfter(index, term);
      else log.restartAfter(index, term);
      log.snapshot = { value: { index, term, mark }, segment };
      if (index === log.compactedIndex) log.logStart = undefined;
      return;
    }
    case 'logStart':
      if (record.index < log.compactedIndex) return;
      log.startAfter(record.index, record.term);
      log.logStart = { value: undefined, segment };
      return;
  }
}

/** What the log adds to what a caller hands over: whether a snapshot's mark leaves the entries behind it. */
export function toStore(index: BinlogIndex, record: BinlogRecord | StoredRecord): StoredRecord {
  if (record.kind !== 'snapshot' || 'keepsSuffix' in record) return record;
  const keepsSuffix = index.replicas.get(record.replicaId)?.termOf(record.index) === record.term;
  return { ...record, keepsSuffix };
}

/** What a caller may never do, checked against all that was written before, in the order of the log. */
export function checkAppend(index: BinlogIndex, record: StoredRecord): void {
  const { replicaId, kind } = record;
  const log = index.replicas.get(replicaId);
  invariant(log?.tombstone === undefined, 'a record of a dead replica', { replicaId, kind });
  if (kind === 'tombstone') return;
  if (kind === 'birth') {
    invariant(log?.birth === undefined, 'a replica is born once', { replicaId });
    return;
  }
  invariant(log?.birth !== undefined, 'a record of a replica that was never born', { replicaId, kind });
  if (kind === 'entries') checkEntries(log, record.entries[0]?.index ?? 0);
  else if (kind === 'hardState') checkHardState(log, record);
  else if (kind !== 'led') checkSnapshot(log, record.index);
}

function checkEntries(log: ReplicaLog, first: number): void {
  const { replicaId, compactedIndex, lastIndex } = log;
  const fits = first > compactedIndex && first <= lastIndex + 1;
  invariant(fits, 'entries that do not fit the log', { replicaId, first, compactedIndex, lastIndex });
}

function checkHardState(log: ReplicaLog, next: HardStateValue): void {
  const { term, votedFor } = log.hardState?.value ?? { term: 0, votedFor: 0 };
  const kept = next.term === term && (votedFor === 0 || next.votedFor === votedFor);
  const fields = { replicaId: log.replicaId, term, votedFor, newTerm: next.term, newVotedFor: next.votedFor };
  invariant(next.term > term || kept, 'a vote or a term is never taken back', fields);
}

function checkSnapshot(log: ReplicaLog, index: number): void {
  const { replicaId, compactedIndex } = log;
  invariant(index >= compactedIndex, 'a snapshot before the log', { replicaId, index, compactedIndex });
}
