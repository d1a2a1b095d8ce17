/**
 * The members that this node once was and is no more: dropped, removed, or damaged. None of them is ever born again, because
 * it has promised what is now forgotten.
 */
import type { MemberId } from '../raft/message.js';
import type { Birth } from '../slot/birth.js';

export class PastMembers {
  private readonly byGroup = new Map<number, Set<MemberId>>();

  get groupIds(): Iterable<number> {
    return this.byGroup.keys();
  }

  add({ groupId, memberId }: Birth): void {
    const members = this.byGroup.get(groupId) ?? new Set();
    this.byGroup.set(groupId, members.add(memberId));
  }

  has(groupId: number, memberId: MemberId): boolean {
    return this.byGroup.get(groupId)?.has(memberId) === true;
  }

  /** Whatever member of the group it was. */
  hasAny(groupId: number): boolean {
    return this.byGroup.has(groupId);
  }
}
