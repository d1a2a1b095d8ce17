/**
 * Who asks how many other members have an entry on their disks: WAIT, at the leader.
 *
 * The leader knows it by Raft's `match`, which a member acknowledges only once its disk has it. An entry that is not in the leader's
 * log was lost with another leader: nobody counts for it, and nobody ever will. One that is compacted can't be looked up: then
 * the leader of its own term still knows it for its own, and in a quorum group it was committed when it was answered. In an async
 * group another leader says nobody, rather than what it can't prove.
 */
import type { PeerProgress } from '../raft/progress.js';

export interface AckQuestion {
  readonly index: number;
  readonly term: number;
  /** Enough: then it is answered at once. */
  readonly needed: number;
  /** Then it is answered with what there is. */
  readonly deadlineMs: number;
  answer(answer: AckAnswer): void;
}

export type AckAnswer =
  /** `lost`: more will never come. */
  | { readonly kind: 'acks'; readonly count: number; readonly lost: boolean }
  /** Not the leader: another one may know. */
  | { readonly kind: 'refused' };

/** What is asked of Raft. */
export interface AckSource {
  readonly status: { readonly term: number; readonly commitIndex: number };
  readonly peers: readonly PeerProgress[];
  holds(index: number, term: number): boolean;
}

export class Acks {
  private waiting: AckQuestion[] = [];

  constructor(
    private readonly raft: AckSource,
    private readonly isAsync: boolean,
    private readonly questionsMax: number,
  ) {}

  get waitingCount(): number {
    return this.waiting.length;
  }

  /** A leader that was succeeded and has not heard of it knows nothing of its successor's writes, least of all that they are lost. */
  add(question: AckQuestion): void {
    const isOurs = question.term <= this.raft.status.term;
    if (isOurs && this.waiting.length < this.questionsMax) this.waiting.push(question);
    else question.answer({ kind: 'refused' });
  }

  /** Members may have acknowledged more. */
  look(): void {
    if (this.waiting.length === 0) return;
    this.waiting = this.waiting.filter((question) => {
      const answer = this.answerTo(question);
      if (!answer.lost && answer.count < question.needed) return true;
      question.answer(answer);
      return false;
    });
  }

  expire(nowMs: number): void {
    if (this.waiting.length === 0) return;
    const late = this.waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    this.waiting = this.waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    for (const question of late) question.answer(this.answerTo(question));
  }

  refuseAll(): void {
    for (const question of this.waiting.splice(0)) question.answer({ kind: 'refused' });
  }

  /** Other leaders' entries stand at the same indexes: what the members have there counts only if it is this one. */
  private answerTo(question: AckQuestion): Extract<AckAnswer, { kind: 'acks' }> {
    const lost = !this.has(question);
    const count = lost ? 0 : this.raft.peers.filter(({ match }) => match >= question.index).length;
    return { kind: 'acks', count, lost };
  }

  /** Is the entry, which was answered, in this leader's log? */
  private has({ index, term }: AckQuestion): boolean {
    const { status } = this.raft;
    const isCommitted = !this.isAsync && index <= status.commitIndex;
    return isCommitted || term === status.term || this.raft.holds(index, term);
  }
}
