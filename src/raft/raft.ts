/**
 * The protocol's frame: the rule of terms, who becomes what, and what each Ready holds. The roles do the rest.
 *
 * The core touches nothing: time, dice and disk come in through its methods, and what should happen goes out in Readys.
 * It never waits and never throws, except for a broken invariant.
 *
 * Invariants: the term never falls; a role is left before the next is entered, and leaves no read unanswered; one leader a
 * term. Save, then say: see saves.ts.
 * Left out: the moving of snapshots' bytes.
 */
import { invariant } from '../assert.js';
import { Candidate } from './candidate.js';
import { Follower } from './follower.js';
import { type ConfigurationResult, Leader } from './leader.js';
import { configurationAfter, membersOf } from './membership.js';
import {
  type Entry,
  type Index,
  type MemberId,
  type Message,
  NOBODY,
  type SnapshotMark,
  type Term,
} from './message.js';
import type { PeerProgress } from './progress.js';
import type {
  ConfigurationChange,
  ProposeResult,
  RaftCore,
  RaftOptions,
  RaftStatus,
  Ready,
} from './ready.js';
import { speaksOfSleep } from './rest.js';
import { Saves } from './saves.js';
import { Shown } from './shown.js';
import { answerStale } from './stale.js';
import { type Departure, State } from './state.js';
import { answerVote, refuseVote } from './vote.js';

type VoteRequest = Extract<Message, { kind: 'vote' | 'preVote' }>;

export class Raft implements RaftCore {
  private readonly state: State;
  private role: Follower | Candidate | Leader;
  private readonly saves: Saves;
  private sequence = 0;
  private readonly shown: Shown;

  constructor(options: RaftOptions) {
    this.state = new State(options);
    this.role = new Follower(this.state);
    this.saves = new Saves(this.state, options.hardState);
    this.shown = new Shown(this.state.term);
  }

  get status(): RaftStatus {
    const { term, leader, votedFor, log, configuration, configurationIndex } = this.state;
    return {
      role: this.role.kind,
      term,
      leader,
      votedFor,
      lastIndex: log.lastIndex,
      commitIndex: log.commitIndex,
      appliedIndex: log.appliedIndex,
      transferringTo: this.role.kind === 'leader' ? this.role.transfer.to : NOBODY,
      configuration,
      asleep: this.role.asleep,
      configurationIndex,
    };
  }

  /** As `status` says, without the rest of it. */
  get kind(): RaftStatus['role'] {
    return this.role.kind;
  }

  get term(): Term {
    return this.state.term;
  }

  get commitIndex(): Index {
    return this.state.log.commitIndex;
  }

  /** Empty unless leader. */
  get peers(): readonly PeerProgress[] {
    if (this.role.kind !== 'leader') return [];
    return this.role.replication.known(membersOf(this.state.configuration));
  }

  get nextTickMs(): number {
    return this.role.nextTickMs;
  }

  tick(nowMs: number): void {
    this.state.observe(nowMs);
    this.depart(this.role.tick());
  }

  /** The rule of terms, before any role sees the message. */
  step(message: Message, nowMs: number): void {
    const { state } = this;
    state.observe(nowMs);
    if (message.to !== state.id) return;
    if (message.kind === 'vote' || message.kind === 'preVote') this.stepVoteRequest(message);
    else if (message.term < state.term) answerStale(state, message);
    else this.stepCurrent(message);
  }

  propose(data: Buffer, nowMs: number): ProposeResult {
    this.state.observe(nowMs);
    if (this.role.kind !== 'leader') return { kind: 'refused', why: 'notLeader' };
    return this.role.propose(data);
  }

  proposeConfiguration(change: ConfigurationChange, nowMs: number): ConfigurationResult {
    this.state.observe(nowMs);
    if (this.role.kind !== 'leader') return { kind: 'refused', why: 'notLeader' };
    return this.role.proposeConfiguration(change);
  }

  readIndex(context: number, nowMs: number): void {
    this.state.observe(nowMs);
    this.role.readIndex(context);
  }

  transferLeadership(to: MemberId, nowMs: number): boolean {
    this.state.observe(nowMs);
    return this.role.kind === 'leader' && this.role.transferTo(to);
  }

  /** Under a promise it waits for the promise's end, and not for the election timer's. */
  campaign(nowMs: number): void {
    const { state } = this;
    state.observe(nowMs);
    if (this.role.kind === 'leader' || !state.isVoter) return;
    if (state.pledge.forbids(state.id, nowMs)) {
      state.electionDueMs = Math.min(state.electionDueMs, state.pledge.untilMs);
      return;
    }
    this.depart({ kind: 'campaign', stage: 'preVote', transfer: false });
  }

  ready(): Ready | undefined {
    this.role.flush();
    const { log, outbox, term, leader } = this.state;
    const status = this.shown.isNews(this.role.kind, term, leader) ? this.status : undefined;
    if (status === undefined && this.isTalkOnly && outbox.messages.length === 0) return undefined;
    this.sequence++;
    const entries = log.takeUnsaved(this.sequence);
    const { messages, messagesAfterSave, reads, loads, snapshotsWanted, forgottenIndex } = outbox.take();
    const brings = { entries: entries.length > 0, messagesAfterSave };
    const { hardState, mustSync } = this.saves.take(this.sequence, brings);
    const committed = log.takeCommitted();
    return {
      hardState,
      mustSync,
      entries,
      messages,
      messagesAfterSave,
      committed,
      cut: log.takeCut(),
      reads,
      loads,
      snapshotsWanted,
      forgottenIndex,
      status,
    };
  }

  messagesAlone(): readonly Message[] | undefined {
    this.role.flush();
    const { outbox, term, leader } = this.state;
    if (!this.isTalkOnly || this.shown.wouldBeNews(this.role.kind, term, leader)) return undefined;
    return outbox.takeMessages();
  }

  saved(lastIndex: Index, lastTerm: Term): void {
    const sequence = this.state.log.saved(lastIndex, lastTerm);
    if (sequence === undefined) return;
    this.saves.durable(sequence);
    if (this.role.kind === 'leader') this.role.saved();
  }

  /** Configurations take effect here. */
  applied(index: Index): void {
    const { state } = this;
    const { configurations } = state.log;
    let changed = false;
    while (configurations.length > 0 && configurations[0]! <= index) {
      state.configurationIndex = configurations.shift()!;
      const entry = state.log.entry(state.configurationIndex)!;
      state.configuration = configurationAfter(state.configuration, entry.data);
      changed = true;
    }
    state.log.appliedTo(index);
    if (this.role.kind !== 'leader') return;
    if (changed) this.role.configured();
    this.role.leaveJointWhenDue();
  }

  loaded(to: MemberId, entries: readonly Entry[], nowMs: number): void {
    this.state.observe(nowMs);
    if (this.role.kind === 'leader') this.role.replication.loaded(to, entries);
  }

  unreachable(peer: MemberId): void {
    if (this.role.kind === 'leader') this.role.replication.unreachable(peer);
  }

  reachable(peer: MemberId, nowMs: number): void {
    this.state.observe(nowMs);
    if (this.role.kind !== 'leader') return;
    this.role.replication.reachable(peer);
    this.role.wake();
  }

  rouse(nowMs: number): void {
    this.state.observe(nowMs);
    if (this.role.kind === 'leader') this.role.wake();
  }

  hurry(): void {
    if (this.role.kind === 'leader') this.role.replication.hurry();
  }

  suspectLeader(leader: MemberId, delayMs: number, nowMs: number): void {
    const { state } = this;
    state.observe(nowMs);
    if (this.role.kind !== 'follower' || state.leader !== leader) return;
    this.role.wake();
    // Followers hear by turns: where the last beat was not this one's, the promises of those whom it asks end a beat after its own.
    const { heartbeatMs, leaseMs } = state.settings;
    const missedBeat = nowMs - (state.pledge.untilMs - leaseMs) > heartbeatMs;
    const promisedMs = state.pledge.untilMs + (missedBeat ? heartbeatMs : 0);
    const soonestMs = Math.max(nowMs, promisedMs) + delayMs;
    state.electionDueMs = Math.min(state.electionDueMs, soonestMs);
  }

  compact(index: Index): void {
    this.state.log.compact(index);
  }

  restored(mark: SnapshotMark): void {
    const { state } = this;
    state.log.restore(mark);
    state.configuration = mark.configuration;
    state.configurationIndex = 0;
    if (this.role.kind === 'follower') this.role.restored(mark.index);
    if (this.role.kind === 'leader') this.role.configured();
  }

  snapshotReported(peer: MemberId, ok: boolean): void {
    if (this.role.kind === 'leader') this.role.replication.snapshotReported(peer, ok);
  }

  holds(index: Index, term: Term): boolean {
    return this.state.log.matches(index, term);
  }

  uncommitted(): readonly Entry[] {
    return this.state.log.uncommitted();
  }

  leaseHolds(nowMs: number): boolean {
    const { role, state } = this;
    return state.settings.reads === 'lease' && role.kind === 'leader' && role.leaseHolds(nowMs);
  }

  private get isTalkOnly(): boolean {
    const { log, outbox } = this.state;
    return !this.saves.changed && !log.hasUnsaved && !log.hasCommitted && outbox.isTalkOnly;
  }

  /** A promise to the leader comes before everything, the term included: else a restless member could depose it. */
  private stepVoteRequest(message: VoteRequest): void {
    const { state } = this;
    if (this.role.asleep && message.term >= state.term && this.wokenBy(message)) return;
    if (!message.transfer && this.hasPledged(message.from)) {
      if (message.kind === 'preVote' || message.term < state.term) refuseVote(state, message);
      return;
    }
    if (message.term < state.term) {
      refuseVote(state, message);
      return;
    }
    if (message.kind === 'vote' && message.term > state.term) this.follow(message.term, NOBODY);
    if (answerVote(state, message)) state.restartElectionTimer();
    else if (this.knowsBetter(message)) this.depart({ kind: 'campaign', stage: 'preVote', transfer: false });
  }

  /**
   * True when that was all. Who sleeps believes its leader alive, or its node would have woken it: it asks the leader to show
   * itself, and lets whoever misses it ask once more.
   */
  private wokenBy(message: VoteRequest): boolean {
    const { state } = this;
    this.role.wake();
    if (message.kind === 'vote' || message.transfer || message.from === state.leader) return false;
    if (state.leader !== state.id && state.leader !== NOBODY) state.send(state.leader, { kind: 'wake' });
    refuseVote(state, message);
    return true;
  }

  /**
   * Removed, and asked for a vote by one of those who remain, whose log is behind: then they may have no leader for want of
   * the very entries that removed this member, and cannot get its vote. It asks for theirs, to lead until they know.
   */
  private knowsBetter({ from, lastIndex, lastTerm }: VoteRequest): boolean {
    const { state } = this;
    if (this.role.kind !== 'follower' || state.isVoter || state.nowMs < state.electionDueMs) return false;
    return state.configuration.voters.includes(from) && !state.log.isUpToDate(lastIndex, lastTerm);
  }

  private hasPledged(candidate: MemberId): boolean {
    const { state } = this;
    if (this.role.kind === 'leader') return this.role.isFollowed(state.nowMs);
    return state.pledge.forbids(candidate, state.nowMs);
  }

  private stepCurrent(message: Message): void {
    const { state } = this;
    const fromLeader =
      message.kind === 'append' || message.kind === 'heartbeat' || message.kind === 'snapshot';
    if (this.role.asleep && !speaksOfSleep(message)) this.role.wake();
    const aheadOfTerm = message.kind === 'preVoteReply' && message.granted;
    if (message.term > state.term && !aheadOfTerm)
      this.follow(message.term, fromLeader ? message.from : NOBODY);
    if (fromLeader && this.role.kind !== 'follower') {
      invariant(this.role.kind !== 'leader', 'two leaders in one term', {
        term: state.term,
        other: message.from,
      });
      this.follow(state.term, message.from);
    }
    this.depart(this.role.step(message));
  }

  private depart(departure: Departure | undefined): void {
    let next = departure;
    while (next !== undefined) next = this.enter(next);
  }

  private enter(departure: Departure): Departure | undefined {
    switch (departure.kind) {
      case 'follow':
        this.follow(this.state.term, departure.leader);
        return undefined;
      case 'campaign':
        return this.runFor(departure.stage, departure.transfer);
      case 'lead':
        this.role = new Leader(this.state);
        this.state.leader = this.state.id;
        this.depart(this.role.tick());
        return undefined;
    }
  }

  /** A mere higher term does not restart a follower's timer: only a leader's word does, or a vote given. */
  private follow(term: Term, leader: MemberId): void {
    const { state } = this;
    this.role.leave();
    if (term !== state.term) {
      state.term = term;
      state.votedFor = NOBODY;
    }
    state.leader = leader;
    if (this.role.kind !== 'follower' || leader !== NOBODY) state.restartElectionTimer();
    this.role = new Follower(state);
  }

  private runFor(stage: 'preVote' | 'vote', transfer: boolean): Departure | undefined {
    const { state } = this;
    if (state.configuration.voters.length === 0 || state.configurationPending) {
      if (this.role.kind !== 'follower') this.follow(state.term, NOBODY);
      return undefined;
    }
    this.role.leave();
    state.leader = NOBODY;
    if (stage === 'vote') {
      state.term++;
      state.votedFor = state.id;
    }
    state.restartElectionTimer();
    const candidate = new Candidate(state, stage, transfer);
    this.role = candidate;
    return candidate.begin();
  }
}
