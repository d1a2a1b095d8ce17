/**
 * A table as CLUSTER commands describe it: who leads and follows which of the 16,384 hash slots, and where they listen.
 */
import { createHash } from 'node:crypto';
import type { Args, CommandRow } from '../commands/command.js';
import type { ClusterRangeView, TableView } from '../commands/session.js';
import { findRow } from '../commands/table.js';
import { array, integer, type Reply } from '../resp/reply.js';
import type { TableInfo } from '../rpc/topology.js';
import { hash14, hashRangeOfSlot, slotOfHash } from '../slot/hash.js';
import type { Leaders } from './leaders.js';
import type { TopologyView } from './topology.js';

interface ViewHost {
  readonly nodeId: number;
  readonly leaders: Leaders;
  topology(): TopologyView;
  members(groupId: number): readonly number[];
  isReachable(nodeId: number): boolean;
}

type RunOnSlot = (slot: number, row: CommandRow, argv: Args) => Promise<Reply>;

const SCAN_COUNT = '10000';
const POSITIONS_PER_HASH = 4294967296;

/** Forty hex digits that stay the same for a node's life. */
export function clusterNodeName(clusterId: string, nodeId: number): string {
  return createHash('sha1').update(`${clusterId}/${nodeId}`).digest('hex');
}

export function clusterTableView(host: ViewHost, table: TableInfo | undefined, run: RunOnSlot): TableView {
  const view = host.topology();
  const { clusterId } = view.topology;
  return {
    id: table?.tableId ?? 0,
    name: table?.name ?? '',
    slots: table?.slots ?? 1,
    nodes: () =>
      view.topology.nodes.map((node) => ({
        nodeId: node.nodeId,
        clusterNodeName: clusterNodeName(clusterId, node.nodeId),
        host: node.host,
        clusterPort: node.clusterPort,
        self: node.nodeId === host.nodeId,
        reachable: node.nodeId === host.nodeId || host.isReachable(node.nodeId),
      })),
    ranges: () => (table === undefined ? [] : rangesOf(host, table)),
    countKeysInHashSlot: (hashSlot) =>
      table === undefined ? Promise.resolve(integer(0)) : countKeys(hashSlot, table, run),
  };
}

/** One range a slot of the table, in order. */
function rangesOf(host: ViewHost, table: TableInfo): ClusterRangeView[] {
  const ranges: ClusterRangeView[] = [];
  table.groups.forEach((group, slot) => {
    const leader = host.leaders.of(group.groupId);
    const { first, last } = hashRangeOfSlot(slot, table.slots);
    if (last < first) return;
    const followerNodeIds = host
      .members(group.groupId)
      .filter((nodeId) => nodeId !== leader?.nodeId && host.topology().node(nodeId) !== undefined);
    ranges.push({ first, last, leaderNodeId: leader?.nodeId, followerNodeIds, term: leader?.term ?? 0 });
  });
  return ranges;
}

/** Walks the hash slot's part of the scan order. */
async function countKeys(hashSlot: number, table: TableInfo, run: RunOnSlot): Promise<Reply> {
  const slot = slotOfHash(hashSlot, table.slots);
  const row = findRow([Buffer.from('scan')])!;
  let cursor = String(hashSlot * POSITIONS_PER_HASH + 1);
  let count = 0;
  for (;;) {
    const reply = await run(
      slot,
      row,
      ['scan', cursor, 'count', SCAN_COUNT].map((word) => Buffer.from(word)),
    );
    if (reply.kind !== 'array') return reply;
    const [next, keys] = reply.items;
    const found = (keys?.kind === 'array' ? keys : array([])) as Reply & { kind: 'array' };
    for (const key of found.items) if (key.kind === 'bulk' && hash14(key.bytes) === hashSlot) count++;
    cursor = next?.kind === 'bulk' ? next.bytes.toString() : '0';
    const past = Math.floor((Number(cursor) - 1) / POSITIONS_PER_HASH) > hashSlot;
    if (cursor === '0' || past) return integer(count);
  }
}
