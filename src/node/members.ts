/**
 * A group's members as this node knows them: the wish of the newest topology, and what the local replica's log says. Pure.
 */
import type { Configuration, MemberId } from '../raft/message.js';
import { wishedMembers, wishedNodeIds } from '../rpc/group-members.js';
import type { GroupInfo, GroupMember, NodeInfo, ReportedConfiguration } from '../rpc/topology.js';
import type { PeerAddress } from '../rpc/transport.js';
import { incarnationOf, memberOf, nodeOf } from '../slot/birth.js';
import type { NodeSlot } from './replicas.js';

export function wishOf(group: GroupInfo): readonly MemberId[] {
  return wishedMembers(group).map(({ nodeId, incarnation }) => memberOf(nodeId, incarnation));
}

/** A wished replica that a node has, or is to have by birth. A newcomer is not held before it is there. */
export function isHeld(group: GroupInfo, nodeId: number, slot: NodeSlot | undefined): boolean {
  return wishOf(group).includes(slot?.birth.memberId ?? memberOf(nodeId, 0));
}

/** Nodes that have the group, or are about to: whoever may know its leader. Sorted. */
export function nodesOf(
  group: GroupInfo | undefined,
  configuration: Configuration | undefined,
): readonly number[] {
  const nodes = new Set(group === undefined ? [] : wishedNodeIds(group));
  for (const member of configuration === undefined ? [] : everyMember(configuration))
    nodes.add(nodeOf(member));
  return [...nodes].sort((a, b) => a - b);
}

/** Where a peer listens. */
export function addressOf({ nodeId, host, peerPort, boot }: NodeInfo): PeerAddress {
  return { nodeId, host, port: peerPort, ...(boot && { boot }) };
}

export function reportedConfiguration(configuration: Configuration): ReportedConfiguration {
  const { voters, votersOutgoing, learners } = configuration;
  return {
    voters: voters.map(groupMember),
    learners: learners.map(groupMember),
    joint: votersOutgoing.length > 0,
  };
}

export function handOver(
  slot: NodeSlot,
  wish: readonly MemberId[] | undefined,
  isReachable: (nodeId: number) => boolean,
): void {
  if (slot.status.transferringTo !== 0) return;
  const nodeId = successorOf(slot, wish, isReachable);
  if (nodeId !== undefined) slot.transferTo(nodeId);
}

/** Who takes a slot's leadership over: spread by slot, wished voters before others; undefined: nobody can be reached. */
function successorOf(
  { birth, status }: NodeSlot,
  wish: readonly MemberId[] | undefined,
  isReachable: (nodeId: number) => boolean,
): number | undefined {
  const others = status.configuration.voters.filter(
    (member) => member !== birth.memberId && isReachable(nodeOf(member)),
  );
  const wished = others.filter((member) => wish?.includes(member) !== false);
  const choice = wished.length > 0 ? wished : others;
  const member = choice[birth.slot % Math.max(1, choice.length)];
  return member === undefined ? undefined : nodeOf(member);
}

export function everyMember(configuration: Configuration): readonly MemberId[] {
  const { voters, votersOutgoing, learners } = configuration;
  return [...voters, ...votersOutgoing, ...learners];
}

function groupMember(member: MemberId): GroupMember {
  return { nodeId: nodeOf(member), incarnation: incarnationOf(member) };
}
