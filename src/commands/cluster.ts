/**
 * CLUSTER: the connection's table as a Redis Cluster client expects to see it.
 *
 * Each contiguous range of hash slots has its own leader and followers, so a node leads some ranges and follows others. SLOTS
 * and SHARDS can say so, range by range. NODES can't: there every node is a master, with the ranges that it leads.
 * A range whose leader is unknown at the moment is still listed in SLOTS, with its followers: any of them takes the command
 * on. Epochs are Raft terms. Left out: what changes a cluster (placement does that) and READONLY's effect (the session's).
 */
import { array, bulk, error, integer, map, OK, type Reply } from '../resp/reply.js';
import { HASH_SLOTS, hash14 } from '../slot/hash.js';
import { integerArgument } from './arguments.js';
import { CommandError, type LocalRow, type RowBase } from './command.js';
import { SYNTAX_ERROR } from './errors.js';
import type { ClusterNodeView, ClusterRangeView, TableView } from './session.js';
import { helpReply, textReply } from './text.js';
import { traits } from './traits.js';

const SHARED = { group: 'cluster', complexity: 'O(N) where N is the number of nodes and ranges' } as const;

function subcommand(
  fields: Pick<RowBase, 'name' | 'summary' | 'since'> & Pick<LocalRow, 'local'>,
  arity = 2,
  flags: readonly string[] = ['loading', 'stale'],
): LocalRow {
  return { ...SHARED, arity, ...traits([], flags), ...fields };
}

const slots = subcommand({
  name: 'cluster|slots',
  summary: 'Returns the mapping of cluster slots to nodes.',
  since: '3.0.0',
  local: ({ table }) => array(table.ranges().map((range) => slotsEntry(range, nodesById(table)))),
});

type NodesById = ReadonlyMap<number, ClusterNodeView>;

function nodesById(table: TableView): NodesById {
  return new Map(table.nodes().map((node) => [node.nodeId, node]));
}

function slotsEntry(range: ClusterRangeView, nodes: NodesById): Reply {
  const members = replicas(range, nodes).map(({ node }) =>
    array([bulk(node.host), integer(node.clusterPort), bulk(node.clusterNodeName), map([])]),
  );
  return array([integer(range.first), integer(range.last), ...members]);
}

interface Replica {
  readonly node: ClusterNodeView;
  readonly role: 'master' | 'replica';
}

/** The leader first, where it is known. */
function replicas(range: ClusterRangeView, nodes: NodesById): Replica[] {
  const leader = range.leaderNodeId;
  const followers = range.followerNodeIds.filter((nodeId) => nodeId !== leader);
  const members = leader === undefined ? followers : [leader, ...followers];
  return members.flatMap((nodeId) => {
    const node = nodes.get(nodeId);
    return node === undefined ? [] : [{ node, role: nodeId === leader ? 'master' : 'replica' } as const];
  });
}

const shards = subcommand({
  name: 'cluster|shards',
  summary: 'Returns the mapping of cluster slots to shards.',
  since: '7.0.0',
  local: ({ table }) => array(shardGroups(table).map((ranges) => shardEntry(ranges, nodesById(table)))),
});

/** Ranges with the same leader and followers are one shard. */
function shardGroups(table: TableView): ClusterRangeView[][] {
  const groups = new Map<string, ClusterRangeView[]>();
  for (const range of table.ranges()) {
    const members = `${range.leaderNodeId} ${range.followerNodeIds.join(' ')}`;
    const group = groups.get(members);
    if (group === undefined) groups.set(members, [range]);
    else group.push(range);
  }
  return [...groups.values()];
}

function shardEntry(ranges: readonly ClusterRangeView[], nodes: NodesById): Reply {
  const bounds = ranges.flatMap(({ first, last }) => [integer(first), integer(last)]);
  return map([
    [bulk('slots'), array(bounds)],
    [bulk('nodes'), array(replicas(ranges[0]!, nodes).map(shardNode))],
  ]);
}

function shardNode({ node, role }: Replica): Reply {
  return map([
    [bulk('id'), bulk(node.clusterNodeName)],
    [bulk('port'), integer(node.clusterPort)],
    [bulk('ip'), bulk(node.host)],
    [bulk('endpoint'), bulk(node.host)],
    [bulk('role'), bulk(role)],
    [bulk('replication-offset'), integer(0)],
    [bulk('health'), bulk(node.reachable ? 'online' : 'fail')],
  ]);
}

const nodes = subcommand(
  {
    name: 'cluster|nodes',
    summary: 'Returns the cluster configuration for a node.',
    since: '3.0.0',
    local: ({ table }) =>
      textReply(
        table
          .nodes()
          .map((node) => nodeLine(node, table))
          .join(''),
      ),
  },
  2,
  ['stale'],
);

function nodeLine(node: ClusterNodeView, table: TableView): string {
  const led = table.ranges().filter(({ leaderNodeId }) => leaderNodeId === node.nodeId);
  const flags = [...(node.self ? ['myself'] : []), 'master', ...(node.reachable ? [] : ['fail?'])].join(',');
  const epoch = Math.max(0, ...led.map(({ term }) => term));
  const link = node.reachable ? 'connected' : 'disconnected';
  const bounds = led.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  const address = `${node.host}:${node.clusterPort}@0`;
  return `${[node.clusterNodeName, address, flags, '-', 0, 0, epoch, link, ...bounds].join(' ')}\n`;
}

const info = subcommand(
  {
    name: 'cluster|info',
    summary: 'Returns information about the state of the table as a cluster.',
    since: '3.0.0',
    local: ({ table, node }) => textReply(infoText(table, node.nodeId)),
  },
  2,
  ['stale'],
);

function infoText(table: TableView, selfId: number): string {
  const ranges = table.ranges();
  const led = ranges.filter(({ leaderNodeId }) => leaderNodeId !== undefined);
  const assigned = hashSlots(ranges);
  const served = hashSlots(led);
  const termOf = (chosen: readonly ClusterRangeView[]) => Math.max(0, ...chosen.map(({ term }) => term));
  const fields: readonly (readonly [string, string | number])[] = [
    ['cluster_state', served === HASH_SLOTS ? 'ok' : 'fail'],
    ['cluster_slots_assigned', assigned],
    ['cluster_slots_ok', served],
    ['cluster_slots_pfail', assigned - served],
    ['cluster_slots_fail', 0],
    ['cluster_known_nodes', table.nodes().length],
    ['cluster_size', new Set(led.map(({ leaderNodeId }) => leaderNodeId)).size],
    ['cluster_current_epoch', termOf(ranges)],
    ['cluster_my_epoch', termOf(led.filter(({ leaderNodeId }) => leaderNodeId === selfId))],
    ['cluster_stats_messages_sent', 0],
    ['cluster_stats_messages_received', 0],
    ['total_cluster_links_buffer_limit_exceeded', 0],
  ];
  return fields.map(([field, value]) => `${field}:${value}\r\n`).join('');
}

function hashSlots(ranges: readonly ClusterRangeView[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

const myid = subcommand(
  {
    name: 'cluster|myid',
    summary: 'Returns the ID of a node.',
    since: '3.0.0',
    local: ({ node }) => bulk(node.clusterNodeName),
  },
  2,
  ['stale'],
);

const keyslot = subcommand(
  {
    name: 'cluster|keyslot',
    summary: 'Returns the hash slot for a key.',
    since: '3.0.0',
    local: (_session, args) => integer(hash14(args[2]!)),
  },
  3,
  ['stale'],
);

const countkeysinslot = subcommand(
  {
    name: 'cluster|countkeysinslot',
    summary: 'Returns the number of keys in a hash slot.',
    since: '3.0.0',
    local: ({ table }, args) => table.countKeysInHashSlot(hashSlotArgument(args[2]!)),
  },
  3,
  ['stale'],
);

function hashSlotArgument(bytes: Buffer): number {
  const slot = integerArgument(bytes);
  if (slot < 0 || slot >= HASH_SLOTS) throw new CommandError('ERR Invalid slot');
  return Number(slot);
}

const help = subcommand({
  name: 'cluster|help',
  summary: 'Returns helpful text about the different subcommands.',
  since: '5.0.0',
  local: () =>
    helpReply('cluster', [
      'COUNTKEYSINSLOT <slot>',
      '    Return the number of keys in <slot>.',
      'INFO',
      '    Return information about the cluster.',
      'KEYSLOT <key>',
      '    Return the hash slot for <key>.',
      'MYID',
      '    Return the node id.',
      'NODES',
      '    Return cluster configuration seen by node. Output format:',
      '    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...',
      'SHARDS',
      '    Return information about slot range mappings and the nodes associated with them.',
      'SLOTS',
      '    Return information about slots range mappings. Each range is made of:',
      '    start, end, master and replicas IP addresses, ports and ids',
    ]),
});

const cluster: LocalRow = {
  name: 'cluster',
  summary: 'A container for Redis Cluster commands.',
  since: '3.0.0',
  group: 'cluster',
  complexity: 'Depends on subcommand.',
  arity: -2,
  ...traits([], []),
  subcommands: [countkeysinslot, help, info, keyslot, myid, nodes, shards, slots],
  local: () => error(SYNTAX_ERROR),
};

function readMode(name: 'readonly' | 'readwrite', summary: string): LocalRow {
  return {
    name,
    summary,
    since: '3.0.0',
    group: 'cluster',
    complexity: 'O(1)',
    arity: 1,
    ...traits('connection', ['fast', 'loading', 'stale']),
    local: (session) => {
      session.readsHere = name === 'readonly';
      return OK;
    },
  };
}

export const clusterRows = [
  cluster,
  readMode('readonly', 'Reads are served by the replica on this node, linearizable.'),
  readMode('readwrite', 'Reads go to the leader again.'),
] as const;
