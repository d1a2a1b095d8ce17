/**
 * Handing leadership over: stop taking proposals, let the successor catch up, tell it to campaign at once.
 *
 * Invariants: at most one transfer at a time; it ends with this leadership, or after one election time-out.
 * A successor that was told may campaign late, and others may answer it in spite of their promises. So from the moment
 * it is told, this leader has no lease for the rest of its term, even if the transfer seems to have failed.
 */
import { type MemberId, NOBODY } from './message.js';

export class Transfer {
  to: MemberId = NOBODY;
  /** The successor was told to campaign. */
  told = false;
  /** Some successor was told in this term. */
  leaseGivenUp = false;
  private dueMs = Number.POSITIVE_INFINITY;

  get underWay(): boolean {
    return this.to !== NOBODY;
  }

  get nextTickMs(): number {
    return this.dueMs;
  }

  begin(to: MemberId, dueMs: number): void {
    this.to = to;
    this.told = false;
    this.dueMs = dueMs;
  }

  tell(): void {
    this.told = true;
    this.leaseGivenUp = true;
  }

  abort(): void {
    this.to = NOBODY;
    this.told = false;
    this.dueMs = Number.POSITIVE_INFINITY;
  }

  tick(nowMs: number): void {
    if (nowMs >= this.dueMs) this.abort();
  }
}
