/**
 * What every role shares: identity, term, vote, log, configuration, clock reading, election timer, and the outbox.
 *
 * Invariants: the term never falls; within a term the vote, once given, never changes; nowMs never goes back.
 * Left out: how one role follows another; raft.ts decides that.
 */
import { invariant } from '../assert.js';
import type { Random } from '../random.js';
import { RaftLog } from './log.js';
import { isVoter } from './membership.js';
import { type Configuration, type Index, type MemberId, type Message, NOBODY, type Term } from './message.js';
import { Outbox } from './outbox.js';
import { Pledge } from './pledge.js';
import type { RaftOptions, RaftSettings } from './ready.js';

type WithoutEnvelope<M> = M extends Message ? Omit<M, 'from' | 'to' | 'term'> : never;
/** A message before it has an envelope. */
export type Body = WithoutEnvelope<Message>;

/** What a role asks for when it ends. */
export type Departure =
  | { readonly kind: 'follow'; readonly leader: MemberId }
  | { readonly kind: 'campaign'; readonly stage: 'preVote' | 'vote'; readonly transfer: boolean }
  | { readonly kind: 'lead' };

export class State {
  readonly id: MemberId;
  readonly settings: RaftSettings;
  readonly random: Random;
  readonly log: RaftLog;
  readonly outbox = new Outbox();
  readonly pledge: Pledge;
  term: Term;
  votedFor: MemberId;
  leader: MemberId = NOBODY;
  configuration: Configuration;
  /** Of the entry that brought it; 0: not applied in this life. */
  configurationIndex: Index = 0;
  nowMs: number;
  /** When the follower or candidate gives up waiting. */
  electionDueMs = 0;

  constructor(options: RaftOptions) {
    const { hardState, settings } = options;
    invariant(settings.leaseMs <= settings.electionTimeoutMs, 'a lease must end before elections begin', {
      settings,
    });
    this.id = options.id;
    this.settings = settings;
    this.random = options.random;
    this.configuration = options.configuration;
    this.nowMs = options.nowMs;
    this.log = new RaftLog(options.log, options.appliedIndex, hardState.commit, settings);
    // A torn last batch may have kept entries of a term and lost the hard state beside them; no vote left in it.
    const behind = hardState.term < this.log.lastTerm;
    this.term = behind ? this.log.lastTerm : hardState.term;
    this.votedFor = behind ? NOBODY : hardState.votedFor;
    this.pledge = new Pledge(settings.leaseMs);
    if (options.restarted) this.pledge.abstain(options.nowMs);
    this.restartElectionTimer();
  }

  observe(nowMs: number): void {
    if (nowMs > this.nowMs) this.nowMs = nowMs;
  }

  /** The next of such moments after now: all groups of a node share them, so that what they send leaves together and wakes nobody twice. */
  nextOnGrid(everyMs: number): number {
    return (Math.floor(this.nowMs / everyMs) + 1) * everyMs;
  }

  /** A new random span each time, so that candidates that collided once part the next time. */
  restartElectionTimer(): void {
    this.electionDueMs = this.nowMs + this.settings.electionTimeoutMs * (1 + this.random.float());
  }

  get isVoter(): boolean {
    return isVoter(this.configuration, this.id);
  }

  /** Committed and not yet applied: until then this member does not know whose votes count. */
  get configurationPending(): boolean {
    const first = this.log.configurations[0];
    return first !== undefined && first <= this.log.commitIndex;
  }

  /** Depends on nothing that may still be lost here. */
  send(to: MemberId, body: Body, term = this.term): void {
    this.outbox.messages.push(this.seal(to, term, body));
  }

  /** Leaves once all that was handed out to be saved so far, and this Ready's part of it, is durable. */
  sendAfterSave(to: MemberId, body: Body, term = this.term): void {
    this.outbox.messagesAfterSave.push(this.seal(to, term, body));
  }

  /** The body becomes the message: it was made for it, and copying it cost more than all else on the hot path. */
  private seal(to: MemberId, term: Term, body: Body): Message {
    const message = body as { -readonly [K in keyof Message]: Message[K] };
    message.from = this.id;
    message.to = to;
    message.term = term;
    return message as Message;
  }
}
