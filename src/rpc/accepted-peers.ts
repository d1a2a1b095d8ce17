/**
 * The connections that peers dialled to us: the four streams of each, tied together by the connection id in their Hello.
 *
 * Invariants: one live connection a peer, a newer one replaces the older, and an older one is refused; the streams of
 * a connection end together; nothing is handed on from a connection that has ended or was replaced. The last connection of a
 * peer is remembered after its end, so that a stream of it that was late on the way can't revive a part of it.
 */
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Env } from '../env.js';
import type { KnownBoots } from './boots.js';
import type { Security } from './credentials.js';
import type { Frames, PeerMethodName } from './frames.js';
import {
  answerHello,
  type ConnectionId,
  checkCaller,
  type Hello,
  type PeerIdentity,
  type Refusal,
} from './hello.js';
import { type LaneFigures, LaneWriter } from './lane-writer.js';
import type { TransportLimits } from './limits.js';
import type { AnswerLane, Lane, NodeId, TransportHandlers } from './transport.js';

export type PeerCall = ServerDuplexStream<Frames, Frames>;

export interface AcceptedPeersOptions {
  readonly env: Env;
  readonly identity: PeerIdentity;
  readonly security: Security;
  readonly limits: TransportLimits;
  readonly boots: KnownBoots;
  readonly handlers: () => TransportHandlers;
  readonly figures: LaneFigures;
}

const LANE_OF_METHOD: Readonly<Record<PeerMethodName, Lane>> = {
  Control: 'control',
  BinlogSync: 'sync',
  Forward: 'request',
  Snapshot: 'snapshot',
};

const ANSWER_OF_METHOD: Readonly<Partial<Record<PeerMethodName, AnswerLane>>> = {
  BinlogSync: 'ack',
  Forward: 'reply',
  Snapshot: 'snapshotAck',
};

export class AcceptedPeers {
  private readonly options: AcceptedPeersOptions;
  private readonly connections = new Map<NodeId, AcceptedConnection>();
  private closed = false;

  constructor(options: AcceptedPeersOptions) {
    this.options = options;
  }

  /** A call has come in: it joins its connection, or is refused. */
  accept(method: PeerMethodName, call: PeerCall): void {
    // Without a listener an error event would be thrown; the end of a call is seen by its other events.
    call.on('error', () => {});
    const { identity, security, boots } = this.options;
    const checked = checkCaller(call.metadata, identity, security, boots);
    if (checked.kind === 'refused') {
      this.options.env.log.warn('call refused', { from: call.getPeer(), why: checked.refusal.details });
      refuse(call, checked.refusal);
      return;
    }
    const connection = this.connectionOf(checked.hello);
    if ('code' in connection) refuse(call, connection);
    else connection.add(method, call);
  }

  send(to: NodeId, lane: AnswerLane, message: Buffer): boolean {
    return this.connections.get(to)?.send(lane, message) ?? false;
  }

  close(): void {
    this.closed = true;
    for (const connection of this.connections.values())
      connection.end('node is stopping', status.UNAVAILABLE);
    this.connections.clear();
  }

  private connectionOf(hello: Hello): AcceptedConnection | Refusal {
    if (this.closed) return { code: status.UNAVAILABLE, details: 'node is stopping' };
    const current = this.connections.get(hello.nodeId);
    if (current !== undefined && isSame(current.id, hello.connection)) {
      return current.isLive ? current : aborted('this connection has ended');
    }
    if (current !== undefined && isOlder(hello.connection, current.id))
      return aborted('a newer connection stands');
    if (current === undefined && !this.makeRoom()) {
      return { code: status.RESOURCE_EXHAUSTED, details: 'too many peers' };
    }
    current?.end('replaced by a newer connection', status.ABORTED);
    const connection = new AcceptedConnection(this.options, hello);
    this.connections.set(hello.nodeId, connection);
    return connection;
  }

  /** Only ended connections, which are kept as a memory, give way. */
  private makeRoom(): boolean {
    if (this.connections.size < this.options.limits.incomingPeersMax) return true;
    for (const [nodeId, connection] of this.connections) {
      if (connection.isLive) continue;
      this.connections.delete(nodeId);
      return true;
    }
    return false;
  }
}

class AcceptedConnection {
  private readonly options: AcceptedPeersOptions;
  private readonly hello: Hello;
  private readonly calls = new Map<PeerMethodName, PeerCall>();
  private readonly lanes = new Map<AnswerLane, LaneWriter>();
  private live = true;

  constructor(options: AcceptedPeersOptions, hello: Hello) {
    this.options = options;
    this.hello = hello;
  }

  get id(): ConnectionId {
    return this.hello.connection;
  }

  get isLive(): boolean {
    return this.live;
  }

  add(method: PeerMethodName, call: PeerCall): void {
    if (this.calls.has(method)) {
      refuse(call, aborted(`${method} is open already`));
      return;
    }
    this.calls.set(method, call);
    const answer = ANSWER_OF_METHOD[method];
    if (answer !== undefined) this.lanes.set(answer, this.lane(answer, call));
    call.on('data', (frames: Frames) => this.received(LANE_OF_METHOD[method], frames));
    call.on('end', () => this.end('ended by the peer', status.CANCELLED));
    call.on('cancelled', () => this.end('broken', status.CANCELLED));
    call.sendMetadata(answerHello(this.options.identity, this.hello));
  }

  send(lane: AnswerLane, message: Buffer): boolean {
    return this.lanes.get(lane)?.send(message) ?? false;
  }

  end(why: string, code: status): void {
    if (!this.live) return;
    this.live = false;
    for (const lane of this.lanes.values()) lane.close();
    this.lanes.clear();
    for (const call of this.calls.values()) {
      if (!call.cancelled) refuse(call, { code, details: why });
    }
    this.calls.clear();
  }

  private lane(lane: AnswerLane, sink: PeerCall): LaneWriter {
    const { limits, figures } = this.options;
    const { messageBytesMax, unsentBytesMax } = limits;
    // Answers come together, from one callback of the disk or of a turn of the slots.
    const gather = queueMicrotask;
    return new LaneWriter({
      gather,
      sink,
      messageBytesMax,
      unsentBytesMax: unsentBytesMax[lane],
      ...(lane === 'reply' && { bulkBytesMax: limits.replyBulkBytesMax }),
      figures,
    });
  }

  private received(lane: Lane, frames: Frames): void {
    const handlers = this.options.handlers();
    for (const frame of frames) {
      // A handler may close the transport between two frames of one message.
      if (!this.live) return;
      handlers.onMessage(this.hello.nodeId, lane, frame);
    }
  }
}

/** Ends a call with a status: what grpc-js makes of an error event on it. */
function refuse(call: PeerCall, refusal: Refusal): void {
  call.emit('error', refusal);
}

function aborted(details: string): Refusal {
  return { code: status.ABORTED, details };
}

function isSame(one: ConnectionId, other: ConnectionId): boolean {
  return one.boot === other.boot && one.sequence === other.sequence;
}

/** Connections of different processes can't be compared: there, the one that comes later is the newer. */
function isOlder(one: ConnectionId, other: ConnectionId): boolean {
  return one.boot === other.boot && one.sequence < other.sequence;
}
