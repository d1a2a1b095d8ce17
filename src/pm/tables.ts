/**
 * From a wish for a table, and the state, to the change that makes it; the change that gives its slots more replicas or
 * fewer; and the one that drops it. Pure.
 */
import { hasMember, INCARNATION_MAX, wishedMembers, wishedNodeIds } from '../rpc/group-members.js';
import { DEFAULT_TABLE_ID, type GroupInfo, type GroupMember, type TableInfo } from '../rpc/topology.js';
import { PmError } from './errors.js';
import { type Change, DEFAULT_TABLE_NAME, DROPPED_TABLES_MAX, type State, tableNamed } from './model.js';
import { type Place, placesOf, planPlacement, replicasByNode } from './plan.js';
import { planResize } from './resize.js';
import type { TableWish } from './validate.js';

export interface TableDefaults {
  readonly slots: number;
  /** As many as there are nodes, if fewer, rounded down to an odd number. */
  readonly replicas: number;
  readonly password?: string;
}

export interface HashedWish extends Omit<TableWish, 'password'> {
  readonly passwordHash: string | undefined;
}

/** What the nodes say. */
export interface FleetView {
  isAlive(nodeId: number): boolean;
  /** Undefined while no leader tells. */
  votersOf(groupId: number): readonly GroupMember[] | undefined;
}

const SLOTS_DEFAULT = 16;
const REPLICAS_DEFAULT = 3;

/** For a new table: who is alive, and who shall lead where it can. */
export interface BirthView {
  isAlive(nodeId: number): boolean;
  readonly preferred: ReadonlySet<number>;
}

export function tableOf(state: State, wish: HashedWish, fleet: BirthView): Change {
  const nodes = state.nodes.filter((node) => fleet.isAlive(node.nodeId));
  const slots = wish.slots ?? SLOTS_DEFAULT;
  const replicas = replicasFor(wish, nodes);
  const held = replicasByNode(state.tables.flatMap((table) => table.groups));
  const sets = planPlacement({
    nodes: nodes.map((node) => ({ ...node, replicas: held.get(node.nodeId) ?? 0 })),
    slots,
    replicas,
  });
  const firstGroupId = state.cluster.nextGroupId;
  const groups = sets.map((set, slot): GroupInfo => {
    // The first in birth order campaigns first.
    const ahead = set.filter((nodeId) => fleet.preferred.has(nodeId));
    const birthNodeIds = [...ahead, ...set.filter((nodeId) => !ahead.includes(nodeId))];
    return { groupId: firstGroupId + slot, birthNodeIds };
  });
  const isDefault = wish.name === DEFAULT_TABLE_NAME;
  const tableId = isDefault ? DEFAULT_TABLE_ID : state.cluster.nextTableId;
  const { passwordHash } = wish;
  const putTable: TableInfo = {
    tableId,
    name: wish.name,
    slots,
    replicas,
    mode: wish.mode,
    ...(passwordHash === undefined ? {} : { passwordHash }),
    groups,
  };
  const nextTableId = isDefault ? state.cluster.nextTableId : tableId + 1;
  return { putTable, cluster: { nextTableId, nextGroupId: firstGroupId + slots } };
}

/**
 * Wishes for other members of the table's groups; undefined when the wish stands already, whether it has come true or not.
 * Survivors keep their incarnation: they are the members that they are. A newcomer is always a new member, also on a node that
 * held the group before.
 */
export function resizeOf(state: State, name: string, replicas: number, fleet: FleetView): Change | undefined {
  const table = tableNamed(state, name);
  if (!table) throw new PmError('NOT_FOUND', `there is no table ${JSON.stringify(name)}`);
  const isWished = table.groups.every((group) => wishedNodeIds(group).length === replicas);
  if (isWished && table.replicas === replicas) return undefined;
  const nodes = state.nodes.map((node) => ({ ...node, alive: fleet.isAlive(node.nodeId) }));
  refuseTooMany(
    replicas,
    nodes.filter(({ alive }) => alive),
  );
  const others = state.tables.filter((other) => other !== table);
  const held = replicasByNode(others.flatMap(({ groups }) => groups));
  const sets = planResize({
    nodes: nodes.map((node) => ({ ...node, replicas: held.get(node.nodeId) ?? 0 })),
    sets: table.groups.map((group) => {
      const voters = fleet.votersOf(group.groupId) ?? wishedMembers(group);
      const absent = wishedMembers(group).filter((member) => !hasMember(voters, member));
      return { nodeIds: wishedNodeIds(group), absent: absent.map(({ nodeId }) => nodeId) };
    }),
    replicas,
  });
  const groups = table.groups.map((group, slot) => withMembers(group, sets[slot]!));
  return { putTable: { ...table, replicas, groups } };
}

export function dropOf(state: State, name: string): Change {
  if (name === DEFAULT_TABLE_NAME) {
    throw new PmError('FAILED_PRECONDITION', 'table default cannot be dropped; FLUSHDB empties it');
  }
  const table = tableNamed(state, name);
  if (!table) throw new PmError('NOT_FOUND', `there is no table ${JSON.stringify(name)}`);
  const dropped = [...(state.cluster.droppedTableIds ?? []), table.tableId];
  return { dropTableId: table.tableId, cluster: { droppedTableIds: dropped.slice(-DROPPED_TABLES_MAX) } };
}

function withMembers(group: GroupInfo, nodeIds: readonly number[]): GroupInfo {
  const before = new Map(wishedMembers(group).map((member) => [member.nodeId, member]));
  let next = group.nextIncarnation ?? 1;
  const members = nodeIds.map((nodeId): GroupMember => before.get(nodeId) ?? { nodeId, incarnation: next++ });
  if (next > INCARNATION_MAX) {
    const why = `group ${group.groupId} has had ${INCARNATION_MAX} members, as many as there are ids`;
    throw new PmError('FAILED_PRECONDITION', why);
  }
  return { ...group, members, nextIncarnation: next };
}

function replicasFor(wish: HashedWish, alive: readonly Place[]): number {
  const wanted = wish.replicas ?? Math.min(REPLICAS_DEFAULT, largestOdd(placesOf(alive)));
  refuseTooMany(wanted, alive);
  return wanted;
}

function refuseTooMany(replicas: number, alive: readonly Place[]): void {
  const places = placesOf(alive);
  if (places === 0) throw new PmError('FAILED_PRECONDITION', 'no node is alive to hold a table');
  if (replicas <= places) return;
  const what = places < alive.length ? `machines of the ${alive.length} nodes alive` : 'nodes alive';
  const why = `replicas: ${replicas} are more than the ${places} ${what}, expected at most ${largestOdd(places)}`;
  throw new PmError('FAILED_PRECONDITION', why);
}

/** The largest odd number up to `count`, which is at least 1. */
export function largestOdd(count: number): number {
  return count % 2 === 1 ? count : count - 1;
}
