/**
 * Snapshots on their way in: one a group, `incomingMax` at a time.
 *
 * The offer is a Raft message before all else: a replica that needs no snapshot, or none from this leader, says no. A newer offer
 * takes the place of an older one of the same group, whose sender has given it up; but nothing stops one that is being installed.
 */
import type { NodeId } from '../rpc/transport.js';
import type { Slot } from '../slot/slot.js';
import {
  encodeSnapshotAck,
  type SnapshotAck,
  type SnapshotBegin,
  type SnapshotMessage,
} from '../slot/snapshot-codec.js';
import { SnapshotReceiver } from '../slot/snapshot-receiver.js';
import type { SnapshotFigures, SnapshotsParts } from './snapshots.js';

interface Incoming<R> {
  readonly slot: Slot<R>;
  readonly receiver: SnapshotReceiver;
  readonly over: Promise<void>;
}

export class IncomingSnapshots<R> {
  /** By transfer. One that was replaced stays until its last write is done. */
  private readonly underWay = new Map<string, Incoming<R>>();
  private closed = false;

  constructor(
    private readonly parts: SnapshotsParts<R>,
    private readonly figures: SnapshotFigures,
  ) {}

  get active(): number {
    return this.underWay.size;
  }

  received(from: NodeId, message: SnapshotMessage): void {
    if (message.kind === 'begin') this.begin(from, message);
    else this.underWay.get(message.transferId)?.receiver.take(message);
  }

  /** The next start finishes what has its mark in the binlog. */
  async close(): Promise<void> {
    this.closed = true;
    const ending = [...this.underWay.values()];
    for (const { slot, receiver } of ending) {
      receiver.cancel('the node stops');
      slot.installs.close();
    }
    await Promise.all(ending.map(({ over }) => over));
  }

  private begin(from: NodeId, begin: SnapshotBegin): void {
    const { transferId } = begin;
    const answer = (ack: SnapshotAck): void =>
      void this.parts.send(from, 'snapshotAck', encodeSnapshotAck(ack));
    const slot = this.parts.slotOf(begin.groupId);
    if (slot === undefined) return answer({ kind: 'refused', transferId, why: 'no such replica' });
    const why = this.refusal(slot, begin);
    if (why !== undefined) return answer({ kind: 'refused', transferId, why });
    if (this.othersThan(slot) >= this.parts.settings.incomingMax) return answer({ kind: 'busy', transferId });
    for (const { receiver } of this.of(slot)) receiver.cancel('replaced by a newer one');
    this.start(slot, begin, answer);
  }

  private refusal(slot: Slot<R>, begin: SnapshotBegin): string | undefined {
    const { from, to, term, meta, transferId } = begin;
    if (this.closed || slot.birth.memberId !== to || this.underWay.has(transferId))
      return 'not for this replica';
    const { appliedIndex: index, appliedTerm, configuration } = meta;
    const mark = { index, term: appliedTerm, configuration };
    if (!slot.offered({ kind: 'snapshot', from, to, term, mark })) return 'not needed';
    if (this.parts.diskLow()) return 'the disk is nearly full';
    const installing = this.of(slot).some(({ receiver }) => receiver.isInstalling);
    return installing ? 'another one is being installed' : undefined;
  }

  /** Under way for other replicas. */
  private othersThan(slot: Slot<R>): number {
    return [...this.underWay.values()].filter((one) => one.slot !== slot && one.receiver.why === '').length;
  }

  private of(slot: Slot<R>): Incoming<R>[] {
    return [...this.underWay.values()].filter((one) => one.slot === slot && one.receiver.why === '');
  }

  private start(slot: Slot<R>, begin: SnapshotBegin, answer: (ack: SnapshotAck) => void): void {
    const { env, engine, checkpointer, settings, diskLow } = this.parts;
    const receiver = new SnapshotReceiver({
      env,
      engine,
      checkpointer,
      silenceMs: settings.silenceMs,
      begin,
      answer,
      diskLow,
      install: (snapshot) => slot.installs.put(snapshot),
    });
    this.underWay.set(begin.transferId, { slot, receiver, over: this.follow(slot, begin, receiver) });
  }

  private async follow(slot: Slot<R>, begin: SnapshotBegin, receiver: SnapshotReceiver): Promise<void> {
    const { env, fatal } = this.parts;
    const { groupId, slot: number } = slot.birth;
    try {
      const installed = await receiver.run();
      const { bytes, why } = receiver;
      this.figures.receivedBytes += bytes;
      if (installed) this.figures.received++;
      else this.figures.failed++;
      const index = begin.meta.appliedIndex;
      if (installed) env.log.info('installed a snapshot', { groupId, slot: number, index, bytes });
      else env.log.warn('a snapshot was not installed', { groupId, slot: number, index, why });
    } catch (why) {
      fatal(why);
    }
    this.underWay.delete(begin.transferId);
  }
}
