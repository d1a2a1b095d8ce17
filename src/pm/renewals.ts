/**
 * Members that can't go on are wished anew: on the same node, under the next incarnation. Pure.
 *
 * Only where the group lives without them: it has a leader, elsewhere, and the voters that would remain have a majority of living
 * nodes that report nothing wrong with their own copy. Leaders make sure of it once more before they change anything. A group that
 * doesn't live is left as it is: what is damaged may be all that is left of it.
 */
import { hasMember, INCARNATION_MAX, wishedMembers } from '../rpc/group-members.js';
import type { DamagedMember, GroupInfo, GroupMember } from '../rpc/topology.js';
import type { LeaderView } from './fleet.js';
import type { Change, State } from './model.js';

/** What the nodes say. */
export interface RenewalView {
  isAlive(nodeId: number): boolean;
  leaderOf(groupId: number): LeaderView | undefined;
  damageOf(nodeId: number, groupId: number): DamagedMember | undefined;
}

/** The first table with members to renew; undefined when there is none. To be asked again after that one. */
export function renewalOf(state: State, nodeId: number, view: RenewalView): Change | undefined {
  for (const table of state.tables) {
    let renewed = 0;
    const groups = table.groups.map((group) => {
      const damaged = view.damageOf(nodeId, group.groupId);
      if (damaged === undefined || !isToBeRenewed(group, { nodeId, ...damaged }, view)) return group;
      renewed++;
      return withRenewed(group, nodeId);
    });
    if (renewed > 0) return { putTable: { ...table, groups } };
  }
  return undefined;
}

function isToBeRenewed(group: GroupInfo, member: GroupMember, view: RenewalView): boolean {
  if (!hasMember(wishedMembers(group), member)) return false;
  if ((group.nextIncarnation ?? 1) >= INCARNATION_MAX) return false;
  const leader = view.leaderOf(group.groupId);
  if (leader === undefined || leader.nodeId === member.nodeId) return false;
  const voters = leader.report.configuration?.voters ?? [];
  const others = voters.filter((voter) => voter.nodeId !== member.nodeId);
  const healthy = others.filter(
    ({ nodeId }) => view.isAlive(nodeId) && view.damageOf(nodeId, group.groupId) === undefined,
  );
  return healthy.length * 2 > others.length;
}

function withRenewed(group: GroupInfo, nodeId: number): GroupInfo {
  const incarnation = group.nextIncarnation ?? 1;
  const members = wishedMembers(group).map((member) =>
    member.nodeId === nodeId ? { nodeId, incarnation } : member,
  );
  return { ...group, members, nextIncarnation: incarnation + 1 };
}
