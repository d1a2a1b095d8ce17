/**
 * A lease is the promise of a quorum to follow nobody else while it lasts, and ends before the promise does, on whatever clocks. So
 * nobody's lease holds once another is elected in a later term; whether somebody reads by it then is chance.
 */
import type { NodeSlot } from '../../../src/node/replicas.js';
import { clockMs } from './peek.js';
import type { Tell } from './tell.js';

export class Leases {
  /** Highest term in which a leader was elected, by group. */
  private readonly newestTerms = new Map<number, number>();

  constructor(private readonly tell: Tell) {}

  elected(groupId: number, term: number): void {
    this.newestTerms.set(groupId, Math.max(term, this.newestTerms.get(groupId) ?? 0));
  }

  look(slot: NodeSlot): void {
    if (!slot.isLeader) return;
    const { groupId } = slot.birth;
    const { term } = slot.status;
    const newest = this.newestTerms.get(groupId) ?? 0;
    if (newest > term && slot.raft.leaseHolds(clockMs(slot)))
      this.tell.fail(`group ${groupId}: a lease of term ${term} holds, and term ${newest} has a leader`);
  }
}
