/**
 * The admin service's messages as proto-loader gives and takes them (proto/talus/admin/v1/admin.proto says what they mean).
 */
import type { ServiceDefinition } from '@grpc/grpc-js';
import type { WireMode, WireRole } from './placement-wire.js';
import { loadProto, type PackageDefinition, serviceDefinition } from './proto.js';

export const ADMIN_SERVICE = 'talus.admin.v1.AdminService';

export type WireTableMode = WireMode;
export type WireReplicaRole = WireRole;

export interface AdminNode {
  readonly nodeId: number;
  readonly name: string;
  readonly host: string;
  readonly respPort: number;
  readonly clusterPort: number;
  readonly peerPort: number;
  readonly httpPort: number;
  readonly zone: string;
  readonly machine?: string;
  readonly pid: number;
  readonly alive: boolean;
  readonly leaders: number;
}

export interface AdminReplica {
  readonly nodeId: number;
  readonly role: WireReplicaRole;
  readonly term: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly keys: number;
  /** Empty: it isn't. */
  readonly damaged: string;
}

export interface AdminSlot {
  readonly slot: number;
  readonly groupId: number;
  readonly leaderNodeId: number;
  readonly term: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly replicas: readonly AdminReplica[];
  readonly wishedNodeIds: readonly number[];
  readonly voterNodeIds: readonly number[];
  readonly learnerNodeIds: readonly number[];
  readonly joint: boolean;
  readonly asWished: boolean;
}

export interface AdminTable {
  readonly tableId: number;
  readonly name: string;
  readonly slots: number;
  readonly replicas: number;
  readonly mode: WireTableMode;
  readonly passwordProtected: boolean;
  /** Filled by GetCluster only. */
  readonly slotList: readonly AdminSlot[];
}

export interface AdminCluster {
  readonly clusterId: string;
  readonly epoch: number;
  readonly nodes: readonly AdminNode[];
  readonly tables: readonly AdminTable[];
}

export interface CreateTableRequest {
  readonly name: string;
  /** 0: the default. */
  readonly slots: number;
  readonly replicas: number;
  readonly mode: WireTableMode;
  /** Empty: none. */
  readonly password: string;
}

export interface UpdateTableRequest {
  readonly name: string;
  readonly replicas: number;
}

export interface TransferLeaderRequest {
  readonly table: string;
  readonly slot: number;
  readonly toNodeId: number;
}

export interface TransferLeaderResponse {
  readonly fromNodeId: number;
  readonly toNodeId: number;
}

export function loadAdminProto(): PackageDefinition {
  return loadProto('talus/admin/v1/admin.proto');
}

export function adminService(): ServiceDefinition {
  return serviceDefinition(loadAdminProto(), ADMIN_SERVICE);
}
