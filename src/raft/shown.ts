/**
 * What the outside was last told of role, term and leader.
 */
import { type MemberId, NOBODY, type Term } from './message.js';
import type { RaftStatus } from './ready.js';

export class Shown {
  private role: RaftStatus['role'] = 'follower';
  private leader: MemberId = NOBODY;

  constructor(private term: Term) {}

  /** True when it is news; then it has been told. */
  isNews(role: RaftStatus['role'], term: Term, leader: MemberId): boolean {
    if (!this.wouldBeNews(role, term, leader)) return false;
    this.role = role;
    this.term = term;
    this.leader = leader;
    return true;
  }

  wouldBeNews(role: RaftStatus['role'], term: Term, leader: MemberId): boolean {
    return this.role !== role || this.term !== term || this.leader !== leader;
  }
}
