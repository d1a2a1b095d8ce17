/**
 * Reads by index. The leader answers a read with its commit index once a quorum, asked after the read arrived, confirmed
 * that it still leads; one round of heartbeats confirms all reads that came before it. A follower asks the leader.
 *
 * Invariants: round numbers only grow within a leader's term and are never reused; a read joins a round only before its
 * heartbeats are sent; nothing is answered before an entry of the leader's own term is committed; a read ends exactly
 * once, as ready or refused. A follower's question has a number that no earlier life of this member can have used.
 */
import { type Index, type MemberId, type Message, NOBODY } from './message.js';
import type { State } from './state.js';

interface LeaderRead {
  readonly context: number;
  /** Who asked: this leader's own driver, or a follower. */
  readonly from: MemberId;
}

interface Round {
  readonly number: number;
  readonly index: Index;
  readonly reads: readonly LeaderRead[];
}

/** The leader's reads. */
export class ReadRounds {
  private readonly state: State;
  /** Arrived, and in no round yet. */
  private arrived: LeaderRead[] = [];
  /** Asked and not yet confirmed, oldest first. */
  private rounds: Round[] = [];
  /** Of the newest round. */
  newest = 0;

  constructor(state: State) {
    this.state = state;
  }

  add(context: number, from: MemberId): void {
    this.arrived.push({ context, from });
  }

  get waiting(): boolean {
    return this.arrived.length > 0;
  }

  get busy(): boolean {
    return this.arrived.length > 0 || this.rounds.length > 0;
  }

  /** A round may begin as soon as none is under way: the reads that arrive meanwhile make up the next. */
  get due(): boolean {
    return this.arrived.length > 0 && this.rounds.length === 0;
  }

  /** The heartbeats that carry this round's number must be sent after this. */
  begin(): void {
    this.newest++;
    this.rounds.push({ number: this.newest, index: this.state.log.commitIndex, reads: this.arrived });
    this.arrived = [];
  }

  /** A quorum answered heartbeats that were sent in round `number` or later. */
  confirm(number: number): void {
    while (this.rounds.length > 0 && this.rounds[0]!.number <= number) {
      const { index, reads } = this.rounds.shift()!;
      for (const read of reads) this.answer(read, index, false);
    }
  }

  /** Nobody else has a say in a group of one. */
  answerArrived(): void {
    for (const read of this.arrived) this.answer(read, this.state.log.commitIndex, false);
    this.arrived = [];
  }

  /**
   * The lease holds now. Only for the own driver, which asks again after the read has run: between this moment and the sending
   * of an answer to a follower the process may be stopped for as long as it takes to elect another leader.
   */
  answerLeased(): void {
    const { arrived } = this;
    this.arrived = [];
    for (const read of arrived) {
      if (read.from === this.state.id) this.answer(read, this.state.log.commitIndex, true);
      else this.arrived.push(read);
    }
  }

  refuseAll(): void {
    for (const { reads } of this.rounds) for (const read of reads) this.refuse(read);
    for (const read of this.arrived) this.refuse(read);
    this.rounds = [];
    this.arrived = [];
  }

  private answer({ context, from }: LeaderRead, index: Index, leased: boolean): void {
    if (from === this.state.id) this.state.outbox.reads.push({ kind: 'ready', context, index, leased });
    else this.state.send(from, { kind: 'readIndexReply', context, index, rejected: false });
  }

  private refuse({ context, from }: LeaderRead): void {
    if (from === this.state.id) this.state.outbox.reads.push({ kind: 'refused', context });
    else this.state.send(from, { kind: 'readIndexReply', context, index: 0, rejected: true });
  }
}

interface Question {
  readonly askedAtMs: number;
  readonly contexts: readonly number[];
}

/** A follower's reads, asked of its leader; those that arrive together travel as one question. */
export class ForwardedReads {
  private readonly state: State;
  private arrived: number[] = [];
  private readonly questions = new Map<number, Question>();
  private nextNumber: number;

  constructor(state: State) {
    this.state = state;
    // 52 bits with random upper ones: a late answer to an earlier life, or an earlier term, meets no question here.
    this.nextNumber = state.random.u32() * 1048576 + 1;
  }

  add(context: number): void {
    if (this.state.leader === NOBODY) this.refuse([context]);
    else this.arrived.push(context);
  }

  flush(): void {
    if (this.arrived.length === 0) return;
    const number = this.nextNumber++;
    this.questions.set(number, { askedAtMs: this.state.nowMs, contexts: this.arrived });
    this.arrived = [];
    this.state.send(this.state.leader, { kind: 'readIndex', context: number });
  }

  answered(message: Extract<Message, { kind: 'readIndexReply' }>): void {
    const question = this.questions.get(message.context);
    if (question === undefined || message.from !== this.state.leader) return;
    this.questions.delete(message.context);
    if (message.rejected) {
      this.refuse(question.contexts);
      return;
    }
    for (const context of question.contexts) {
      this.state.outbox.reads.push({ kind: 'ready', context, index: message.index, leased: false });
    }
  }

  get nextTickMs(): number {
    for (const { askedAtMs } of this.questions.values())
      return askedAtMs + this.state.settings.electionTimeoutMs;
    return Number.POSITIVE_INFINITY;
  }

  /** Nothing is asked twice: what went unanswered for an election time-out is refused, and the asker may begin anew. */
  tick(): void {
    for (const [number, { askedAtMs, contexts }] of this.questions) {
      if (askedAtMs + this.state.settings.electionTimeoutMs > this.state.nowMs) return;
      this.questions.delete(number);
      this.refuse(contexts);
    }
  }

  refuseAll(): void {
    for (const { contexts } of this.questions.values()) this.refuse(contexts);
    this.questions.clear();
    this.refuse(this.arrived);
    this.arrived = [];
  }

  private refuse(contexts: readonly number[]): void {
    for (const context of contexts) this.state.outbox.reads.push({ kind: 'refused', context });
  }
}
