/**
 * A group's wished members, and whether what its leader has applied is what is wished. Pure.
 */
import type { GroupInfo, GroupMember, ReportedConfiguration } from './topology.js';

/** A member's id is `incarnation * 2^32 + nodeId` and must stay a safe integer. */
export const INCARNATION_MAX = 2 ** 21 - 1;

export function wishedMembers(group: GroupInfo): readonly GroupMember[] {
  return group.members ?? group.birthNodeIds.map((nodeId) => ({ nodeId, incarnation: 0 }));
}

export function wishedNodeIds(group: GroupInfo): readonly number[] {
  return group.members?.map(({ nodeId }) => nodeId) ?? group.birthNodeIds;
}

/** These members, all of them voters, and nobody else; nothing under way. */
export function isAsWished(group: GroupInfo, configuration: ReportedConfiguration): boolean {
  const { voters, learners, joint } = configuration;
  if (joint || learners.length > 0) return false;
  const wished = wishedMembers(group);
  return wished.length === voters.length && wished.every((member) => hasMember(voters, member));
}

export function hasMember(members: readonly GroupMember[], { nodeId, incarnation }: GroupMember): boolean {
  return members.some((member) => member.nodeId === nodeId && member.incarnation === incarnation);
}
