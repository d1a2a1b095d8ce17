/**
 * A received snapshot takes the place of a replica's state and log: one commit point, the rest follows from it.
 *
 *   1. In the pump's turn, behind everything else of this replica, the mark goes to the binlog. Once it is synced the snapshot *is*
 *      the replica's state: whoever opens the node after a crash finishes what is left (states.ts). Until then the old one is.
 *   2. One synced engine batch: the pointer to the new state, which is garbage no more; what it replaces is.
 *   3. Memory switches, and Raft's log starts after the mark.
 *
 * From the mark to the switch the replica hears nothing, proposes nothing and applies nothing: its log must not move under the
 * mark. Messages lost meanwhile are repeated. No checkpoint is under way (the caller sees to it).
 */
import { ByteReader, ByteWriter, FormatError, u32 } from '../bytes.js';
import type { MemberId } from '../raft/message.js';
import type { BinlogRecord } from '../storage/binlog.js';
import type { Engine, EngineWrite } from '../storage/engine.js';
import type { ExpiryWindow } from './expiry.js';
import { nodeKey } from './keys.js';
import type { LogNeed } from './log-tail.js';
import type { StateMeta } from './record.js';
import type { Slot } from './slot.js';

const MARK_VERSION = 1;

/** A whole state in the engine that no pointer names yet. */
export interface ReceivedSnapshot {
  /** Of the leader that sent it. */
  readonly term: number;
  readonly stateId: number;
  readonly meta: StateMeta;
  /** Loaded beforehand: the switch waits for nothing. */
  readonly expiry: ExpiryWindow;
}

/** Those who move the bytes of snapshots. */
export interface SlotSnapshots<R> {
  /** A member lacks what the log no longer holds. The slot's `snapshotReported` follows, however it ends. */
  wanted(slot: Slot<R>, member: MemberId): void;
  /** What members that are being sent a snapshot will ask for next. */
  needed(slot: Slot<R>): LogNeed;
  installed(slot: Slot<R>): void;
}

/** What an installation needs of its slot. */
export interface InstallHost {
  readonly replicaId: number;
  /** The term is still that leader's, and the snapshot holds more than is committed here. */
  wants(snapshot: ReceivedSnapshot): boolean;
  /** An entry is half applied. */
  isMidEntry(): boolean;
  /** States that are garbage after it. */
  leftBehind(): readonly number[];
  switchTo(snapshot: ReceivedSnapshot): void;
  wake(): void;
  fatal(why: unknown): void;
}

/** `left`: closed past the mark. The state is the replica's, and the next start will say so: it must not be cleared. */
export type InstallOutcome = 'installed' | 'unwanted' | 'left';

/** The installations of one slot, one after the other. */
export class Installs {
  private current: Install | undefined;
  private closed = false;

  constructor(
    private readonly engine: Engine,
    private readonly host: InstallHost,
  ) {}

  /** One waits for its turn, or is under way: no further entry is begun. */
  get waiting(): boolean {
    return this.current !== undefined;
  }

  /** The mark is on its way or written, memory has not followed: the replica takes no part in anything. */
  get deaf(): boolean {
    return this.current?.marked === true;
  }

  /** The caller keeps checkpoints away until it resolves. */
  async put(snapshot: ReceivedSnapshot): Promise<InstallOutcome> {
    // The pump turns a closed slot no more: it would wait for ever, and every checkpoint with it.
    if (this.closed) return 'unwanted';
    const install = new Install(snapshot, this.engine, this.host);
    this.current = install;
    this.host.wake();
    const outcome = await install.done;
    // Left to the next start, the replica stays as it is until then.
    if (outcome !== 'left') this.current = undefined;
    this.host.wake();
    return outcome;
  }

  /** Called in the pump's turn, after everything that the slot has to save. */
  turn(records: BinlogRecord[], afterSave: (() => void)[]): void {
    this.current?.turn(records, afterSave);
  }

  /** The slot or the node closes. */
  close(): void {
    this.closed = true;
    this.current?.cancel();
  }
}

class Install {
  readonly done: Promise<InstallOutcome>;
  /** The mark may be in the binlog. */
  marked = false;
  private ended = false;
  private flipping = false;
  private resolve: (outcome: InstallOutcome) => void = () => {};

  constructor(
    private readonly snapshot: ReceivedSnapshot,
    private readonly engine: Engine,
    private readonly host: InstallHost,
  ) {
    this.done = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  turn(records: BinlogRecord[], afterSave: (() => void)[]): void {
    if (this.marked || this.ended) return;
    if (!this.host.wants(this.snapshot)) return this.end('unwanted');
    if (this.host.isMidEntry()) return;
    this.marked = true;
    const { stateId, meta } = this.snapshot;
    const { appliedIndex: index, appliedTerm: term } = meta;
    const { replicaId } = this.host;
    records.push({ kind: 'snapshot', replicaId, index, term, mark: encodeMark(stateId) });
    afterSave.push(() => void this.flip().catch((why) => this.host.fatal(why)));
  }

  /** Past the mark the next start goes on from here; a batch that is under way still ends. */
  cancel(): void {
    if (!this.flipping) this.end(this.marked ? 'left' : 'unwanted');
  }

  private async flip(): Promise<void> {
    if (this.ended) return;
    this.flipping = true;
    const { replicaId } = this.host;
    const batch = flipWrites(replicaId, this.snapshot.stateId, this.host.leftBehind());
    await this.engine.write(batch, { sync: true });
    this.host.switchTo(this.snapshot);
    this.end('installed');
  }

  private end(outcome: InstallOutcome): void {
    this.ended = true;
    this.resolve(outcome);
  }
}

/** The batch that makes a marked state the replica's own. Doing it twice is doing it once. */
export function flipWrites(
  replicaId: number,
  stateId: number,
  leftBehind: readonly number[],
): readonly EngineWrite[] {
  return [
    { kind: 'put', key: nodeKey('state', replicaId), value: u32(stateId) },
    { kind: 'delete', key: nodeKey('garbage', stateId) },
    ...leftBehind.map((id): EngineWrite => {
      return { kind: 'put', key: nodeKey('garbage', id), value: Buffer.alloc(0) };
    }),
  ];
}

/** What the binlog's mark says beyond index and term: where the state is. Members, time and keys are in its meta row. */
export function encodeMark(stateId: number): Buffer {
  return new ByteWriter(5).u8(MARK_VERSION).u32(stateId).finish();
}

export function decodeMark(mark: Buffer): number {
  const input = new ByteReader(mark);
  const version = input.u8();
  if (version !== MARK_VERSION) throw new FormatError(`snapshot mark version ${version}`);
  const stateId = input.u32();
  input.end();
  return stateId;
}
