/**
 * What a binlog should hold, as plainly as it can be said: the judge of the crash tests. It keeps the state after every single
 * record, because a crash may leave any prefix of what was appended.
 */
import assert from 'node:assert/strict';
import type { BinlogEntry, BinlogOptions, BinlogRecord, ReplicaId } from '../../src/storage/binlog.js';
import { type OpenedBinlog, openBinlog, type ReplicaIdentity } from '../../src/storage/binlog-recovery.js';
import type { Files } from '../../src/storage/files.js';

export const options: BinlogOptions = {
  segmentBytes: 2000,
  binlogBytesMax: 6000,
  freeBytesMin: 0,
  onPinned: () => {},
};

export function open(
  files: Files,
  appliedIndexOf: (replica: ReplicaIdentity) => number = () => 0,
  changed: Partial<BinlogOptions> = {},
): Promise<OpenedBinlog> {
  return openBinlog(files, { ...options, ...changed }, appliedIndexOf);
}

export function entry(index: number, term: number, text = `${index}@${term}`): BinlogEntry {
  return { index, term, kind: 'command', data: Buffer.from(text) };
}

export function run(first: number, last: number, term: number, text?: string): BinlogEntry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term, text));
}

export function append(replicaId: ReplicaId, entries: readonly BinlogEntry[]): BinlogRecord {
  return { kind: 'entries', replicaId, entries };
}

export function birth(replicaId: ReplicaId): BinlogRecord {
  return { kind: 'birth', replicaId, birth: Buffer.from(`birth of ${replicaId}`) };
}

export function hardState(replicaId: ReplicaId, term: number, votedFor = 0, commit = 0): BinlogRecord {
  return { kind: 'hardState', replicaId, term, votedFor, commit };
}

/** Immutable: each record makes a new one. */
export interface ModelReplica {
  readonly birth: string;
  readonly tombstone: string | undefined;
  readonly mark: string | undefined;
  readonly term: number;
  readonly votedFor: number;
  readonly startIndex: number;
  readonly ledTerms: readonly number[];
  readonly entries: readonly BinlogEntry[];
}

export type ModelState = ReadonlyMap<ReplicaId, ModelReplica>;

const NEWBORN: ModelReplica = {
  birth: '',
  tombstone: undefined,
  mark: undefined,
  term: 0,
  votedFor: 0,
  startIndex: 0,
  ledTerms: [],
  entries: [],
};

export function afterRecord(state: ModelState, record: BinlogRecord): ModelState {
  const before = state.get(record.replicaId) ?? NEWBORN;
  return new Map(state).set(record.replicaId, { ...before, ...change(before, record) });
}

function change(before: ModelReplica, record: BinlogRecord): Partial<ModelReplica> {
  switch (record.kind) {
    case 'birth':
      return { birth: record.birth.toString() };
    case 'hardState':
      return { term: record.term, votedFor: record.votedFor };
    case 'led':
      return { ledTerms: record.terms };
    case 'entries': {
      const first = record.entries[0]!.index;
      return { entries: [...before.entries.filter(({ index }) => index < first), ...record.entries] };
    }
    case 'snapshot': {
      const matches = before.entries.some((each) => each.index === record.index && each.term === record.term);
      const entries = matches ? before.entries.filter(({ index }) => index > record.index) : [];
      return { mark: record.mark.toString(), startIndex: record.index, entries };
    }
    case 'tombstone':
      return { ...NEWBORN, birth: before.birth, tombstone: record.tombstone.toString() };
  }
}

/** undefined when what was recovered is exactly this state, as far as `needed` goes; else what differs. */
export function difference(
  opened: OpenedBinlog,
  state: ModelState,
  needed: (replicaId: ReplicaId) => number,
): string | undefined {
  const ids = [...new Set([...opened.replicas.keys(), ...state.keys()])].sort((a, b) => a - b);
  for (const id of ids) {
    const found = opened.replicas.get(id);
    const wanted = state.get(id);
    if (found === undefined || wanted === undefined) return `replica ${id} ${found ? 'invented' : 'lost'}`;
    if (found.damaged !== undefined) return `replica ${id} damaged: ${found.damaged}`;
    const from = Math.max(needed(id), wanted.startIndex);
    const left = {
      birth: found.birth.toString(),
      tombstone: found.tombstone?.toString(),
      mark: found.snapshot?.mark.toString(),
      term: found.hardState.term,
      votedFor: found.hardState.votedFor,
      ledTerms: found.ledTerms,
      lastIndex: found.lastIndex,
      entries: found.entries.filter(({ index }) => index > from).map(show),
    };
    const right = {
      birth: wanted.birth,
      tombstone: wanted.tombstone,
      mark: wanted.mark,
      term: wanted.term,
      votedFor: wanted.votedFor,
      ledTerms: wanted.ledTerms,
      lastIndex: wanted.entries.at(-1)?.index ?? wanted.startIndex,
      entries: wanted.entries.filter(({ index }) => index > from).map(show),
    };
    try {
      assert.deepEqual(left, right);
    } catch (error) {
      return `replica ${id}: ${(error as Error).message}`;
    }
    if (found.compactedIndex > from)
      return `replica ${id} starts after ${found.compactedIndex}, ${from} is needed`;
  }
  return undefined;
}

function show(each: BinlogEntry): string {
  return `${each.index} ${each.term} ${each.kind} ${each.data}`;
}
