/**
 * What a local command may see of the connection and the node it came in on. Implemented in `node/session.ts`;
 * here so that `commands/` needs to know neither sockets nor the cluster.
 */
import type { Reply } from '../resp/reply.js';

export interface Session {
  readonly id: number;
  name: string;
  libName: string;
  libVersion: string;
  /** READONLY: reads are served by this node's own replica where it has one. */
  readsHere: boolean;
  /** The connection answers what came before and closes. */
  quit(): void;
  /** Back to the state of a fresh connection (RESET). */
  reset(): void;
  /** Checks a password; on success the connection may use the table and has it selected. */
  authenticate(table: string | undefined, password: Buffer): Promise<Reply>;
  /** Moves to a table by id or name, if this connection may. */
  select(table: string): Reply | Promise<Reply>;
  /** May this connection use the selected table now? */
  readonly authenticated: boolean;
  /** Does the client connect from this machine? */
  readonly fromLoopback: boolean;
  readonly node: NodeView;
  /** The table that the connection has selected. */
  readonly table: TableView;
  /**
   * How many other replicas have the last write of this connection on disk, of each slot that it wrote to; the least. Resolves when
   * that is `needed` or more, when it can't become so, or after `timeoutMs`.
   */
  replicasWith(needed: number, timeoutMs: number): Promise<number>;
  /** One line as CLIENT LIST and CLIENT INFO print it, without the line end. */
  describe(): string;
}

export interface NodeView {
  readonly nodeId: number;
  /** Forty hex digits, as Redis Cluster clients expect a node's name. */
  readonly clusterNodeName: string;
  wallMs(): number;
  /** Who may ask for DEBUG. */
  readonly debugCommand: 'no' | 'local' | 'yes';
  /** Stops the whole process for a while (DEBUG SLEEP). */
  block(ms: number): void;
  /** name, value, in the order of definition; secrets left out. */
  config(): readonly (readonly [string, string])[];
  /** INFO's sections in order: title, then `field:value` pairs. */
  info(): readonly (readonly [string, readonly (readonly [string, string])[]])[];
}

export interface TableView {
  readonly id: number;
  readonly name: string;
  /** 1..16384 */
  readonly slots: number;
  /** The nodes of the cluster with the Redis Cluster address that each advertises. */
  nodes(): readonly ClusterNodeView[];
  /** Contiguous ranges of the 16,384 hash slots with the replicas that serve them, in order. */
  ranges(): readonly ClusterRangeView[];
  /** Live keys of one of the 16,384 hash slots, from the slot's leader (linearizable). */
  countKeysInHashSlot(hashSlot: number): Promise<Reply>;
}

export interface ClusterNodeView {
  readonly nodeId: number;
  readonly clusterNodeName: string;
  readonly host: string;
  readonly clusterPort: number;
  readonly self: boolean;
  readonly reachable: boolean;
}

export interface ClusterRangeView {
  readonly first: number;
  readonly last: number;
  /** undefined while no leader is known here. */
  readonly leaderNodeId: number | undefined;
  readonly followerNodeIds: readonly number[];
  readonly term: number;
}
