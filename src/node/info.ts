/**
 * What a node says of itself: INFO, CONFIG GET and its name for cluster clients.
 */
import { redisVersion } from '../commands/connection.js';
import type { NodeView } from '../commands/session.js';
import { kebab } from '../config.js';
import { packageVersion } from '../rpc/package-root.js';
import { clusterNodeName } from './cluster-view.js';
import { blockThread, type DebugCommand } from './debug.js';
import type { Node } from './node.js';

/** Figures that the process knows and the node does not. */
export interface ProcessFigures {
  readonly pid: number;
  readonly port: number;
  connections(): number;
  counters(): {
    readonly connectionsAccepted: number;
    readonly connectionsRejected: number;
    readonly requests: number;
  };
  memoryBytes(): number;
  /** Sent to peers since the start. */
  sent(): { readonly messages: number; readonly frames: number; readonly bytes: number };
  uptimeSeconds(): number;
}

type Section = readonly (readonly [string, string])[];

export function nodeView(
  node: () => Node,
  settings: Readonly<Record<string, unknown>>,
  figures: ProcessFigures,
): NodeView {
  return {
    get nodeId() {
      return node().nodeId;
    },
    get clusterNodeName() {
      return clusterNodeName(node().clusterId, node().nodeId);
    },
    wallMs: () => node().wallMs(),
    debugCommand: (settings.enableDebugCommand as DebugCommand | undefined) ?? 'no',
    block: blockThread,
    config: () => configPairs(settings),
    info: () => [
      ['Server', serverSection(node(), figures)],
      ['Clients', [['connected_clients', String(figures.connections())]]],
      ['Memory', [['used_memory', String(figures.memoryBytes())]]],
      ['Pool', poolSection(node())],
      ['Persistence', persistenceSection(node())],
      ['Stats', statsSection(figures)],
      ['Replication', replicationSection(node())],
      ['Async', asyncSection(node())],
      ['Cluster', [['cluster_enabled', '0']]],
      ['Keyspace', keyspaceSection(node())],
    ],
  };
}

/** Secrets never get here: they are not settings that are shown. */
function configPairs(settings: Readonly<Record<string, unknown>>): [string, string][] {
  const shown = Object.entries(settings).filter(
    ([key, value]) => value !== undefined && key !== 'clusterToken',
  );
  const own = shown.map(([key, value]): [string, string] => [kebab(key), textOf(value)]);
  // Clients and benchmarks ask for these two by Redis' names.
  return [...own, ['save', ''], ['appendonly', 'yes'], ['maxclients', textOf(settings.maxClients)]];
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return Array.isArray(value) ? value.join(',') : String(value);
}

function serverSection(node: Node, figures: ProcessFigures): Section {
  return [
    ['redis_version', redisVersion],
    ['talus_version', packageVersion()],
    ['redis_mode', 'standalone'],
    ['process_id', String(figures.pid)],
    ['tcp_port', String(figures.port)],
    ['uptime_in_seconds', String(Math.floor(figures.uptimeSeconds()))],
    ['node_id', String(node.nodeId)],
    ['cluster_id', node.clusterId],
  ];
}

function persistenceSection(node: Node): Section {
  return [
    // Until it knows the tables: clients that look at this before they go on would SELECT in vain.
    ['loading', node.topology().isUnknown ? '1' : '0'],
    ['binlog_bytes', String(node.binlog.sizeBytes)],
    ['dirty_bytes', String(node.checkpointer.dirtyBytes)],
    ['disk_low', node.replicas.diskLow ? '1' : '0'],
  ];
}

/** The buffer pools of this node's slots together. */
function poolSection({ replicas, checkpointer, settings }: Node): Section {
  const { figures } = replicas;
  const poolBytes = [...replicas.all].reduce((sum, { state }) => sum + state.poolBytes, 0);
  return [
    ['pool_bytes', String(poolBytes)],
    ['pool_bytes_max', String(settings.slot.poolBytes)],
    ['pool_dirty_bytes', String(checkpointer.dirtyBytes)],
    ['pool_faults', String(figures.faults)],
    ['pool_reruns_most', String(figures.rerunsMost)],
    ['pool_records_loaded', String(figures.recordsLoaded)],
    ['pool_pages_loaded', String(figures.pagesLoaded)],
    ['pool_records_evicted', String(figures.recordsEvicted)],
    ['pool_pages_evicted', String(figures.pagesEvicted)],
    ['reads_refused', String(figures.readsRefused)],
  ];
}

function statsSection(figures: ProcessFigures): Section {
  const counters = figures.counters();
  return [
    ['total_connections_received', String(counters.connectionsAccepted)],
    ['rejected_connections', String(counters.connectionsRejected)],
    ['total_commands_processed', String(counters.requests)],
  ];
}

function replicationSection(node: Node): Section {
  const slots = [...node.replicas.all];
  return [
    ['role', 'master'],
    ['replicas', String(slots.length)],
    ['replicas_damaged', String(node.replicas.damaged.size)],
    ['slots_led', String(slots.filter((slot) => slot.isLeader).length)],
    ['snapshots_sent', String(node.snapshots.figures.sent)],
    ['snapshots_received', String(node.snapshots.figures.received)],
    ['snapshots_failed', String(node.snapshots.figures.failed)],
    ['placement_manager', node.placementUp ? 'up' : 'down'],
  ];
}

/** Of tables whose leaders answer before the majority: what was lost here with a leader that this node was, since it started. */
function asyncSection(node: Node): Section {
  const { cuts, all } = node.replicas;
  const slots = [...all].filter(({ birth }) => birth.isAsync);
  const tables = node.topology().topology.tables.filter(({ mode }) => mode === 'async');
  return [
    ['async_tables', tables.map(({ name }) => name).join(',')],
    ['async_replicas', String(slots.length)],
    ['async_replicas_ahead', String(slots.filter((slot) => slot.isAhead).length)],
    ['async_rollbacks', String(cuts.rollbacks)],
    ['async_writes_cut', String(cuts.writes)],
    ['async_keys_cut', String(cuts.keys)],
    ['async_writes_in_doubt', String(cuts.doubtfulWrites)],
  ];
}

/** Keys of the slots led here: what this node can vouch for. */
function keyspaceSection(node: Node): Section {
  const keys = new Map<number, number>();
  for (const slot of node.replicas.all) {
    if (slot.isLeader) keys.set(slot.birth.tableId, (keys.get(slot.birth.tableId) ?? 0) + slot.state.keys);
  }
  const held = [...keys].filter(([, count]) => count > 0).sort(([a], [b]) => a - b);
  return held.map(([tableId, count]) => [`db${tableId}`, `keys=${count},expires=0,avg_ttl=0`]);
}
