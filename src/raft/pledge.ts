/**
 * The follower's half of a lease: whom it promised its vote to, and until when.
 *
 * Acknowledging a heartbeat promises no vote and no pre-vote to anyone else for leaseMs, its own candidacy included. The
 * promise begins here later than the heartbeat was sent there, so it outlives the leader's own count. A restarted voter
 * has forgotten its promises and abstains as if it had just made one.
 *
 * A higher term does not end a promise; only a transfer, by which the leader itself gave its lease up, goes around it.
 */
import { type MemberId, NOBODY } from './message.js';

export class Pledge {
  private readonly leaseMs: number;
  private holder: MemberId = NOBODY;
  untilMs = Number.NEGATIVE_INFINITY;

  constructor(leaseMs: number) {
    this.leaseMs = leaseMs;
  }

  give(leader: MemberId, nowMs: number): void {
    this.holder = leader;
    this.untilMs = nowMs + this.leaseMs;
  }

  abstain(nowMs: number): void {
    this.give(NOBODY, nowMs);
  }

  forbids(candidate: MemberId, nowMs: number): boolean {
    return nowMs < this.untilMs && candidate !== this.holder;
  }
}
