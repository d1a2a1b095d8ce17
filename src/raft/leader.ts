/**
 * Leading: append, replicate, count, commit; confirm reads; keep the lease; hand over.
 *
 * Invariants: the log only grows here; an entry is committed by counting only if its term is the own one, and the leader
 * counts itself only for what its own disk holds, and only if it is a voter; one configuration change is unapplied at a
 * time, none before an entry of this term is committed; a leader that a quorum has not answered for an election time-out
 * steps down, by the clock and not by the number of ticks; one that is no voter only hands over.
 * It sleeps only when a quorum sleeps with it and all that can be reached does; asleep it has no lease, asks nobody whether it
 * still leads, and answers no read before it has asked.
 * Left out: what goes to whom (replication.ts), reads (read.ts), transfer's own life (transfer.ts), sleep's (rest.ts).
 */
import { Heartbeats } from './heartbeats.js';
import { encodeMembershipStep, isVoter, membersOf, planMembership } from './membership.js';
import { type Entry, type Index, type MemberId, type Message, NOBODY } from './message.js';
import { quorumValue } from './quorum.js';
import { ReadRounds } from './read.js';
import type { ConfigurationChange, ProposeResult } from './ready.js';
import { Replication } from './replication.js';
import { Rest } from './rest.js';
import type { Body, Departure, State } from './state.js';
import { bytesOfTerm } from './tail.js';
import { Transfer } from './transfer.js';

export type ConfigurationResult = ProposeResult | { kind: 'refused'; why: string };

const noData = Buffer.alloc(0);
const NEVER = Number.NEGATIVE_INFINITY;

export class Leader {
  readonly kind = 'leader';
  readonly replication: Replication;
  readonly transfer = new Transfer();
  private readonly state: State;
  private readonly reads: ReadRounds;
  /** The no-op's: once committed, all before it is, and reads may be served. */
  private readonly firstIndex: Index;
  /** No configuration may be proposed while what stands up to here is unapplied. */
  private configurationIndex: Index;
  private uncommittedBytes = 0;
  private readonly heartbeats: Heartbeats;
  /** Not to wait for the timer: someone should learn of a commit soon. */
  private heartbeatWanted = false;
  /**
   * False while nobody else can know of this leadership: one elected by its own vote alone must not say a word of its
   * term before the disk holds it, or after a crash it could lead the same term again with other entries.
   */
  private announced: boolean;
  private readonly rest: Rest;

  constructor(state: State) {
    this.state = state;
    this.announced = !this.isQuorumOfOne();
    this.replication = new Replication(state, (to, body) => this.say(to, body));
    this.replication.setMembers(membersOf(state.configuration));
    this.reads = new ReadRounds(state);
    this.rest = new Rest(state, this.replication);
    const parts = { replication: this.replication, reads: this.reads, rest: this.rest };
    this.heartbeats = new Heartbeats(state, parts, (to, body) => this.say(to, body));
    this.configurationIndex = state.log.lastIndex;
    this.firstIndex = state.log.lastIndex + 1;
    this.append('empty', noData);
  }

  get nextTickMs(): number {
    if (this.rest.asleep) return Number.POSITIVE_INFINITY;
    return Math.min(this.heartbeats.dueMs, this.replication.nextTickMs, this.transfer.nextTickMs);
  }

  get asleep(): boolean {
    return this.rest.asleep;
  }

  /** Something happened, or is asked for: the group is in use. */
  wake(): void {
    if (this.rest.use()) this.heartbeatWanted = true;
  }

  tick(): Departure | undefined {
    const { nowMs, settings } = this.state;
    if (this.rest.asleep) return undefined;
    if (this.quorumActiveAtMs() + settings.electionTimeoutMs <= nowMs)
      return { kind: 'follow', leader: NOBODY };
    this.transfer.tick(nowMs);
    this.leaveJointWhenDue();
    this.handOverWhenRemoved();
    if (nowMs >= this.heartbeats.dueMs) {
      // A round whose heartbeats were lost must not hold up the reads behind it: this one's answers confirm both.
      if (this.reads.waiting && this.committedOwnTerm) this.reads.begin();
      this.rest.beat(this.busy);
      if (this.heartbeatWanted) this.heartbeatToAll();
      else this.heartbeats.next();
      this.rest.fallAsleepWhenAllDo(this.busy);
    }
    return undefined;
  }

  step(message: Message): Departure | undefined {
    switch (message.kind) {
      case 'appendReply':
        this.appendAnswered(message);
        return undefined;
      case 'heartbeatReply':
        this.heartbeatAnswered(message);
        return undefined;
      case 'readIndex':
        this.wake();
        this.reads.add(message.context, message.from);
        this.replication.noticeNow();
        return undefined;
      default:
        return undefined;
    }
  }

  propose(data: Buffer): ProposeResult {
    const { settings } = this.state;
    this.wake();
    if (!this.state.isVoter) return { kind: 'refused', why: 'notLeader' };
    if (this.transfer.underWay) return { kind: 'refused', why: 'transferring' };
    if (data.length > settings.proposalBytesMax) return { kind: 'refused', why: 'tooLarge' };
    const full = this.uncommittedBytes + data.length > settings.uncommittedBytesMax;
    if (full && this.uncommittedBytes > 0) return { kind: 'refused', why: 'uncommittedFull' };
    return this.append('command', data);
  }

  proposeConfiguration(change: ConfigurationChange): ConfigurationResult {
    this.wake();
    if (this.transfer.underWay) return { kind: 'refused', why: 'transferring' };
    if (!this.committedOwnTerm) return { kind: 'refused', why: 'no entry of this term is committed yet' };
    if (this.configurationIndex > this.state.log.appliedIndex) {
      return { kind: 'refused', why: 'an earlier change may not be applied yet' };
    }
    const plan = planMembership(this.state.configuration, change);
    if (plan.kind === 'refused') return plan;
    return this.appendConfiguration(encodeMembershipStep(plan.step));
  }

  readIndex(context: number): void {
    this.wake();
    this.reads.add(context, this.state.id);
  }

  /** Sends what gathered. The last thing before a Ready is made. */
  flush(): void {
    if (this.rest.asleep) return;
    if (this.reads.waiting) this.serveReads();
    if (this.heartbeatWanted) this.heartbeatToAll();
    this.replication.flush();
    this.tellSuccessor();
  }

  leave(): void {
    this.reads.refuseAll();
  }

  /** More is durable here. */
  saved(): void {
    if (this.state.log.savedIndex >= this.firstIndex) this.announced = true;
    this.countAcknowledged();
  }

  /** A configuration was applied. */
  configured(): void {
    const { state } = this;
    this.replication.setMembers(membersOf(state.configuration));
    if (!isVoter(state.configuration, this.transfer.to)) this.transfer.abort();
    this.countAcknowledged();
    // Those whose answers were waited for may be members no more.
    this.confirmReads();
    this.heartbeatWanted ||= !state.isVoter;
    this.handOverWhenRemoved();
  }

  /**
   * A leader that is no voter (any more) takes no proposals and leads only until all of its log is committed (nobody would tell
   * it afterwards) and one who knows of the configuration, and holds all of the log, can be told to. Were it to leave at once,
   * its voters might wait for the votes of members that know better and may not campaign themselves.
   */
  private handOverWhenRemoved(): void {
    const { isVoter, log } = this.state;
    if (isVoter || this.transfer.underWay || log.commitIndex < log.lastIndex) return;
    let successor = NOBODY;
    let match = 0;
    for (const id of this.state.configuration.voters) {
      const { match: held = 0, knownCommit = 0 } = this.replication.peers.get(id) ?? {};
      if (knownCommit < this.configurationIndex || held <= match) continue;
      successor = id;
      match = held;
    }
    if (successor !== NOBODY) this.transferTo(successor);
  }

  /** After applying, and on ticks, for what a transfer under way had put off. Always admitted: it frees the group. */
  leaveJointWhenDue(): void {
    const { configuration, log } = this.state;
    if (!configuration.autoLeave || this.transfer.underWay || log.appliedIndex < this.configurationIndex)
      return;
    this.appendConfiguration(encodeMembershipStep({ kind: 'leaveJoint' }));
  }

  /** Refused when the successor could not win, or shows no life: proposals would wait for nothing. */
  transferTo(to: MemberId): boolean {
    const { configuration, id, nowMs, settings } = this.state;
    const progress = this.replication.peers.get(to);
    if (to === id || progress === undefined || this.transfer.underWay) return false;
    if (!configuration.voters.includes(to)) return false;
    this.wake();
    if (progress.activeAtMs + settings.electionTimeoutMs <= nowMs) return false;
    this.transfer.begin(to, nowMs + settings.electionTimeoutMs);
    return true;
  }

  leaseHolds(nowMs: number): boolean {
    if (this.transfer.underWay || this.transfer.leaseGivenUp || !this.committedOwnTerm) return false;
    const { leaseMs, leaseMarginMs } = this.state.settings;
    return this.quorumAckedAtMs + leaseMs - leaseMarginMs > nowMs;
  }

  /** A quorum stands by this leader, which therefore answers no candidate: the promise it made to itself. */
  isFollowed(nowMs: number): boolean {
    return this.quorumAckedAtMs + this.state.settings.leaseMs > nowMs;
  }

  private get busy(): boolean {
    return this.transfer.underWay || this.reads.busy;
  }

  private get committedOwnTerm(): boolean {
    return this.state.log.commitIndex >= this.firstIndex;
  }

  private say(to: MemberId, body: Body): void {
    if (this.announced) this.state.send(to, body);
    else this.state.sendAfterSave(to, body);
  }

  private append(kind: Entry['kind'], data: Buffer): ProposeResult {
    const { log, term } = this.state;
    const index = log.lastIndex + 1;
    log.append({ index, term, kind, data });
    this.uncommittedBytes += data.length;
    return { kind: 'accepted', index, term };
  }

  private appendConfiguration(data: Buffer): ProposeResult {
    const result = this.append('configuration', data);
    this.configurationIndex = this.state.log.lastIndex;
    return result;
  }

  private appendAnswered(message: Extract<Message, { kind: 'appendReply' }>): void {
    if (this.replication.answered(message)) this.countAcknowledged();
  }

  private heartbeatAnswered(message: Extract<Message, { kind: 'heartbeatReply' }>): void {
    const progress = this.replication.peers.get(message.from);
    if (progress === undefined || message.sentAtMs > this.state.nowMs) return;
    progress.heartbeatAnswered(message.sentAtMs, message.asleep);
    progress.ackedRound = Math.max(progress.ackedRound, message.readRound);
    this.replication.alive(progress);
    this.confirmReads();
    this.handOverWhenRemoved();
    this.rest.fallAsleepWhenAllDo(this.busy);
  }

  private confirmReads(): void {
    const round = (id: MemberId): number => this.replication.peers.get(id)?.ackedRound ?? 0;
    this.reads.confirm(this.quorumOf(Number.POSITIVE_INFINITY, round));
  }

  private countAcknowledged(): void {
    const { log, term } = this.state;
    const index = this.quorumOf(log.savedIndex, (id) => this.replication.peers.get(id)?.match ?? 0);
    if (index <= log.commitIndex || !log.matches(index, term)) return;
    this.uncommittedBytes -= bytesOfTerm(term, log, log.commitIndex + 1, index);
    log.commitTo(index);
    this.replication.committed(
      index >= this.configurationIndex && this.configurationIndex > log.appliedIndex,
    );
  }

  private serveReads(): void {
    if (!this.committedOwnTerm) return;
    if (this.isQuorumOfOne()) {
      this.reads.answerArrived();
      return;
    }
    const { nowMs, settings } = this.state;
    if (settings.reads === 'lease' && this.leaseHolds(nowMs)) this.reads.answerLeased();
    if (!this.reads.due) return;
    this.reads.begin();
    this.heartbeatToAll();
  }

  private heartbeatToAll(): void {
    this.heartbeatWanted = false;
    this.heartbeats.toAll();
  }

  private tellSuccessor(): void {
    const { transfer } = this;
    if (!transfer.underWay || transfer.told) return;
    if (this.replication.peers.get(transfer.to)?.match !== this.state.log.lastIndex) return;
    transfer.tell();
    this.say(transfer.to, { kind: 'timeoutNow' });
  }

  private quorumOf(own: number, valueFor: (id: MemberId) => number): number {
    const { configuration, id: self } = this.state;
    return quorumValue(configuration, (id) => (id === self ? own : valueFor(id)));
  }

  private isQuorumOfOne(): boolean {
    return this.quorumOf(1, () => 0) === 1;
  }

  /** When a quorum last stood by this leader, by the sending times of the heartbeats they answered. */
  private get quorumAckedAtMs(): number {
    return quorumValue(this.state.configuration, this.replication.ackedAtMs);
  }

  private quorumActiveAtMs(): number {
    return this.quorumOf(this.state.nowMs, (id) => this.replication.peers.get(id)?.activeAtMs ?? NEVER);
  }
}
