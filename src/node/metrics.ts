/**
 * The node's Prometheus metrics: read off the node when scraped, so that nothing is counted twice on the hot path.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { PoolFigures } from '../slot/pool-figures.js';
import type { ProcessFigures } from './info.js';
import type { Node } from './node.js';

const LOOP_LOOK_MS = 20;

export function nodeMetrics(node: Node, figures: ProcessFigures): Registry {
  const registry = new Registry();
  // The loop is looked at so often, for its lag: each look wakes an idle process.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_LOOK_MS });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `talus_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  const slots = (): Node['replicas']['all'] => node.replicas.all;
  const sum = (of: (slot: ReturnType<Node['replicas']['get']> & object) => number): number =>
    [...slots()].reduce((total, slot) => total + of(slot), 0);
  gauge('replicas', 'Replicas on this node', () => sum(() => 1));
  gauge('replicas_damaged', 'Replicas that are damaged and stay shut', () => node.replicas.damaged.size);
  gauge('slots_led', 'Slots that this node leads', () => sum((slot) => (slot.isLeader ? 1 : 0)));
  gauge('slots_asleep', 'Replicas of idle slots, for which no timer runs', () =>
    sum((slot) => (slot.status.asleep ? 1 : 0)),
  );
  gauge('keys', 'Keys of the replicas on this node', () => sum((slot) => slot.state.keys));
  gauge('pool_bytes', 'Records and pages in memory', () => sum((slot) => slot.state.poolBytes));
  gauge('reclaiming', 'Replicas that may have pages of keys that are gone left to remove', () =>
    sum((slot) => (slot.state.pages.mayHaveLeftovers ? 1 : 0)),
  );
  poolMetrics(gauge, node);
  gauge('requests_outstanding', 'Requests taken and not answered', () =>
    sum((slot) => slot.requests.outstanding),
  );
  gauge('dirty_bytes', 'Records not yet in the engine', () => node.checkpointer.dirtyBytes);
  gauge('binlog_bytes', 'Size of the binlog', () => node.binlog.sizeBytes);
  const binlog = (): Node['binlog']['figures'] => node.binlog.figures;
  gauge('binlog_batches_total', 'Batches, each one write and one sync', () => binlog().batches);
  gauge('binlog_records_total', 'Records of all kinds in them', () => binlog().records);
  gauge('binlog_entries_total', 'Raft entries in them', () => binlog().entries);
  gauge('binlog_written_bytes_total', 'Bytes of them', () => binlog().bytes);
  gauge('peer_messages_sent_total', 'gRPC messages sent to peers', () => figures.sent().messages);
  gauge('peer_frames_sent_total', 'Frames in them', () => figures.sent().frames);
  gauge('peer_sent_bytes_total', 'Bytes of them', () => figures.sent().bytes);
  gauge('disk_low', '1 while the disk has little room', () => (node.replicas.diskLow ? 1 : 0));
  gauge('clients', 'Client connections', () => figures.connections());
  gauge('requests_total', 'Requests since the start', () => figures.counters().requests);
  const snapshots = (): Node['snapshots']['figures'] => node.snapshots.figures;
  gauge('snapshots_active', 'Snapshots under way or waiting, both ways', () => node.snapshots.active);
  gauge('snapshots_sent_total', 'Snapshots that a peer installed', () => snapshots().sent);
  gauge('snapshots_received_total', 'Snapshots installed here', () => snapshots().received);
  gauge('snapshots_failed_total', 'Snapshots that failed, both ways', () => snapshots().failed);
  gauge('snapshot_sent_bytes_total', 'Bytes of snapshots sent', () => snapshots().sentBytes);
  gauge('snapshot_received_bytes_total', 'Bytes of snapshots received', () => snapshots().receivedBytes);
  cutMetrics(gauge, node);
  gauge('topology_epoch', 'Epoch of the topology in use', () => node.topology().epoch);
  gauge('placement_up', '1 while the placement manager is reachable', () => (node.placementUp ? 1 : 0));
  return registry;
}

function poolMetrics(gauge: (name: string, help: string, read: () => number) => void, node: Node): void {
  const figures = (): PoolFigures => node.replicas.figures;
  gauge(
    'pool_faults_total',
    'Runs that lacked something in memory, each time they did',
    () => figures().faults,
  );
  gauge('pool_reruns_most', 'Most times that one run was begun again', () => figures().rerunsMost);
  gauge('pool_records_loaded_total', 'Records read from the engine', () => figures().recordsLoaded);
  gauge('pool_pages_loaded_total', 'Pages read from the engine', () => figures().pagesLoaded);
  gauge('pool_records_evicted_total', 'Records dropped from memory', () => figures().recordsEvicted);
  gauge('pool_pages_evicted_total', 'Pages dropped from memory', () => figures().pagesEvicted);
  gauge('reads_refused_total', 'Reads whose reply would be too large', () => figures().readsRefused);
}

function cutMetrics(gauge: (name: string, help: string, read: () => number) => void, node: Node): void {
  const { cuts } = node.replicas;
  gauge(
    'async_rollbacks_total',
    'Replicas of async tables that went back to a checkpoint',
    () => cuts.rollbacks,
  );
  gauge('async_writes_cut_total', 'Writes of async tables lost with this leader', () => cuts.writes);
  gauge('async_keys_cut_total', 'Keys that those writes named', () => cuts.keys);
  gauge('async_writes_in_doubt_total', 'Writes of async tables of unknown fate', () => cuts.doubtfulWrites);
}
