/**
 * What a replica of an async group does beyond one of a quorum group: as a leader it answers before the majority has an entry, and
 * afterwards it takes back, and counts, what did not come to be.
 *
 * Invariants: only what this replica appended as the leader of the current term is applied ahead of the commit, and only once it is in
 * the file; the log that Raft has is the truth: the moment it lacks what was applied, the state is used by nobody until it has
 * gone back.
 */
import type { Raft } from '../raft/raft.js';
import type { Ready } from '../raft/ready.js';
import type { BinlogEntry, BinlogRecord } from '../storage/binlog.js';
import type { Engine } from '../storage/engine.js';
import type { Applier, LogPlace } from './applier.js';
import { type CutCount, Cuts } from './cuts.js';
import type { ExpiryWindow } from './expiry.js';
import type { Freezer } from './freezer.js';
import type { Argv } from './machine.js';
import { Rollback } from './rollback.js';
import type { SaveBatch } from './save-batch.js';
import type { SlotClock } from './stamp.js';
import type { SlotState } from './state.js';
import type { StoredState } from './states.js';

export interface AheadHost {
  readonly replicaId: number;
  readonly raft: Raft;
  readonly engine: Engine;
  readonly state: SlotState;
  readonly clock: SlotClock;
  readonly applier: Pick<
    Applier<unknown>,
    'reached' | 'settledIndex' | 'settledTerm' | 'addWritten' | 'dropRun' | 'goBackTo'
  >;
  readonly freezer: Freezer;
  keysOf(argv: Argv): readonly Buffer[];
  stored(): StoredState | undefined;
  isClosed(): boolean;
  alone(work: () => Promise<void>): Promise<void>;
  writesCut(count: CutCount): void;
  rolledBack(): void;
  wake(): void;
  fatal(why: unknown): void;
}

export class Ahead {
  private readonly rollback: Rollback;
  private readonly cuts: Cuts;

  constructor(
    private readonly host: AheadHost,
    /** Terms in which this replica led, as far as they still matter. */
    ledTerms: readonly number[],
  ) {
    this.cuts = new Cuts(
      ledTerms,
      (argv) => host.keysOf(argv),
      (count) => host.writesCut(count),
    );
    this.rollback = new Rollback(host.engine, {
      stored: () => host.stored(),
      isClosed: () => host.isClosed(),
      alone: (work) => host.alone(work),
      goBackTo: (stored, expiry) => this.goBackTo(stored, expiry),
      wake: () => host.wake(),
      fatal: (why) => host.fatal(why),
    });
  }

  /** It goes back, or does not know yet whether what it cut is lost. */
  get isUndecided(): boolean {
    return this.isGoingBack || this.cuts.isWaiting;
  }

  /** What memory holds of the state is not to be used. */
  get isGoingBack(): boolean {
    return this.rollback.underWay;
  }

  /**
   * A leader's own entries need no sync at once; not so those with which it begins to lead, for its vote may be beside them. What
   * it was not the leader for is another leader's, and is acknowledged.
   */
  handle(ready: Ready, records: BinlogRecord[], batch: SaveBatch): void {
    const { entries, status, messagesAfterSave, cut } = ready;
    const { raft, replicaId } = this.host;
    if (cut.length > 0) this.cuts.cut(cut);
    if (status?.role === 'leader') {
      const terms = this.cuts.lead(status.term, raft.uncommitted());
      records.push({ kind: 'led', replicaId, terms });
    }
    const isPlain = status === undefined && messagesAfterSave.length === 0 && entries.length > 0;
    // A change of members is waited for by more than one client.
    const mayWait = isPlain && !entries.some(({ kind }) => kind === 'configuration');
    if (!mayWait || raft.status.role !== 'leader') {
      batch.records.push(...records);
      return;
    }
    batch.addUnhurried(records);
    batch.afterWrite.push(() => this.written(entries));
  }

  /** After a leader of a newer term has had its word, the log may be without what was applied ahead. */
  look(): void {
    const { raft, applier } = this.host;
    const { index, term } = applier.reached;
    if (this.isGoingBack || index <= applier.settledIndex || raft.holds(index, term)) return;
    applier.dropRun();
    this.rollback.begin();
  }

  /** After applying: more may be settled. */
  decide(): void {
    const { raft, applier } = this.host;
    this.cuts.decide({ index: applier.settledIndex, term: applier.settledTerm }, raft);
  }

  /** A snapshot is about to replace log and state. */
  replaced(place: LogPlace): void {
    this.cuts.replaced(place, this.host.raft);
    this.rollback.over();
  }

  /** What is in the file may be applied and answered, as long as this leads the term that made it. */
  private written(entries: readonly BinlogEntry[]): void {
    const { raft, applier } = this.host;
    const { role, term } = raft.status;
    if (this.host.isClosed() || role !== 'leader' || entries[0]!.term !== term) return;
    applier.addWritten(entries);
    this.host.wake();
  }

  private goBackTo(stored: StoredState | undefined, expiry: ExpiryWindow): void {
    const { applier, clock, freezer, state } = this.host;
    const { meta } = stored ?? {};
    freezer.drop();
    state.replace(stored?.stateId ?? state.freshId(), meta?.keys ?? 0, expiry);
    clock.wentBack(meta?.timeMs ?? 0);
    applier.goBackTo({ index: meta?.appliedIndex ?? 0, term: meta?.appliedTerm ?? 0 });
    this.host.rolledBack();
  }
}
