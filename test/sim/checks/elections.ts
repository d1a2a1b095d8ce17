/**
 * Election safety: one leader a group and term, over all lives; and a vote is a function (group, term, voter) -> candidate for the
 * voter's whole life, across crashes.
 */
import type { Tell } from './tell.js';

export class Elections {
  private readonly leaders = new Map<string, number>();
  private readonly votes = new Map<string, number>();
  /** Who stood first in a term. */
  private readonly candidates = new Map<string, number>();

  constructor(private readonly tell: Tell) {}

  /** True when this leadership is news. */
  leads(groupId: number, term: number, ownerId: number): boolean {
    const key = `${groupId}/${term}`;
    const before = this.leaders.get(key);
    if (before !== undefined && before !== ownerId)
      this.tell.fail(`group ${groupId}, term ${term}: both ${before} and ${ownerId} lead`);
    this.leaders.set(key, ownerId);
    return before === undefined;
  }

  stood(groupId: number, term: number, candidate: number): void {
    const key = `${groupId}/${term}`;
    const first = this.candidates.get(key);
    if (first === undefined) this.candidates.set(key, candidate);
    else if (first !== candidate) this.tell.counted('two candidates in one term');
    this.voted(groupId, term, candidate, candidate);
  }

  voted(groupId: number, term: number, voter: number, candidate: number): void {
    const key = `${groupId}/${term}/${voter}`;
    const before = this.votes.get(key);
    if (before === undefined) this.votes.set(key, candidate);
    else if (before !== candidate)
      this.tell.fail(`group ${groupId}, term ${term}: ${voter} voted for ${before} and for ${candidate}`);
  }
}
