/**
 * The requests that a slot's leader has taken and not yet answered, and the order among them.
 *
 * One session's (one client connection's) commands run in the order sent: a read waits for that session's earlier writes, a
 * write for its earlier reads. Different sessions wait for nobody.
 *
 * A write is `waiting` (in no entry yet: may still be refused) or `pending` (in an entry that was appended: from then on its
 * outcome is what the log says at that index, or unknown). A read is `asking` until a read index is known.
 */
import { ChurnMap } from '../churn-map.js';
import type { LogPlace } from './applier.js';
import type { CommandGroup } from './entry.js';
import { admissible, holds, type Lane, Lanes } from './lanes.js';
import { type Pending, PendingEntries } from './pending.js';
import type { RangeCache } from './view.js';

export type Outcome<R> =
  /** `at`: of a write, where it stands in the log. */
  | { readonly kind: 'done'; readonly replies: readonly R[]; readonly at?: LogPlace }
  /** Definite: nothing happened, and nothing will. */
  | { readonly kind: 'refused'; readonly why: RefusalReason }
  /** May have happened, may yet happen, may never happen. */
  | { readonly kind: 'unknown' };

export type RefusalReason = 'notLeader' | 'busy' | 'tooLarge' | 'diskFull' | 'timeout' | 'replyTooLarge';

export interface SlotRequest<R> {
  /** The client connection that it came from; names one session anywhere in the cluster. */
  readonly session: string;
  readonly kind: 'read' | 'write';
  /** A read that this replica may serve as a follower. */
  readonly here: boolean;
  readonly group: CommandGroup;
  /** Monotonic; after it the client is told that the outcome is unknown, or refused if nothing was appended. */
  readonly deadlineMs: number;
  done(outcome: Outcome<R>): void;
}

export interface TakenWrite<R> {
  readonly request: SlotRequest<R>;
  readonly lane: Lane<R>;
  answered: boolean;
}

export interface TakenRead<R> {
  readonly request: SlotRequest<R>;
  readonly lane: Lane<R>;
  /** The session's writes that come before it. */
  readonly afterWrites: number;
  /** Known once Raft answered. */
  index: number;
  /** By the leader's lease, which must still hold when the read has run. */
  leased: boolean;
  /** Fixed at the first run, so that reruns see the same time. */
  nowMs: number | undefined;
  /** Called when it is answered: lets go of what was kept in memory for its next run. */
  release: (() => void) | undefined;
  /** It met a key that is dead at this time: runs again once an entry stamped so late is applied. */
  untilStampMs: number;
  /** What was loaded for it; from the first fault on. */
  ranges: RangeCache | undefined;
  /** Thrown when a run first wants dice: later runs must pick alike, or they would lack something else each time. */
  seed: number | undefined;
}

interface PendingEntry<R> extends Pending {
  readonly term: number;
  readonly writes: readonly TakenWrite<R>[];
}

export class Requests<R> {
  private readonly lanes = new Lanes<R>();
  private waiting: TakenWrite<R>[] = [];
  private readonly pending = new PendingEntries<PendingEntry<R>>();
  private asking: TakenRead<R>[] = [];
  private readonly asked = new ChurnMap<number, TakenRead<R>[]>();
  private ready: TakenRead<R>[] = [];
  private count = 0;
  private closed = false;

  get waitingCount(): number {
    return this.waiting.length;
  }

  get pendingEntries(): number {
    return this.pending.size;
  }

  get readRoundsOut(): number {
    return this.asked.size;
  }

  get hasReadsToAsk(): boolean {
    return this.asking.length > 0;
  }

  get hasReadyReads(): boolean {
    return this.ready.length > 0;
  }

  /** Requests taken and not answered. */
  get outstanding(): number {
    return this.count;
  }

  take(request: SlotRequest<R>): void {
    this.count++;
    const lane = this.lanes.of(request.session);
    if (holds(lane) || !admissible(lane, request)) {
      lane.held ??= [];
      lane.held.push(request);
    } else {
      this.admit(lane, request);
    }
  }

  /** Whether something of this session is taken and not answered. */
  readonly hasOf = (session: string): boolean => this.lanes.hasOf(session);

  /** Takes writes off the head of the queue, for one entry; `fits` says when it is full. */
  takeWaiting(fits: (request: SlotRequest<R>) => boolean): TakenWrite<R>[] {
    let count = 0;
    while (count < this.waiting.length && fits(this.waiting[count]!.request)) count++;
    return this.waiting.splice(0, count);
  }

  /** What takeWaiting took could not be appended now. */
  putBack(writes: readonly TakenWrite<R>[]): void {
    this.waiting.unshift(...writes);
  }

  appended(index: number, term: number, writes: readonly TakenWrite<R>[]): void {
    this.giveUp(index);
    this.pending.put({ index, term, writes });
  }

  /** The entry that was applied at `index`: its own requests get the replies, another term's learn that they lost. */
  applied(index: number, term: number, replies: readonly (readonly R[])[]): void {
    const entry = this.pending.take(index);
    if (entry === undefined) return;
    const at = { index, term };
    entry.writes.forEach((write, i) => {
      const outcome: Outcome<R> =
        entry.term === term ? { kind: 'done', replies: replies[i]!, at } : { kind: 'unknown' };
      this.settleWrite(write, outcome);
    });
  }

  /** A snapshot took the place of the entries up to `index`: what became of ours among them is not known here. */
  passed(index: number): void {
    for (const entry of this.pending.takeUpTo(index)) this.unknown(entry);
  }

  refuseWrites(writes: readonly TakenWrite<R>[], why: RefusalReason): void {
    for (const write of writes) this.settleWrite(write, { kind: 'refused', why });
  }

  /** Leadership is gone: what is in no entry is refused; pending entries stay until the log or the deadline decides. */
  lostLeadership(): void {
    const { waiting, asking, ready } = this;
    const reads = [...asking, ...[...this.asked].flatMap(([, asked]) => asked), ...ready];
    const held = this.lanes.takeHeld();
    this.waiting = [];
    this.asking = [];
    this.ready = [];
    this.asked.clear();
    const refusal: Outcome<R> = { kind: 'refused', why: 'notLeader' };
    for (const write of waiting) this.answerWrite(write, refusal);
    for (const read of reads) {
      read.release?.();
      this.answer(read.request, refusal);
    }
    for (const request of held) this.answer(request, refusal);
  }

  /** Nobody will tell any more what becomes of anything: all are answered with what is known. */
  close(): void {
    this.closed = true;
    this.lostLeadership();
    this.passed(Number.POSITIVE_INFINITY);
  }

  /** All reads that arrived since the last round, to be confirmed by one. */
  askFor(context: number): void {
    this.asked.set(context, this.asking);
    this.asking = [];
  }

  readIndexKnown(context: number, index: number, leased: boolean): void {
    const reads = this.asked.get(context) ?? [];
    this.asked.delete(context);
    for (const read of reads) {
      read.index = index;
      read.leased = leased;
      this.ready.push(read);
    }
  }

  readIndexRefused(context: number): void {
    const reads = this.asked.get(context) ?? [];
    this.asked.delete(context);
    for (const read of reads) this.settleRead(read, { kind: 'refused', why: 'notLeader' });
  }

  /** Takes out the reads that may run on a state applied up to `applied` with this newest stamp. */
  takeRunnable(applied: number, stampMs: number): TakenRead<R>[] {
    const runnable: TakenRead<R>[] = [];
    const later: TakenRead<R>[] = [];
    for (const read of this.ready) {
      const may =
        read.index <= applied && read.untilStampMs <= stampMs && read.lane.writesSettled >= read.afterWrites;
      (may ? runnable : later).push(read);
    }
    this.ready = later;
    return runnable;
  }

  /** A read that could not finish: it runs again when it may. */
  again(read: TakenRead<R>): void {
    if (this.closed) this.settleRead(read, { kind: 'refused', why: 'notLeader' });
    else this.ready.push(read);
  }

  /** The lease by which it got its index is over: it must ask again, like one that has just come. */
  askAgain(read: TakenRead<R>): void {
    if (this.closed) this.settleRead(read, { kind: 'refused', why: 'notLeader' });
    else this.asking.push(read);
  }

  settleRead(read: TakenRead<R>, outcome: Outcome<R>): void {
    read.lane.readsOut--;
    read.release?.();
    this.answer(read.request, outcome);
    this.release(read.lane);
  }

  /** Tells those past their deadline what is known of their fate. */
  expire(nowMs: number): void {
    const late = (request: SlotRequest<R>): boolean => request.deadlineMs <= nowMs;
    const lateWaiting = this.waiting.filter((write) => late(write.request));
    this.waiting = this.waiting.filter((write) => !late(write.request));
    this.refuseWrites(lateWaiting, 'timeout');
    for (const entry of this.pending) {
      for (const write of entry.writes) if (late(write.request)) this.answerWrite(write, { kind: 'unknown' });
    }
    const lateReads = [...this.asking, ...this.ready].filter((read) => late(read.request));
    this.asking = this.asking.filter((read) => !late(read.request));
    this.ready = this.ready.filter((read) => !late(read.request));
    for (const [context, reads] of this.asked) {
      lateReads.push(...reads.filter((read) => late(read.request)));
      const inTime = reads.filter((read) => !late(read.request));
      this.asked.set(context, inTime);
    }
    for (const read of lateReads) this.settleRead(read, { kind: 'refused', why: 'timeout' });
  }

  private admit(lane: Lane<R>, request: SlotRequest<R>): void {
    if (request.kind === 'write') {
      lane.writesTaken++;
      this.waiting.push({ request, lane, answered: false });
      return;
    }
    lane.readsOut++;
    const afterWrites = lane.writesTaken;
    this.asking.push({
      request,
      lane,
      afterWrites,
      index: 0,
      leased: false,
      nowMs: undefined,
      release: undefined,
      untilStampMs: 0,
      ranges: undefined,
      seed: undefined,
    });
  }

  /** What an earlier term left pending at `index` was cut off this log; whether it lives on elsewhere is not known here. */
  private giveUp(index: number): void {
    const entry = this.pending.take(index);
    if (entry !== undefined) this.unknown(entry);
  }

  private unknown(entry: PendingEntry<R>): void {
    for (const write of entry.writes) this.settleWrite(write, { kind: 'unknown' });
  }

  private settleWrite(write: TakenWrite<R>, outcome: Outcome<R>): void {
    write.lane.writesSettled++;
    this.answerWrite(write, outcome);
    this.release(write.lane);
  }

  private answerWrite(write: TakenWrite<R>, outcome: Outcome<R>): void {
    if (write.answered) return;
    write.answered = true;
    this.answer(write.request, outcome);
  }

  private answer(request: SlotRequest<R>, outcome: Outcome<R>): void {
    this.count--;
    request.done(outcome);
  }

  /** Lets in what the session's lane held back. */
  private release(lane: Lane<R>): void {
    while (holds(lane) && admissible(lane, lane.held![0]!)) this.admit(lane, lane.held!.shift()!);
  }
}
