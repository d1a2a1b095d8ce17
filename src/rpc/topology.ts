/**
 * What PM tells the nodes, whole, by epoch; and what nodes tell PM. Plain data, JSON-safe; nodes keep the newest on disk
 * and run on without PM. A topology is a wish where groups are concerned: a group's own log is the truth of its
 * members, and only the birth set written at table creation may make voters (docs/consistency.md, "Birth").
 */

/** Of the table that PM makes by itself, and that a connection speaks of at first. */
export const DEFAULT_TABLE_ID = 0;

export interface Topology {
  readonly clusterId: string;
  /** Grows with every change; a node ignores what is not newer than what it has. */
  readonly epoch: number;
  readonly nodes: readonly NodeInfo[];
  readonly tables: readonly TableInfo[];
  /** Said in so many words: a table that is merely missing (an old backup of the metadata) loses nothing. */
  readonly droppedTableIds?: readonly number[];
}

export interface NodeInfo {
  readonly nodeId: number;
  /** What the operator calls it, e.g. `node-1`. */
  readonly name: string;
  readonly host: string;
  /** gRPC between nodes. */
  readonly peerPort: number;
  readonly respPort: number;
  readonly clusterPort: number;
  readonly httpPort: number;
  readonly zone: string;
  /** Where the operator names it: two replicas of a slot never share one. */
  readonly machine?: string;
  /** Its newest start that PM has heard of. */
  readonly boot?: Boot;
}

/** One start of a node's process on its data folder. */
export interface Boot {
  /** Grows with each start. */
  readonly number: number;
  /** Random: two starts of the same number are two copies of one folder. */
  readonly id: string;
}

export interface TableInfo {
  readonly tableId: number;
  readonly name: string;
  readonly slots: number;
  readonly replicas: number;
  readonly mode: 'quorum' | 'async';
  /** `scrypt$N$r$p$salt$hash` (password.ts); undefined: open to all who may connect. */
  readonly passwordHash?: string;
  /** One a slot, in slot order. */
  readonly groups: readonly GroupInfo[];
}

export interface GroupInfo {
  /** Cluster-wide, never reused: one a slot's life. */
  readonly groupId: number;
  /** The birth set: these nodes, and no others, start as voters (member id = node id, incarnation 0). Never changes. */
  readonly birthNodeIds: readonly number[];
  /** Who shall belong to the group; absent: the birth set. A wish, towards which the group's leader works by itself. */
  readonly members?: readonly GroupMember[];
  /** What the next newcomer of this group gets: each incarnation is given once, for ever. Absent: 1. */
  readonly nextIncarnation?: number;
}

/** One life of a group's replica on a node: a node that holds the group again is another member. */
export interface GroupMember {
  readonly nodeId: number;
  /** 0: of the birth set. */
  readonly incarnation: number;
}

/** Sent by a node every second, and at once when leadership changes. */
export interface NodeReport {
  readonly nodeId: number;
  readonly epoch: number;
  readonly pid: number;
  readonly replicas: readonly ReplicaReport[];
  /** Members on this node that are wished and can't go on: to be replaced by others. */
  readonly damaged?: readonly DamagedMember[];
}

export interface DamagedMember {
  readonly groupId: number;
  readonly incarnation: number;
  /** For people. */
  readonly why: string;
}

export interface ReplicaReport {
  readonly groupId: number;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  readonly leaderNodeId: number;
  readonly term: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly keys: number;
  /** Of a leader: the configuration that it has applied. */
  readonly configuration?: ReportedConfiguration;
}

export interface ReportedConfiguration {
  /** While joint: those that come in. */
  readonly voters: readonly GroupMember[];
  readonly learners: readonly GroupMember[];
  readonly joint: boolean;
}

/** PM's word that leadership of a group should go elsewhere; a hint, obeyed if the leader still leads. */
export interface TransferOrder {
  readonly groupId: number;
  readonly toNodeId: number;
}

/** The node's end of the conversation with PM; `grpc-placement-client` for real. */
export interface PlacementClient {
  /** Registers (forever, with back-off) and keeps the session up. */
  start(handlers: PlacementHandlers): void;
  report(report: NodeReport): void;
  close(): Promise<void>;
}

export interface PlacementHandlers {
  /** The identity that PM gave: kept on disk by the node before anything else happens. */
  onRegistered(identity: { readonly clusterId: string; readonly nodeId: number }): Promise<void>;
  onTopology(topology: Topology): void;
  onTransfers(orders: readonly TransferOrder[]): void;
  onUp(): void;
  onDown(why: string): void;
}
