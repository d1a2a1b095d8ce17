/**
 * What the admin API shows: the durable state and what the nodes last said, put together. Pure reads.
 */
import type { AdminCluster, AdminNode, AdminReplica, AdminSlot, AdminTable } from '../rpc/admin-wire.js';
import { isAsWished, wishedNodeIds } from '../rpc/group-members.js';
import { encodeMode, encodeRole } from '../rpc/placement-wire.js';
import type { GroupInfo, GroupMember, ReportedConfiguration, TableInfo } from '../rpc/topology.js';
import type { Fleet } from './fleet.js';
import type { State } from './model.js';

export function clusterView(state: State, fleet: Fleet): AdminCluster {
  return {
    clusterId: state.cluster.clusterId,
    epoch: state.cluster.epoch,
    nodes: nodeViews(state, fleet),
    tables: state.tables.map((table) => ({ ...tableView(table), slotList: slotViews(table, fleet) })),
  };
}

export function nodeViews(state: State, fleet: Fleet): readonly AdminNode[] {
  const leaders = leadersByNode(state, fleet);
  return state.nodes.map(({ registrationKey: _secret, boot: _boot, ...node }) => ({
    ...node,
    pid: fleet.pidOf(node.nodeId),
    alive: fleet.isAlive(node.nodeId),
    leaders: leaders.get(node.nodeId) ?? 0,
  }));
}

export function tableView(table: TableInfo): AdminTable {
  return {
    tableId: table.tableId,
    name: table.name,
    slots: table.slots,
    replicas: table.replicas,
    mode: encodeMode(table.mode),
    passwordProtected: table.passwordHash !== undefined,
    slotList: [],
  };
}

export function slotViews(table: TableInfo, fleet: Fleet): readonly AdminSlot[] {
  return table.groups.map((group, slot) => slotView(group, slot, fleet));
}

function slotView(group: GroupInfo, slot: number, fleet: Fleet): AdminSlot {
  const leader = fleet.leaderOf(group.groupId);
  return {
    slot,
    groupId: group.groupId,
    leaderNodeId: leader?.nodeId ?? 0,
    term: leader?.report.term ?? 0,
    lastIndex: leader?.report.lastIndex ?? 0,
    commitIndex: leader?.report.commitIndex ?? 0,
    appliedIndex: leader?.report.appliedIndex ?? 0,
    replicas: replicaViews(group, fleet),
    ...membersView(group, leader?.report.configuration),
  };
}

/** What is wished, and what the leader says that there is. */
function membersView(
  group: GroupInfo,
  configuration: ReportedConfiguration | undefined,
): Pick<AdminSlot, 'wishedNodeIds' | 'voterNodeIds' | 'learnerNodeIds' | 'joint' | 'asWished'> {
  const nodesOf = (members: readonly GroupMember[] = []): number[] => members.map(({ nodeId }) => nodeId);
  return {
    wishedNodeIds: wishedNodeIds(group),
    voterNodeIds: nodesOf(configuration?.voters),
    learnerNodeIds: nodesOf(configuration?.learners),
    joint: configuration?.joint ?? false,
    asWished: configuration !== undefined && isAsWished(group, configuration),
  };
}

/** Wished members, and whoever else reports a replica of the group. */
function replicaViews(group: GroupInfo, fleet: Fleet): readonly AdminReplica[] {
  const nodeIds = new Set([...wishedNodeIds(group), ...fleet.holdersOf(group.groupId)]);
  return [...nodeIds].map((nodeId) => {
    const replica = fleet.replicaOf(nodeId, group.groupId);
    return {
      nodeId,
      role: replica ? encodeRole(replica.role) : 'REPLICA_ROLE_UNSPECIFIED',
      term: replica?.term ?? 0,
      lastIndex: replica?.lastIndex ?? 0,
      commitIndex: replica?.commitIndex ?? 0,
      appliedIndex: replica?.appliedIndex ?? 0,
      keys: replica?.keys ?? 0,
      damaged: fleet.damageOf(nodeId, group.groupId)?.why ?? '',
    };
  });
}

function leadersByNode(state: State, fleet: Fleet): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { groupId } of state.tables.flatMap((table) => table.groups)) {
    const nodeId = fleet.leaderOf(groupId)?.nodeId;
    if (nodeId !== undefined) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
  }
  return counts;
}
