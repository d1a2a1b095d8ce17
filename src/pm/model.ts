/**
 * What PM keeps: one `cluster` record (identity, epoch, counters), one record a node, one a table. Plain data, no I/O.
 *
 * Invariants:
 *   - Every change rewrites the cluster record, which compares its revision: changes are one line of history.
 *   - Counters only grow and are taken in the same transaction as what they number: no id is ever given twice.
 *   - A table's record holds its groups whole, with birth sets and wished members; it is written before any node hears of it.
 *   - A birth set never changes. A group's incarnations are numbered in the transaction that first wishes for them.
 * A table of 16,384 slots is about 0.5 MB of record, 1 MB once its members were changed: below etcd's request limit of 1.5 MB.
 */
import { invariant } from '../assert.js';
import { DEFAULT_TABLE_ID, type NodeInfo, type TableInfo, type Topology } from '../rpc/topology.js';
import { decodeGroupRow, encodeGroupRow, type GroupRow } from './group-row.js';
import type { StoreRecord, StoreWrite } from './store.js';

/** Everything PM lists and watches. */
export const METADATA_PREFIX = 'meta/';
export const CLUSTER_KEY = 'meta/cluster';
const NODE_PREFIX = 'meta/nodes/';
const TABLE_PREFIX = 'meta/tables/';

export const DEFAULT_TABLE_NAME = 'default';
export const MODEL_VERSION = 1;
/** A node that was away for longer than so many drops keeps the older ones' data. */
export const DROPPED_TABLES_MAX = 10_000;

export interface ClusterRecord {
  readonly version: number;
  readonly clusterId: string;
  readonly epoch: number;
  readonly nextNodeId: number;
  readonly nextTableId: number;
  readonly nextGroupId: number;
  /** The newest `DROPPED_TABLES_MAX`: nodes clear the data of what is named here, never of what is merely missing. */
  readonly droppedTableIds?: readonly number[];
  /** Random, new in each transaction: reading it back tells whose transaction was the last to happen. */
  readonly commitId: string;
}

export interface NodeRecord extends NodeInfo {
  readonly registrationKey: string;
}

export interface State {
  readonly cluster: ClusterRecord;
  /** By id, ascending. */
  readonly nodes: readonly NodeRecord[];
  readonly tables: readonly TableInfo[];
}

/** A change of the state, before it is numbered and written. */
export interface Change {
  readonly cluster?: Partial<
    Pick<ClusterRecord, 'nextNodeId' | 'nextTableId' | 'nextGroupId' | 'droppedTableIds'>
  >;
  readonly putNode?: NodeRecord;
  readonly putTable?: TableInfo;
  readonly dropTableId?: number;
}

export function firstCluster(clusterId: string): ClusterRecord {
  return {
    version: MODEL_VERSION,
    clusterId,
    epoch: 1,
    nextNodeId: 1,
    nextTableId: DEFAULT_TABLE_ID + 1,
    nextGroupId: 1,
    commitId: '',
  };
}

/** Undefined while the cluster record has not been written. */
export function decodeState(records: readonly StoreRecord[]): State | undefined {
  const clusterRecord = records.find(({ key }) => key === CLUSTER_KEY);
  if (clusterRecord === undefined) return undefined;
  const cluster = JSON.parse(clusterRecord.value) as ClusterRecord;
  invariant(cluster.version === MODEL_VERSION, 'metadata of another version', { found: cluster.version });
  const under = (prefix: string): readonly StoreRecord[] =>
    records.filter(({ key }) => key.startsWith(prefix));
  return {
    cluster,
    nodes: under(NODE_PREFIX)
      .map(({ value }) => JSON.parse(value) as NodeRecord)
      .sort((a, b) => a.nodeId - b.nodeId),
    tables: under(TABLE_PREFIX)
      .map(({ value }) => decodeTable(value))
      .sort((a, b) => a.tableId - b.tableId),
  };
}

export function writesOf(cluster: ClusterRecord, change: Change): readonly StoreWrite[] {
  const writes: StoreWrite[] = [{ kind: 'put', key: CLUSTER_KEY, value: JSON.stringify(cluster) }];
  const { putNode, putTable, dropTableId } = change;
  if (putNode)
    writes.push({ kind: 'put', key: NODE_PREFIX + putNode.nodeId, value: JSON.stringify(putNode) });
  if (putTable)
    writes.push({ kind: 'put', key: TABLE_PREFIX + putTable.tableId, value: encodeTable(putTable) });
  if (dropTableId !== undefined) writes.push({ kind: 'delete', key: TABLE_PREFIX + dropTableId });
  return writes;
}

/** The state after `change`, as decodeState would read it back. */
export function applyChange(state: State, cluster: ClusterRecord, change: Change): State {
  const { putNode, putTable, dropTableId } = change;
  return {
    cluster,
    nodes: putNode ? replaced(state.nodes, putNode, (node) => node.nodeId) : state.nodes,
    tables: putTable
      ? replaced(state.tables, putTable, (table) => table.tableId)
      : state.tables.filter((table) => table.tableId !== dropTableId),
  };
}

/** What nodes are told. */
export function topologyOf(state: State): Topology {
  return {
    clusterId: state.cluster.clusterId,
    epoch: state.cluster.epoch,
    nodes: state.nodes.map(({ registrationKey: _secret, ...info }) => info),
    tables: state.tables,
    ...(state.cluster.droppedTableIds && { droppedTableIds: state.cluster.droppedTableIds }),
  };
}

export function tableNamed(state: State, name: string): TableInfo | undefined {
  return state.tables.find((table) => table.name === name);
}

function replaced<T>(list: readonly T[], item: T, idOf: (item: T) => number): readonly T[] {
  const others = list.filter((other) => idOf(other) !== idOf(item));
  return [...others, item].sort((a, b) => idOf(a) - idOf(b));
}

/** Groups as rows (group-row.ts): half the bytes of named fields. */
function encodeTable(table: TableInfo): string {
  return JSON.stringify({ ...table, groups: table.groups.map(encodeGroupRow) });
}

function decodeTable(text: string): TableInfo {
  const stored = JSON.parse(text) as Omit<TableInfo, 'groups'> & { readonly groups: readonly GroupRow[] };
  return { ...stored, groups: stored.groups.map(decodeGroupRow) };
}
