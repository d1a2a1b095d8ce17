/**
 * Snapshots on their way out: one a member of a group, in the order of the asking, `outgoingMax` at a time, at one pace.
 *
 * A node that takes in enough already says so; what is meant for it waits `retryMs`, or until one that it took has ended, and others
 * go first.
 *
 * Whatever becomes of one, its slot is told once: Raft sends that member nothing before. Of a failure it is told `retryMs` later, so
 * that the next try is not at once. While one is under way, and for a silence's length after, the log behind it is kept
 * for the member, within a bound: else a busy slot would have compacted what comes next before the member can ask.
 */
import type { Timer } from '../env.js';
import { membersOf } from '../raft/membership.js';
import type { MemberId } from '../raft/message.js';
import type { NodeId } from '../rpc/transport.js';
import { nodeOf } from '../slot/birth.js';
import type { LogNeed } from '../slot/log-tail.js';
import type { Slot } from '../slot/slot.js';
import { encodeSnapshotMessage, type SnapshotAck } from '../slot/snapshot-codec.js';
import { openSnapshotView, SnapshotSender } from '../slot/snapshot-sender.js';
import { Throttle } from '../slot/throttle.js';
import { isDamage } from '../storage/damage.js';
import type { SnapshotFigures, SnapshotsParts } from './snapshots.js';

interface Wanted<R> {
  readonly slot: Slot<R>;
  readonly member: MemberId;
}

interface Outgoing<R> extends Wanted<R> {
  readonly sender: SnapshotSender;
  readonly over: Promise<void>;
}

interface Kept<R> {
  readonly slot: Slot<R>;
  readonly after: number;
}

export class OutgoingSnapshots<R> {
  /** Every one that its slot has not been told of yet: waiting, under way, or failed and resting. Bounded by members. */
  private readonly asked = new Map<string, Wanted<R>>();
  private waiting: Wanted<R>[] = [];
  /** Nodes that said that they are busy; forgotten after `retryMs`, or when one of ours there ends. */
  private readonly busy = new Set<NodeId>();
  private readonly underWay = new Map<string, Outgoing<R>>();
  /** Delivered a moment ago. */
  private readonly kept = new Set<Kept<R>>();
  private readonly timers = new Set<Timer>();
  private readonly throttle: Throttle;
  /** Names this process among all that ever bear our node id. */
  private readonly boot: string;
  private transfers = 0;
  private closed = false;

  constructor(
    private readonly parts: SnapshotsParts<R>,
    private readonly figures: SnapshotFigures,
  ) {
    const { env, settings } = parts;
    this.throttle = new Throttle(env, settings.bytesPerSecond);
    this.boot = `${env.random.u32().toString(36)}${env.random.u32().toString(36)}`;
  }

  get active(): number {
    return this.asked.size;
  }

  wanted(slot: Slot<R>, member: MemberId): void {
    const key = keyOf(slot, member);
    // Asked again in another term of this leader before it was told of the last try: that word is still to come.
    if (this.closed || this.asked.has(key)) return;
    const wanted = { slot, member };
    this.asked.set(key, wanted);
    this.waiting.push(wanted);
    this.startNext();
  }

  needed(slot: Slot<R>): LogNeed {
    let after = Number.POSITIVE_INFINITY;
    for (const { slot: own, sender } of this.underWay.values()) {
      if (own === slot && sender.index !== undefined) after = Math.min(after, sender.index);
    }
    for (const kept of this.kept) if (kept.slot === slot) after = Math.min(after, kept.after);
    return { after, bytesMax: this.parts.settings.logBytesMax };
  }

  answered(ack: SnapshotAck): void {
    this.underWay.get(ack.transferId)?.sender.answered(ack);
  }

  peerDown(nodeId: NodeId): void {
    for (const { member, sender } of this.underWay.values()) {
      if (nodeOf(member) === nodeId) sender.cancel('connection lost');
    }
  }

  slotChanged(slot: Slot<R>): void {
    for (const { slot: own, sender } of this.underWay.values()) if (own === slot) sender.poke();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.waiting = [];
    for (const timer of this.timers) timer.cancel();
    const ending = [...this.underWay.values()];
    for (const { sender } of ending) sender.cancel('the node stops');
    await Promise.all(ending.map(({ over }) => over));
  }

  private startNext(): void {
    while (this.underWay.size < this.parts.settings.outgoingMax) {
      const at = this.waiting.findIndex(({ member }) => !this.busy.has(nodeOf(member)));
      if (at < 0) return;
      const next = this.waiting.splice(at, 1)[0]!;
      if (this.parts.isReachable(nodeOf(next.member)) && next.slot.isLeader) this.start(next);
      else this.failed(next, 'not reachable, or not the leader any more');
    }
  }

  private start({ slot, member }: Wanted<R>): void {
    const { env, engine, checkpointer, settings, send, slotOf } = this.parts;
    const { groupId, memberId } = slot.birth;
    const { term } = slot.status;
    const transferId = `${this.boot}.${++this.transfers}`;
    const sender = new SnapshotSender({
      env,
      settings,
      throttle: this.throttle,
      transferId,
      groupId,
      from: memberId,
      to: member,
      term,
      openView: () => openSnapshotView(engine, checkpointer, slot),
      send: (message) => send(nodeOf(member), 'snapshot', encodeSnapshotMessage(message)),
      makesSense: () =>
        slotOf(groupId) === slot &&
        slot.isLeader &&
        slot.status.term === term &&
        membersOf(slot.status.configuration).includes(member),
    });
    env.log.info('snapshot begins', { groupId, slot: slot.birth.slot, to: nodeOf(member), transferId });
    const over = this.follow(transferId, { slot, member }, sender);
    this.underWay.set(transferId, { slot, member, sender, over });
  }

  private async follow(transferId: string, wanted: Wanted<R>, sender: SnapshotSender): Promise<void> {
    try {
      const installed = await sender.run();
      this.underWay.delete(transferId);
      // A place is free there again: of several senders, each with one let in and one refused, all would rest.
      if (!sender.busy) this.busy.delete(nodeOf(wanted.member));
      this.figures.sentBytes += sender.bytes;
      if (installed) this.delivered(wanted, sender.index!);
      else if (sender.busy) this.waitFor(wanted);
      else this.failed(wanted, sender.why);
    } catch (why) {
      this.underWay.delete(transferId);
      // An engine that can't be read.
      if (!isDamage(why)) return this.parts.fatal(why);
      this.parts.damaged(wanted.slot, why.message);
      this.failed(wanted, why.message);
    }
    if (!this.closed) this.startNext();
  }

  private waitFor(wanted: Wanted<R>): void {
    const nodeId = nodeOf(wanted.member);
    this.waiting.push(wanted);
    this.busy.add(nodeId);
    this.later(this.parts.settings.retryMs, () => {
      this.busy.delete(nodeId);
      this.startNext();
    });
  }

  private delivered(wanted: Wanted<R>, index: number): void {
    const { env, settings } = this.parts;
    const { groupId, slot } = wanted.slot.birth;
    env.log.info('snapshot installed', { groupId, slot, to: nodeOf(wanted.member), index });
    this.figures.sent++;
    const kept = { slot: wanted.slot, after: index };
    this.kept.add(kept);
    this.later(settings.silenceMs, () => this.kept.delete(kept));
    this.report(wanted, true);
  }

  private failed(wanted: Wanted<R>, why: string): void {
    const { env, settings } = this.parts;
    const { groupId, slot } = wanted.slot.birth;
    env.log.warn('snapshot failed', { groupId, slot, to: nodeOf(wanted.member), why });
    this.figures.failed++;
    this.later(settings.retryMs, () => this.report(wanted, false));
  }

  private later(delayMs: number, run: () => void): void {
    if (this.closed) return;
    const timer = this.parts.env.after(delayMs, () => {
      this.timers.delete(timer);
      run();
    });
    this.timers.add(timer);
  }

  private report(wanted: Wanted<R>, ok: boolean): void {
    this.asked.delete(keyOf(wanted.slot, wanted.member));
    if (!this.closed) wanted.slot.snapshotReported(wanted.member, ok);
  }
}

function keyOf(slot: { readonly replicaId: number }, member: MemberId): string {
  return `${slot.replicaId}/${member}`;
}
