/**
 * The binlog's surface: one physical, shared, append-only log a node; one logical Raft log a replica.
 *
 * `openBinlog` (binlog-recovery.ts) replays the segments and hands out the Binlog with what it found of each replica.
 */

import type { Space } from './disk-gauge.js';

/** Node-local, never reused: keys the frames of one replica's life on this node. */
export type ReplicaId = number;

/** A log entry as the binlog keeps it; the same shape as Raft's, without knowing Raft. */
export interface BinlogEntry {
  readonly index: number;
  readonly term: number;
  readonly kind: 'empty' | 'command' | 'configuration';
  readonly data: Buffer;
}

/** One replica's contribution to a batch. All of a batch is durable or, after a crash, a prefix of it. */
export type BinlogRecord =
  /** A first index at or below the last one kept replaces that suffix. */
  | { readonly kind: 'entries'; readonly replicaId: ReplicaId; readonly entries: readonly BinlogEntry[] }
  | {
      readonly kind: 'hardState';
      readonly replicaId: ReplicaId;
      readonly term: number;
      readonly votedFor: number;
      readonly commit: number;
    }
  /** The replica exists: written, synced, before it says a word to anyone. `birth` is opaque to the binlog. */
  | { readonly kind: 'birth'; readonly replicaId: ReplicaId; readonly birth: Buffer }
  /** The log starts after `index` and what came before is gone (snapshot installed). `mark` is opaque. */
  | {
      readonly kind: 'snapshot';
      readonly replicaId: ReplicaId;
      readonly index: number;
      readonly term: number;
      readonly mark: Buffer;
    }
  /** The replica led in these terms, and entries of theirs may still turn out cut: those are its own (see slot/cuts.ts). */
  | { readonly kind: 'led'; readonly replicaId: ReplicaId; readonly terms: readonly number[] }
  /** The replica is gone for good; its frames may be freed, this record never is. `tombstone` is opaque. */
  | { readonly kind: 'tombstone'; readonly replicaId: ReplicaId; readonly tombstone: Buffer };

export interface RecoveredReplica {
  readonly replicaId: ReplicaId;
  readonly birth: Buffer;
  readonly tombstone: Buffer | undefined;
  readonly snapshot: { readonly index: number; readonly term: number; readonly mark: Buffer } | undefined;
  readonly hardState: { readonly term: number; readonly votedFor: number; readonly commit: number };
  /** As the newest `led` record said. */
  readonly ledTerms: readonly number[];
  /** The entry before the first one kept. */
  readonly compactedIndex: number;
  readonly compactedTerm: number;
  readonly terms: readonly { readonly from: number; readonly term: number }[];
  readonly lastIndex: number;
  /** All kept entries in runs, in order: the last index of each, and the bytes of its frames. */
  readonly runs: readonly { readonly last: number; readonly bytes: number }[];
  /** All after `appliedIndexOf(replica)`, contiguous up to lastIndex. */
  readonly entries: readonly BinlogEntry[];
  /** Set when frames of this replica were damaged before the tail: it must be rebuilt from its peers. */
  readonly damaged: string | undefined;
}

/** What went to the disk since the start; for metrics. */
export interface BinlogFigures {
  /** Each is one write and one sync. */
  batches: number;
  records: number;
  entries: number;
  bytes: number;
}

export interface Binlog {
  /**
   * Resolves when the records are durable. One write and one sync are in flight at a time; what is appended meanwhile goes as
   * the next batch. A rejection is final: the caller stops the process. Where the disk is full it stays open until there is room.
   * `lazy` records (a mere new commit index) ask for no sync of their own and ride with the next that does.
   */
  append(records: readonly BinlogRecord[], options?: { readonly lazy?: boolean }): Promise<void>;
  /** As `append` and in the same order, but without a sync of its own: the caller asks for one in due time. */
  appendUnsynced(records: readonly BinlogRecord[]): UnsyncedAppend;
  /** Everything appended so far is durable when it resolves. */
  sync(): Promise<void>;
  /** Reads kept entries from disk (or memory), at least one when there is one, up to about `bytesMax`. */
  read(replicaId: ReplicaId, from: number, bytesMax: number): Promise<readonly BinlogEntry[]>;
  /** Entries up to and including `index` are in the engine, synced, and no follower needs them any more. */
  release(replicaId: ReplicaId, index: number): void;
  /**
   * Frees whole old segments. Replicas that pin the oldest one although it is due are named to `onPinned`, whose answer is
   * to checkpoint them and `release`; hard state, births, marks, tombstones and what is unreleased are copied forward, synced,
   * before the unlink.
   */
  purge(): Promise<void>;
  readonly sizeBytes: number;
  readonly figures: Readonly<BinlogFigures>;
  /** How much room the disk had at the last sample: taken as the log grows, and by `sampleSpace`. */
  readonly space: Space;
  /** When `sampleSpace` is to be called again. A batch that waits for room is tried again by it. */
  readonly sampleAfterMs: number;
  sampleSpace(): Promise<Space>;
  readonly lastReplicaId: ReplicaId;
  /** The process stops: what waits for room, now and later, is rejected with DiskFull. */
  stopWaiting(): void;
  close(): Promise<void>;
}

/** Two moments of one append. Until the second, a crash may leave any prefix of it, or nothing, and nothing of what came behind it. */
export interface UnsyncedAppend {
  /** The records are in the file, and survive the process, but not the machine. */
  readonly written: Promise<void>;
  /** A later sync has covered them: that of the next `append`, of `sync`, or one of the binlog's own. */
  readonly durable: Promise<void>;
}

export interface BinlogOptions {
  /** A new segment is begun when the current one has reached this. */
  readonly segmentBytes: number;
  /** purge() acts when the log is larger than this. */
  readonly binlogBytesMax: number;
  /** With fewer free bytes the disk is low, below half of it what is left is kept in reserve (disk-gauge.ts). */
  readonly freeBytesMin: number;
  readonly onPinned: (replicaId: ReplicaId) => void;
  /** Lets the event loop have its turn while the log is read; without it the whole of a segment is looked at in one. */
  readonly nextTurn?: () => Promise<void>;
}
