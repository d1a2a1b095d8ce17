/**
 * Following: take the leader's entries, acknowledge them once they are durable, promise the vote, and campaign when
 * nothing is heard for an election time-out.
 *
 * Invariants: commit follows only what the leader's message itself verified; an accepting reply leaves after the entries
 * that it speaks of are saved; at most one such reply a stretch of log is on its way to the disk. It sleeps, waiting for no
 * time-out, only when its leader said so and nothing is left to save, commit or apply; any other word wakes it.
 */
import { type Index, type MemberId, type Message, NOBODY } from './message.js';
import { ForwardedReads } from './read.js';
import type { Departure, State } from './state.js';

type From<K extends Message['kind']> = Extract<Message, { kind: K }>;

export class Follower {
  readonly kind = 'follower';
  private readonly state: State;
  private readonly reads: ForwardedReads;
  /** The highest index that a reply of this term, sent or waiting for the disk, accepts. */
  private acceptedIndex: Index = 0;
  private sleeps = false;

  constructor(state: State) {
    this.state = state;
    this.reads = new ForwardedReads(state);
  }

  get nextTickMs(): number {
    return this.sleeps ? this.reads.nextTickMs : Math.min(this.campaignDueMs(), this.reads.nextTickMs);
  }

  get asleep(): boolean {
    return this.sleeps;
  }

  wake(): void {
    if (!this.sleeps) return;
    this.sleeps = false;
    this.state.restartElectionTimer();
  }

  tick(): Departure | undefined {
    const { state } = this;
    this.reads.tick();
    if (this.sleeps || state.nowMs < state.electionDueMs || !this.mayCampaign()) return undefined;
    return { kind: 'campaign', stage: 'preVote', transfer: false };
  }

  /** A voter whose promise has run out and that knows its configuration. */
  mayCampaign(): boolean {
    const { state } = this;
    return state.isVoter && !state.configurationPending && !state.pledge.forbids(state.id, state.nowMs);
  }

  step(message: Message): Departure | undefined {
    switch (message.kind) {
      case 'append':
        this.heard(message);
        this.append(message);
        return undefined;
      case 'heartbeat':
        this.heard(message);
        this.heartbeat(message);
        return undefined;
      case 'snapshot':
        this.heard(message);
        this.snapshot(message);
        return undefined;
      case 'timeoutNow':
        return this.timeoutNow();
      case 'readIndex':
        this.state.send(message.from, {
          kind: 'readIndexReply',
          context: message.context,
          index: 0,
          rejected: true,
        });
        return undefined;
      case 'readIndexReply':
        this.reads.answered(message);
        return undefined;
      default:
        return undefined;
    }
  }

  /** A member that must first apply its configuration looks again after a while. */
  private campaignDueMs(): number {
    const { state } = this;
    if (!state.isVoter) return Number.POSITIVE_INFINITY;
    const dueMs = Math.max(state.electionDueMs, state.pledge.untilMs);
    return state.configurationPending ? Math.max(dueMs, state.nowMs + state.settings.heartbeatMs) : dueMs;
  }

  readIndex(context: number): void {
    this.reads.add(context);
  }

  flush(): void {
    this.reads.flush();
  }

  leave(): void {
    this.reads.refuseAll();
  }

  private heard(message: Message): void {
    this.state.leader = message.from;
    this.state.restartElectionTimer();
  }

  private append(message: From<'append'>): void {
    const { configuration, log } = this.state;
    if (configuration.voters.length === 0) {
      this.askForSnapshot(message.from);
      return;
    }
    if (message.previousIndex < log.commitIndex) {
      // All up to commit is known to match: a late message, or a leader that is still finding out.
      this.accept(message.from, log.commitIndex);
      return;
    }
    if (!log.matches(message.previousIndex, message.previousTerm)) {
      this.reject(message);
      return;
    }
    if (this.overloaded() && message.entries.length > 0) return;
    log.merge(message.entries);
    const verified = message.previousIndex + message.entries.length;
    log.commitTo(Math.min(message.commit, verified));
    log.checkOneConfigurationPending();
    this.accept(message.from, verified);
  }

  /** A state machine that lags holds back its leader: unanswered, the leader's window fills and it asks again later. */
  private overloaded(): boolean {
    const { log, settings } = this.state;
    return log.unappliedBytes > settings.memoryBytesMax + settings.inflightBytesMax;
  }

  private accept(to: MemberId, index: Index): void {
    const { state } = this;
    // The reply that accepts this much already waits for the disk; a second one would only ask for a sync of its own.
    if (index > state.log.savedIndex && index <= this.acceptedIndex) return;
    this.acceptedIndex = Math.max(this.acceptedIndex, index);
    const body = { kind: 'appendReply', index, rejected: false, hintIndex: 0, hintTerm: 0 } as const;
    const waiting = state.outbox.messagesAfterSave;
    const last = waiting.at(-1);
    if (
      last?.kind === 'appendReply' &&
      !last.rejected &&
      last.to === to &&
      last.index <= index &&
      last.term === state.term
    ) {
      waiting.pop();
    }
    state.sendAfterSave(to, body);
  }

  /**
   * Born empty, it lacks the configuration that the log's first entry stands on, so not even a whole log will do. Nobody
   * else ever refuses what follows index 0 with a hint of nothing, and the leader knows it by that.
   */
  private askForSnapshot(to: MemberId): void {
    this.state.sendAfterSave(to, {
      kind: 'appendReply',
      index: 0,
      rejected: true,
      hintIndex: 0,
      hintTerm: 0,
    });
  }

  private reject(message: From<'append'>): void {
    const { log } = this.state;
    const highest = Math.min(message.previousIndex, log.lastIndex);
    // What is committed is the leader's too, so there is no need to look below it.
    const hintIndex = Math.max(log.lastAtMost(highest, message.previousTerm), log.commitIndex);
    const hintTerm = log.term(hintIndex) ?? 0;
    const index = message.previousIndex;
    this.state.sendAfterSave(message.from, {
      kind: 'appendReply',
      index,
      rejected: true,
      hintIndex,
      hintTerm,
    });
  }

  /** The answer waits for no disk: it promises nothing that a restart, which abstains, would deny. */
  private heartbeat(message: From<'heartbeat'>): void {
    const { state } = this;
    // A leader tells each member of no commit beyond what that member has acknowledged to it, in this very term.
    if (message.commit > state.log.lastIndex) state.outbox.forgottenIndex = message.commit;
    state.log.commitTo(Math.min(message.commit, state.log.lastIndex));
    state.pledge.give(message.from, state.nowMs);
    this.sleeps = message.sleep && this.isIdleAt(message.commit);
    const { readRound, sentAtMs } = message;
    state.send(message.from, { kind: 'heartbeatReply', readRound, sentAtMs, asleep: this.sleeps });
  }

  /** All that the leader has is here, durable and applied. */
  private isIdleAt(index: Index): boolean {
    const { lastIndex, savedIndex, appliedIndex } = this.state.log;
    return lastIndex === index && savedIndex === index && appliedIndex === index;
  }

  /** The driver installs and calls restored(); here only what needs no install is answered. */
  private snapshot(message: From<'snapshot'>): void {
    const { log } = this.state;
    const { index, term } = message.mark;
    if (index > log.commitIndex && log.matches(index, term)) log.commitTo(index);
    if (index <= log.commitIndex) this.accept(message.from, log.commitIndex);
  }

  /** The leader wants this member to lead: its promise is lifted by the one it was given to. */
  private timeoutNow(): Departure | undefined {
    const { state } = this;
    if (!state.isVoter || state.configurationPending) return undefined;
    return { kind: 'campaign', stage: 'vote', transfer: true };
  }

  /** After a snapshot was put in place. */
  restored(index: Index): void {
    if (this.state.leader !== NOBODY) this.accept(this.state.leader, index);
  }
}
