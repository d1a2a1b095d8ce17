/**
 * When a leader's heartbeats go out, and to whom.
 *
 * While all is well the followers take turns: half of them hear at each beat, so that a thousand groups cost half as much. A lease,
 * check-quorum and a commit's notice need a majority, which the leader and half of the others make up. A beat goes to all as soon as
 * anything leans on more: a read round, a way to sleep, a change of members, a follower that has not answered.
 *
 * Invariant: whoever has answered all that was sent to it hears at every second beat at least.
 */
import { isJoint } from './membership.js';
import type { MemberId } from './message.js';
import type { Progress } from './progress.js';
import type { ReadRounds } from './read.js';
import type { Replication } from './replication.js';
import type { Rest } from './rest.js';
import type { Body, State } from './state.js';

export interface HeartbeatParts {
  readonly replication: Replication;
  /** Their rounds ask all, and are confirmed by the answers. */
  readonly reads: Pick<ReadRounds, 'newest' | 'busy'>;
  readonly rest: Pick<Rest, 'drowsy'>;
}

export class Heartbeats {
  dueMs: number;
  private beat = 0;

  constructor(
    private readonly state: State,
    private readonly parts: HeartbeatParts,
    private readonly say: (to: MemberId, body: Body) => void,
  ) {
    this.dueMs = state.nowMs;
  }

  /** The timer's. */
  next(): void {
    this.beat++;
    if (!this.mayTakeTurns()) return this.toAll();
    let at = this.beat;
    for (const [id, progress] of this.parts.replication.peers)
      if (at++ % 2 === 0 || progress.commitSent < this.commitFor(progress)) this.send(id, progress);
    this.scheduleNext();
  }

  toAll(): void {
    for (const [id, progress] of this.parts.replication.peers) this.send(id, progress);
    this.scheduleNext();
  }

  private scheduleNext(): void {
    this.dueMs = this.state.nextOnGrid(this.state.settings.heartbeatMs);
  }

  private send(id: MemberId, progress: Progress): void {
    const { nowMs } = this.state;
    const commit = this.commitFor(progress);
    progress.heartbeatSent(nowMs, commit);
    const { reads, rest } = this.parts;
    const [readRound, sleep] = [reads.newest, rest.drowsy];
    this.say(id, { kind: 'heartbeat', commit, readRound, sentAtMs: nowMs, sleep });
  }

  /** No more than it has acknowledged. */
  private commitFor(progress: Progress): number {
    return Math.min(progress.match, this.state.log.commitIndex);
  }

  private mayTakeTurns(): boolean {
    const { configuration, isVoter, settings } = this.state;
    const { reads, replication, rest } = this.parts;
    const { peers } = replication;
    // Who hears every second time must neither campaign nor see its promise end between two.
    const isOften =
      4 * settings.heartbeatMs <= settings.electionTimeoutMs && 2 * settings.heartbeatMs < settings.leaseMs;
    if (!isOften || reads.busy || rest.drowsy || !isVoter || isJoint(configuration)) return false;
    if (peers.size % 2 === 1 || peers.size !== configuration.voters.length - 1) return false;
    for (const { hasAnswered } of peers.values()) if (!hasAnswered) return false;
    return true;
  }
}
