/**
 * The fourth seam: bytes between nodes. `grpc-transport` for real, a lossy network in the simulator.
 *
 * Lanes, each its own ordered stream a direction of a node pair:
 *   control   votes, heartbeats, read index. Small, never behind bulk (its own TCP connection).
 *   sync      a leader's entries to a follower: BinlogSync.
 *   ack       what comes back on that same stream: BinlogSyncAck.
 *   request   forwarded client requests and questions.
 *   reply     what comes back on that same stream.
 *   snapshot  a slot's whole state to a member that lacks what the log no longer holds: in chunks, beside sync.
 *   snapshotAck  what comes back on that same stream.
 *
 * `send` never blocks and never fails: what cannot be sent is dropped, and Raft or a deadline deals with it. Messages of one
 * lane of one connection arrive in order, at most once. After a break (onDown) nothing of the old connection arrives
 * any more. A lane's unsent bytes are bounded; past the bound `send` answers false and drops (never for control).
 */
import type { Boot } from './topology.js';

export type NodeId = number;
export type Lane = 'control' | 'sync' | 'ack' | 'request' | 'reply' | 'snapshot' | 'snapshotAck';
/** Go back on the streams that the peer dialled. */
export type AnswerLane = 'ack' | 'reply' | 'snapshotAck';
export type DialledLane = Exclude<Lane, AnswerLane>;

export function isAnswer(lane: Lane): lane is AnswerLane {
  return lane === 'ack' || lane === 'reply' || lane === 'snapshotAck';
}

export interface PeerTransport {
  /** False when the message was dropped at once: no connection, or the lane is full. */
  send(to: NodeId, lane: Lane, message: Buffer): boolean;
  /** Whom to keep connections with. Others are closed. Replaces the former list. */
  setPeers(peers: readonly PeerAddress[]): void;
  /** Set before the first setPeers. */
  handlers: TransportHandlers;
  close(): Promise<void>;
}

export interface PeerAddress {
  readonly nodeId: NodeId;
  readonly host: string;
  readonly port: number;
  /** Its newest start that is known. */
  readonly boot?: Boot;
}

export interface TransportHandlers {
  onMessage(from: NodeId, lane: Lane, message: Buffer): void;
  /** Our streams to `peer` stand: requests may be sent. */
  onUp(peer: NodeId): void;
  /**
   * The streams that we opened to `peer` broke: every request without a reply has an unknown outcome, and no reply to it
   * will come. Called once a break, before any onUp of the next connection.
   */
  onDown(peer: NodeId): void;
}
