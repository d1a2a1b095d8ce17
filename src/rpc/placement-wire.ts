/**
 * The placement service's messages as proto-loader gives and takes them, and the way between them and topology.ts.
 */
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadProto, type PackageDefinition, serviceDefinition } from './proto.js';
import type { ReportNews } from './report-news.js';
import type {
  Boot,
  DamagedMember,
  GroupInfo,
  GroupMember,
  NodeInfo,
  ReplicaReport,
  ReportedConfiguration,
  TableInfo,
  Topology,
  TransferOrder,
} from './topology.js';

/** Trailing metadata of a refused session: where the PM that leads listens. */
export const LEADER_ADDRESS = 'leader-address';

export interface RegisterRequest {
  readonly registrationKey: string;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly address: NodeAddress | null;
  readonly boot?: Boot | null;
}

export interface RegisterResponse {
  readonly clusterId: string;
  readonly nodeId: number;
}

export type NodeAddress = Omit<NodeInfo, 'nodeId' | 'boot'>;

export interface Hello {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly registrationKey: string;
}

/** One of the fields is there. */
export interface SessionRequest {
  readonly hello?: Hello;
  readonly report?: WireReport;
}

export interface SessionResponse {
  readonly topology?: WireTopology;
  readonly transfers?: { readonly orders: readonly TransferOrder[] };
}

export type WireRole = `REPLICA_ROLE_${'UNSPECIFIED' | Uppercase<ReplicaReport['role']>}`;
export type WireMode = `TABLE_MODE_${'UNSPECIFIED' | Uppercase<TableInfo['mode']>}`;

export interface WireReport extends Omit<ReportNews, 'replicas'> {
  readonly replicas: readonly WireReplica[];
  readonly damaged: readonly DamagedMember[];
}

interface WireReplica extends Omit<ReplicaReport, 'role' | 'configuration'> {
  readonly role: WireRole;
  readonly configuration?: ReportedConfiguration | null;
}

interface WireTopology {
  readonly clusterId: string;
  readonly epoch: number;
  readonly nodes: readonly {
    readonly nodeId: number;
    readonly address: NodeAddress | null;
    readonly boot: Boot | null;
  }[];
  readonly tables: readonly WireTable[];
  readonly droppedTableIds: readonly number[];
}

interface WireTable extends Omit<TableInfo, 'mode' | 'passwordHash' | 'groups'> {
  readonly mode: WireMode;
  readonly passwordHash: string;
  readonly groups: readonly WireGroup[];
}

interface WireGroup extends Required<GroupInfo> {}

export function loadPlacementProto(): PackageDefinition {
  return loadProto('talus/placement/v1/placement.proto');
}

export function placementService(): ServiceDefinition {
  return serviceDefinition(loadPlacementProto(), 'talus.placement.v1.PlacementService');
}

export function encodeReport(report: ReportNews): WireReport {
  return {
    ...report,
    damaged: report.damaged ?? [],
    replicas: report.replicas.map((replica) => ({ ...replica, role: encodeRole(replica.role) })),
  };
}

export function decodeReport(report: WireReport): ReportNews {
  return {
    nodeId: report.nodeId,
    epoch: report.epoch,
    pid: report.pid,
    replicas: report.replicas.map(decodeReplica),
    goneGroupIds: report.goneGroupIds,
    ...(report.damaged.length > 0 && { damaged: report.damaged.map(plainDamaged) }),
  };
}

function plainDamaged({ groupId, incarnation, why }: DamagedMember): DamagedMember {
  return { groupId, incarnation, why };
}

function decodeReplica({ configuration, ...replica }: WireReplica): ReplicaReport {
  const role = decodeRole(replica.role);
  if (!configuration) return { ...replica, role };
  const { voters, learners, joint } = configuration;
  return {
    ...replica,
    role,
    configuration: { voters: voters.map(plainMember), learners: learners.map(plainMember), joint },
  };
}

export function encodeRole(role: ReplicaReport['role']): WireRole {
  return `REPLICA_ROLE_${role.toUpperCase() as Uppercase<ReplicaReport['role']>}`;
}

export function encodeMode(mode: TableInfo['mode']): WireMode {
  return `TABLE_MODE_${mode.toUpperCase() as Uppercase<TableInfo['mode']>}`;
}

export function encodeTopology(topology: Topology): WireTopology {
  return {
    clusterId: topology.clusterId,
    epoch: topology.epoch,
    nodes: topology.nodes.map(({ nodeId, boot, ...address }) => ({ nodeId, address, boot: boot ?? null })),
    tables: topology.tables.map((table) => ({
      ...table,
      mode: encodeMode(table.mode),
      passwordHash: table.passwordHash ?? '',
      groups: table.groups.map(encodeGroup),
    })),
    droppedTableIds: topology.droppedTableIds ?? [],
  };
}

export function decodeTopology(wire: WireTopology): Topology {
  return {
    clusterId: wire.clusterId,
    epoch: wire.epoch,
    nodes: wire.nodes.map(({ nodeId, address, boot }) => {
      return { nodeId, ...plainAddress(address!), ...(boot && { boot: plainBoot(boot) }) };
    }),
    tables: wire.tables.map(decodeTable),
    ...(wire.droppedTableIds.length > 0 && { droppedTableIds: [...wire.droppedTableIds] }),
  };
}

export function plainBoot({ number, id }: Boot): Boot {
  return { number, id };
}

/** Only our fields, as a plain object. */
export function plainAddress(address: NodeAddress): NodeAddress {
  const { name, host, peerPort, respPort, clusterPort, httpPort, zone, machine } = address;
  // On the wire an empty name is none.
  const named = machine === undefined || machine === '' ? {} : { machine };
  return { name, host, peerPort, respPort, clusterPort, httpPort, zone, ...named };
}

function decodeTable(wire: WireTable): TableInfo {
  return {
    tableId: wire.tableId,
    name: wire.name,
    slots: wire.slots,
    replicas: wire.replicas,
    mode: wire.mode === 'TABLE_MODE_ASYNC' ? 'async' : 'quorum',
    ...(wire.passwordHash === '' ? {} : { passwordHash: wire.passwordHash }),
    groups: wire.groups.map(decodeGroup),
  };
}

function encodeGroup({ groupId, birthNodeIds, members, nextIncarnation }: GroupInfo): WireGroup {
  return { groupId, birthNodeIds, members: members ?? [], nextIncarnation: nextIncarnation ?? 0 };
}

function decodeGroup({ groupId, birthNodeIds, members, nextIncarnation }: WireGroup): GroupInfo {
  return {
    groupId,
    birthNodeIds: [...birthNodeIds],
    ...(members.length > 0 && { members: members.map(plainMember) }),
    ...(nextIncarnation > 0 && { nextIncarnation }),
  };
}

function plainMember({ nodeId, incarnation }: GroupMember): GroupMember {
  return { nodeId, incarnation };
}

/** A role of a later version counts as a learner: it neither leads nor is asked to. */
function decodeRole(role: WireRole): ReplicaReport['role'] {
  switch (role) {
    case 'REPLICA_ROLE_LEADER':
      return 'leader';
    case 'REPLICA_ROLE_FOLLOWER':
      return 'follower';
    case 'REPLICA_ROLE_CANDIDATE':
      return 'candidate';
    default:
      return 'learner';
  }
}
