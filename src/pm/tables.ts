/**
 * From a wish for a table, and the state, to the change that makes it; and the change that drops one. Pure.
 */
import type { GroupInfo, TableInfo } from '../rpc/topology.js';
import { PmError } from './errors.js';
import {
  type Change,
  DEFAULT_TABLE_ID,
  DEFAULT_TABLE_NAME,
  DROPPED_TABLES_MAX,
  type State,
  tableNamed,
} from './model.js';
import { planPlacement, replicasByNode } from './plan.js';
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

const SLOTS_DEFAULT = 16;
const REPLICAS_DEFAULT = 3;

export function tableOf(state: State, wish: HashedWish, isAlive: (nodeId: number) => boolean): Change {
  const nodes = state.nodes.filter((node) => isAlive(node.nodeId));
  const slots = wish.slots ?? SLOTS_DEFAULT;
  const replicas = replicasFor(wish, nodes.length);
  const held = replicasByNode(state.tables.flatMap((table) => table.groups));
  const sets = planPlacement({
    nodes: nodes.map((node) => ({ ...node, replicas: held.get(node.nodeId) ?? 0 })),
    slots,
    replicas,
  });
  const firstGroupId = state.cluster.nextGroupId;
  const groups = sets.map((set, slot): GroupInfo => ({ groupId: firstGroupId + slot, birthNodeIds: set }));
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

export function dropOf(state: State, name: string): Change {
  if (name === DEFAULT_TABLE_NAME) {
    throw new PmError('FAILED_PRECONDITION', 'table default cannot be dropped; FLUSHDB empties it');
  }
  const table = tableNamed(state, name);
  if (!table) throw new PmError('NOT_FOUND', `there is no table ${JSON.stringify(name)}`);
  const dropped = [...(state.cluster.droppedTableIds ?? []), table.tableId];
  return { dropTableId: table.tableId, cluster: { droppedTableIds: dropped.slice(-DROPPED_TABLES_MAX) } };
}

function replicasFor(wish: HashedWish, alive: number): number {
  if (alive === 0) throw new PmError('FAILED_PRECONDITION', 'no node is alive to hold a table');
  const wanted = wish.replicas ?? Math.min(REPLICAS_DEFAULT, largestOdd(alive));
  if (wanted <= alive) return wanted;
  const why = `replicas: ${wanted} are more than the ${alive} nodes alive, expected at most ${largestOdd(alive)}`;
  throw new PmError('FAILED_PRECONDITION', why);
}

/** The largest odd number up to `count`, which is at least 1. */
export function largestOdd(count: number): number {
  return count % 2 === 1 ? count : count - 1;
}
