/**
 * Asking for votes: first, as a pre-candidate, whether an election could be won at all; then, in a new term with the own
 * vote saved, for real. A transfer skips the first question: the leader asked for the election.
 *
 * Invariants: a pre-candidate changed neither term nor vote; votes are counted once a voter, of this term and kind only.
 * The own vote may be counted at once: requests leave only after it is saved, so no other vote comes before; and a group
 * of one leads silently until its log, and with it the vote, is on disk (see Leader.announced).
 */
import { votersOf } from './membership.js';
import { type MemberId, type Message, NOBODY } from './message.js';
import { quorumVote } from './quorum.js';
import type { Departure, State } from './state.js';

export class Candidate {
  readonly kind: 'preCandidate' | 'candidate';
  readonly asleep = false;
  private readonly state: State;
  private readonly stage: 'preVote' | 'vote';
  private readonly transfer: boolean;
  private readonly votes = new Map<MemberId, boolean>();

  constructor(state: State, stage: 'preVote' | 'vote', transfer: boolean) {
    this.state = state;
    this.stage = stage;
    this.transfer = transfer;
    this.kind = stage === 'preVote' ? 'preCandidate' : 'candidate';
  }

  get nextTickMs(): number {
    return this.state.electionDueMs;
  }

  wake(): void {}

  /** Sends the requests. Departs at once when the own vote decides. */
  begin(): Departure | undefined {
    this.votes.set(this.state.id, true);
    const departure = this.tally();
    if (departure === undefined) this.ask();
    return departure;
  }

  tick(): Departure | undefined {
    if (this.state.nowMs < this.state.electionDueMs) return undefined;
    if (!this.state.isVoter) return { kind: 'follow', leader: NOBODY };
    return { kind: 'campaign', stage: 'preVote', transfer: false };
  }

  step(message: Message): Departure | undefined {
    switch (message.kind) {
      case 'preVoteReply':
      case 'voteReply':
        return this.countVote(message);
      case 'timeoutNow':
        return this.state.isVoter ? { kind: 'campaign', stage: 'vote', transfer: true } : undefined;
      case 'readIndex':
        this.state.send(message.from, {
          kind: 'readIndexReply',
          context: message.context,
          index: 0,
          rejected: true,
        });
        return undefined;
      default:
        return undefined;
    }
  }

  readIndex(context: number): void {
    this.state.outbox.reads.push({ kind: 'refused', context });
  }

  flush(): void {}

  leave(): void {}

  private ask(): void {
    const { state, stage, transfer } = this;
    const { lastIndex, lastTerm } = state.log;
    for (const id of votersOf(state.configuration)) {
      if (id === state.id) continue;
      const body = { kind: stage, lastIndex, lastTerm, transfer };
      // Asking for a pre-vote changed nothing; a vote's term and the own vote in it must be on disk before anyone knows.
      if (stage === 'preVote') state.send(id, body, state.term + 1);
      else state.sendAfterSave(id, body);
    }
  }

  private countVote(
    message: Extract<Message, { kind: 'preVoteReply' | 'voteReply' }>,
  ): Departure | undefined {
    const { state, stage } = this;
    if (message.kind !== (stage === 'preVote' ? 'preVoteReply' : 'voteReply')) return undefined;
    const asked = stage === 'preVote' && message.granted ? state.term + 1 : state.term;
    if (message.term !== asked) return undefined;
    if (!this.votes.has(message.from)) this.votes.set(message.from, message.granted);
    return this.tally();
  }

  private tally(): Departure | undefined {
    switch (quorumVote(this.state.configuration, (id) => this.votes.get(id))) {
      case 'won':
        return this.stage === 'vote'
          ? { kind: 'lead' }
          : { kind: 'campaign', stage: 'vote', transfer: false };
      case 'lost':
        return { kind: 'follow', leader: NOBODY };
      case 'pending':
        return undefined;
    }
  }
}
