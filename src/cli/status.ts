/**
 * `talus status`: nodes, tables and slots as PM knows them, for people or as JSON of a shape that stays.
 */
import type { Command } from 'commander';
import { silentLog } from '../env.js';
import type { AdminClient } from '../rpc/admin-client.js';
import type { AdminCluster, AdminReplica, AdminSlot, AdminTable } from '../rpc/admin-wire.js';
import { systemEnv } from '../system-env.js';
import { addClientOptions, textTable, withAdmin } from './client.js';

interface StatusOptions extends Readonly<Record<string, unknown>> {
  readonly json?: boolean;
  readonly watch?: boolean;
}

const WATCH_MS = 1000;
const CLEAR_SCREEN = '\x1b[2J\x1b[H';

export function registerStatus(program: Command): void {
  const command = program.command('status').description('show nodes, tables and slots');
  addClientOptions(command)
    .option('--json', 'one JSON document')
    .option('--watch', 'again every second, until interrupted')
    .action((options: StatusOptions) => withAdmin(options, (client) => show(client, options)));
}

async function show(client: AdminClient, options: StatusOptions): Promise<void> {
  const env = systemEnv(silentLog);
  do {
    const text = await client.getCluster().then(
      (cluster) => (options.json ? JSON.stringify(statusJson(cluster)) : statusText(cluster)),
      (error: unknown) => {
        // Somebody who watches wants to see PM come back.
        if (!options.watch) throw error;
        return error instanceof Error ? error.message : String(error);
      },
    );
    const isScreen = options.watch && !options.json && process.stdout.isTTY;
    process.stdout.write(`${isScreen ? CLEAR_SCREEN : ''}${text}\n`);
    if (options.watch) await new Promise<void>((resolve) => env.after(WATCH_MS, resolve));
  } while (options.watch);
}

/** The document of `--json`. Fields are added, never renamed or removed. */
export function statusJson(cluster: AdminCluster): object {
  return {
    clusterId: cluster.clusterId,
    epoch: cluster.epoch,
    nodes: cluster.nodes.map(({ nodeId, name, host, respPort, clusterPort, peerPort, httpPort, ...rest }) => {
      const { pid, alive, leaders, zone, machine = '' } = rest;
      const ports = { respPort, clusterPort, peerPort, httpPort };
      return { nodeId, name, host, ...ports, pid, alive, leaders, zone, machine };
    }),
    tables: cluster.tables.map((table) => ({ ...tableJson(table), slots: table.slotList.map(slotJson) })),
  };
}

/** A table without its slots' states; `slotCount` because `slots` is their list in the status. */
export function tableJson(table: AdminTable): object {
  return {
    tableId: table.tableId,
    name: table.name,
    slotCount: table.slots,
    replicas: table.replicas,
    mode: plainName(table.mode),
    passwordProtected: table.passwordProtected,
  };
}

export function plainName(wireName: string): string {
  return wireName.replace(/^(TABLE_MODE|REPLICA_ROLE)_/, '').toLowerCase();
}

function slotJson(slot: AdminSlot): object {
  const { groupId, leaderNodeId, term, lastIndex, commitIndex, appliedIndex } = slot;
  const replicas = slot.replicas.map((replica) => ({ ...replica, role: plainName(replica.role) }));
  const { wishedNodeIds, voterNodeIds, learnerNodeIds, joint, asWished } = slot;
  const members = { wishedNodeIds, voterNodeIds, learnerNodeIds, joint, asWished };
  return {
    ...{ slot: slot.slot, groupId, leaderNodeId, term, lastIndex, commitIndex, appliedIndex, replicas },
    ...members,
  };
}

export function statusText(cluster: AdminCluster): string {
  const head = `cluster ${cluster.clusterId}  epoch ${cluster.epoch}`;
  const nodes = textTable(
    ['NODE', 'NAME', 'RESP', 'CLUSTER', 'PEER', 'HTTP', 'PID', 'STATE', 'LEADS'],
    cluster.nodes.map((node) => [
      node.nodeId,
      node.name,
      `${node.host}:${node.respPort}`,
      node.clusterPort,
      node.peerPort,
      node.httpPort,
      node.pid === 0 ? '-' : node.pid,
      node.alive ? 'alive' : 'down',
      node.leaders,
    ]),
  );
  return [head, nodes, ...cluster.tables.map(tableText)].join('\n\n');
}

function tableText(table: AdminTable): string {
  const leaderless = table.slotList.filter((slot) => slot.leaderNodeId === 0).length;
  const led = leaderless === 0 ? 'every slot has a leader' : `${leaderless} slots without a leader`;
  const changing = table.slotList.filter((slot) => slot.leaderNodeId !== 0 && !slot.asWished).length;
  const health = changing === 0 ? led : `${led}  ${changing} slots change members`;
  const head = `table ${table.name}  ${table.slots} slots x ${table.replicas} replicas  ${plainName(table.mode)}  ${health}`;
  const rows = table.slotList.map((slot) => [
    slot.slot,
    slot.leaderNodeId === 0 ? '-' : slot.leaderNodeId,
    slot.term,
    slot.lastIndex,
    slot.commitIndex,
    slot.appliedIndex,
    slot.replicas.map((replica) => replicaText(replica, slot)).join(' '),
  ]);
  const slots = textTable(['SLOT', 'LEADER', 'TERM', 'LAST', 'COMMIT', 'APPLIED', 'REPLICAS'], rows);
  return [head, slots, ...damageLines(table)].join('\n');
}

function damageLines(table: AdminTable): readonly string[] {
  return table.slotList.flatMap(({ slot, replicas }) =>
    replicas.flatMap(({ nodeId, damaged }) =>
      damaged === '' ? [] : [`slot ${slot} on node ${nodeId} is damaged: ${damaged}`],
    ),
  );
}

/** `2` in step; `2(-17)` so many entries behind the leader's commit; `2?` not heard of; `2!` damaged; `+2` comes; `-2` goes. */
function replicaText(replica: AdminReplica, slot: AdminSlot): string {
  const { nodeId } = replica;
  if (replica.damaged !== '') return `${nodeId}!`;
  if (replica.role === 'REPLICA_ROLE_UNSPECIFIED') return `${nodeId}?`;
  const behind = slot.commitIndex - replica.lastIndex;
  const comes = replica.role === 'REPLICA_ROLE_LEARNER';
  const sign = !slot.wishedNodeIds.includes(nodeId) ? '-' : comes ? '+' : '';
  return `${sign}${nodeId}${behind > 0 ? `(-${behind})` : ''}`;
}
