/**
 * The node's Prometheus metrics: read off the node when scraped, so that nothing is counted twice on the hot path.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ProcessFigures } from './info.js';
import type { Node } from './node.js';

export function nodeMetrics(node: Node, figures: ProcessFigures): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
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
  gauge('requests_outstanding', 'Requests taken and not answered', () =>
    sum((slot) => slot.requests.outstanding),
  );
  gauge('dirty_bytes', 'Records not yet in the engine', () => node.checkpointer.dirtyBytes);
  gauge('binlog_bytes', 'Size of the binlog', () => node.binlogBytes);
  gauge('disk_low', '1 while writes are refused for want of disk', () => (node.replicas.diskLow ? 1 : 0));
  gauge('clients', 'Client connections', () => figures.connections());
  gauge('requests_total', 'Requests since the start', () => figures.counters().requests);
  const snapshots = (): Node['snapshots']['figures'] => node.snapshots.figures;
  gauge('snapshots_active', 'Snapshots under way or waiting, both ways', () => node.snapshots.active);
  gauge('snapshots_sent_total', 'Snapshots that a peer installed', () => snapshots().sent);
  gauge('snapshots_received_total', 'Snapshots installed here', () => snapshots().received);
  gauge('snapshots_failed_total', 'Snapshots that failed, both ways', () => snapshots().failed);
  gauge('snapshot_sent_bytes_total', 'Bytes of snapshots sent', () => snapshots().sentBytes);
  gauge('snapshot_received_bytes_total', 'Bytes of snapshots received', () => snapshots().receivedBytes);
  gauge('topology_epoch', 'Epoch of the topology in use', () => node.topology().epoch);
  gauge('placement_up', '1 while the placement manager is reachable', () => (node.placementUp ? 1 : 0));
  return registry;
}
