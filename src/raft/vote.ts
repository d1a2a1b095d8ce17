/**
 * Answering those who ask for a vote or a pre-vote: alike in every role, learners included, since a candidate may know a
 * newer configuration in which the one it asks is a voter.
 *
 * A vote is recorded and made durable, with its term, before the answer leaves. A pre-vote changes nothing here.
 */
import { type Message, NOBODY } from './message.js';
import type { State } from './state.js';

export type VoteRequest = Extract<Message, { kind: 'vote' | 'preVote' }>;

/** `message.term` is not below the own term; for a vote they are equal. True when a vote, not a pre-vote, was granted. */
export function answerVote(state: State, message: VoteRequest): boolean {
  const { from, kind } = message;
  const free =
    state.votedFor === from ||
    (state.votedFor === NOBODY && state.leader === NOBODY) ||
    (kind === 'preVote' && message.term > state.term);
  const granted = free && state.log.isUpToDate(message.lastIndex, message.lastTerm);
  if (kind === 'preVote') {
    // A granted pre-vote speaks of the term to come, a refusal of the term that is. It binds nobody: no need to save.
    state.send(from, { kind: 'preVoteReply', granted }, granted ? message.term : state.term);
    return false;
  }
  if (granted) state.votedFor = from;
  state.sendAfterSave(from, { kind: 'voteReply', granted });
  return granted;
}

/** Refuses without looking: the sender's term is over, or a promise stands. It learns the term that is. */
export function refuseVote(state: State, message: VoteRequest): void {
  const kind = message.kind === 'vote' ? 'voteReply' : 'preVoteReply';
  state.send(message.from, { kind, granted: false });
}
