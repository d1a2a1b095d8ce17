/**
 * What a leader knows of one follower's log, and how fast it may send.
 *
 *   probe      the follower's log is not known to match: one append at a time, until one is accepted
 *   replicate  it matches: appends are sent ahead, up to a window of bytes
 *   snapshot   it needs what the log no longer holds; nothing is sent until the snapshot's fate is known
 *
 * Invariants: 0 <= match < next; in replicate state every entry of [match + 1, next - 1] is in flight.
 * Left out: what to send; replication.ts does that.
 */
import { invariant } from '../assert.js';
import type { Index, MemberId } from './message.js';

const NEVER = Number.NEGATIVE_INFINITY;

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/** What a leader knows of one other member; for operators and for those who plan moves. */
export interface PeerProgress {
  readonly id: MemberId;
  readonly state: ProgressState;
  readonly match: Index;
  /** Sending time of the newest heartbeat that it answered, on the leader's clock; -Infinity: none yet. */
  readonly ackedSentAtMs: number;
}

export class Progress {
  state: ProgressState = 'probe';
  match: Index = 0;
  next: Index;
  /** A probe is on its way, or a load failed: wait for the follower's next sign of life. */
  waiting = false;
  /** The follower lives and lacks entries: ask, with an empty append, whether what was sent ever arrived. */
  doubtful = false;
  /** First entry of the load under way; 0: none. */
  loadingFrom: Index = 0;
  /** The largest commit index that the follower was told of, by a heartbeat or with entries that it covers. */
  commitSent: Index = 0;
  /** Sending time of the newest heartbeat that came back. */
  ackedSentAtMs = NEVER;
  ackedRound = 0;
  /** The largest commit index that a heartbeat told the follower of, and that it answered. */
  knownCommit: Index = 0;
  private heartbeatAtMs = NEVER;
  private heartbeatCommit: Index = 0;
  /** Its node is taken for gone; the group may sleep without it. */
  down = false;
  /** Sending time of the newest heartbeat that put it to sleep; -Infinity: it is awake, as far as it said. */
  private asleepAtMs = NEVER;
  /** Since when answers are waited for; counts as contact for check-quorum, never for a lease. */
  private waitedSinceMs: number;
  /** Appends on their way, oldest first: the last entry of each, and its bytes. Numbers, for objects would grow old here. */
  private flightIndexes: Index[] = [];
  private flightBytes: number[] = [];
  private flightsDone = 0;
  private inflightBytes = 0;

  constructor(next: Index, nowMs: number) {
    this.next = next;
    this.waitedSinceMs = nowMs;
  }

  get activeAtMs(): number {
    return Math.max(this.waitedSinceMs, this.ackedSentAtMs);
  }

  /** It holds and knows committed all up to `lastIndex`. */
  isIdleAt(lastIndex: Index): boolean {
    return this.state === 'replicate' && this.match === lastIndex && this.knownCommit === lastIndex;
  }

  /** A heartbeat sent at `sinceMs` or later put it to sleep. */
  sleepsSince(sinceMs: number): boolean {
    return this.asleepAtMs >= sinceMs;
  }

  /** After a sleep the time in which nobody asked it anything doesn't count. */
  waitFrom(nowMs: number): void {
    this.waitedSinceMs = nowMs;
    this.asleepAtMs = NEVER;
  }

  windowFull(bytesMax: number): boolean {
    return this.inflightBytes >= bytesMax;
  }

  /** It was sent a heartbeat, and has answered the newest. */
  get hasAnswered(): boolean {
    return this.ackedSentAtMs > NEVER && this.ackedSentAtMs >= this.heartbeatAtMs;
  }

  /** Of several at the same moment only the first can be told apart by its answer. */
  heartbeatSent(nowMs: number, commit: Index): void {
    this.commitSent = Math.max(this.commitSent, commit);
    if (nowMs === this.heartbeatAtMs) return;
    this.heartbeatAtMs = nowMs;
    this.heartbeatCommit = commit;
  }

  heartbeatAnswered(sentAtMs: number, asleep: boolean): void {
    this.ackedSentAtMs = Math.max(this.ackedSentAtMs, sentAtMs);
    if (sentAtMs >= this.asleepAtMs) this.asleepAtMs = asleep ? sentAtMs : NEVER;
    if (sentAtMs === this.heartbeatAtMs) this.knownCommit = Math.max(this.knownCommit, this.heartbeatCommit);
  }

  /** Entries up to `lastIndex` went out. */
  sent(lastIndex: Index, bytes: number): void {
    if (this.state === 'probe') {
      this.waiting = true;
      return;
    }
    this.next = lastIndex + 1;
    this.flightIndexes.push(lastIndex);
    this.flightBytes.push(bytes);
    this.inflightBytes += bytes;
  }

  /** The follower's log matches up to `index`. True when that is news. */
  accepted(index: Index): boolean {
    if (this.state === 'replicate') this.land(index);
    if (this.state !== 'snapshot') this.waiting = false;
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    return true;
  }

  /**
   * The follower refused an append that followed `refused`; its log may match up to `hint`. False for a stale reply: one
   * about entries that are known to match by now, or about a probe that is not the last one.
   */
  rejected(refused: Index, hint: Index): boolean {
    if (this.state === 'snapshot' || refused <= this.match) return false;
    if (this.state === 'replicate') {
      this.probe();
      return true;
    }
    if (this.next - 1 !== refused) return false;
    this.next = Math.max(Math.min(refused, hint + 1), this.match + 1);
    this.waiting = false;
    return true;
  }

  probe(next: Index = this.match + 1): void {
    this.reset('probe');
    this.next = Math.max(next, this.match + 1);
  }

  replicate(): void {
    this.reset('replicate');
    this.next = this.match + 1;
  }

  snapshot(): void {
    this.reset('snapshot');
  }

  private reset(state: ProgressState): void {
    this.state = state;
    this.waiting = false;
    this.doubtful = false;
    this.loadingFrom = 0;
    this.flightIndexes = [];
    this.flightBytes = [];
    this.flightsDone = 0;
    this.inflightBytes = 0;
    invariant(this.match < this.next, 'next must stay above match', { match: this.match, next: this.next });
  }

  private land(index: Index): void {
    const { flightIndexes, flightBytes } = this;
    while (this.flightsDone < flightIndexes.length && flightIndexes[this.flightsDone]! <= index)
      this.inflightBytes -= flightBytes[this.flightsDone++]!;
    if (this.flightsDone < 32 || this.flightsDone * 2 < flightIndexes.length) return;
    this.flightIndexes = flightIndexes.slice(this.flightsDone);
    this.flightBytes = flightBytes.slice(this.flightsDone);
    this.flightsDone = 0;
  }
}
