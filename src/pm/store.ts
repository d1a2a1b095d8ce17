/**
 * Where PM keeps what must not be lost: a small revisioned map, after etcd's model. The fifth seam: etcd for real,
 * one database for a laptop (embedded-store.ts), a shared map in the simulator. One contract test examines them all.
 *
 * Promises that PM leans on:
 *   - The revision grows with every committed transaction; a record bears the revision of its last change.
 *   - A transaction is atomic and durable when it answers `committed`, and has done nothing when it answers `conflict`.
 *   - A StoreError leaves the outcome of a transaction unknown; nothing here retries one.
 *   - A watch tells every change in order. When it cannot (a lost connection, compacted history) it begins anew with
 *     the whole: `onSnapshot`.
 *   - At most one candidate holds the leader's key; its record's revision fences every write of the one elected.
 */
export interface StoreRecord {
  readonly key: string;
  readonly value: string;
  /** Of the last change. */
  readonly revision: number;
}

/** The key's record must bear this revision; 0: the key must be absent. */
export interface StoreCompare {
  readonly key: string;
  readonly revision: number;
}

export type StoreWrite =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'delete'; readonly key: string };

export type TxnResult =
  | { readonly kind: 'committed'; readonly revision: number }
  | { readonly kind: 'conflict' };

export interface StoreView {
  /** Of the store when it was read. */
  readonly revision: number;
  /** In key order. */
  readonly records: readonly StoreRecord[];
}

export type StoreChange =
  | { readonly kind: 'put'; readonly record: StoreRecord }
  | { readonly kind: 'delete'; readonly key: string; readonly revision: number };

export interface WatchHandlers {
  /** First, and again whenever changes may have been missed. */
  onSnapshot(view: StoreView): void;
  /** The changes of one or more transactions, in order. */
  onChanges(changes: readonly StoreChange[]): void;
}

export interface Watch {
  close(): void;
}

export interface CampaignHandlers {
  /** We lead until onLost; every write must carry `fence`. */
  onElected(fence: StoreCompare): void;
  /** We may lead no more. The campaign goes on by itself. */
  onLost(why: string): void;
  /** Who leads, as far as is known: the candidate's value, our own too. Undefined: nobody. */
  onLeader(candidate: string | undefined): void;
}

export interface Campaign {
  /** Gives leadership up at once, and campaigns no more. */
  resign(): Promise<void>;
}

export interface MetadataStore {
  get(key: string): Promise<StoreRecord | undefined>;
  list(prefix: string): Promise<StoreView>;
  txn(compares: readonly StoreCompare[], writes: readonly StoreWrite[]): Promise<TxnResult>;
  /** Handlers are never called before `watch` has returned. */
  watch(prefix: string, handlers: WatchHandlers): Watch;
  /** `candidate` is what the others see as the leader. At most one campaign a store. */
  campaign(candidate: string, handlers: CampaignHandlers): Campaign;
  close(): Promise<void>;
}

/** The one key that a leader holds; outside every prefix that PM lists. */
export const LEADER_KEY = 'leader';

/** The store did not answer, or answered with an error of its own: what was asked may have happened. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}
