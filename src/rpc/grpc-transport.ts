/**
 * The peer transport over gRPC: what `transport.ts` promises, on two TCP connections a node pair and direction.
 *
 * Every node dials every peer (dialled-peer.ts) and is dialled by it (accepted-peers.ts). `control`, `sync`, `request` and
 * `snapshot` go out on the streams that we dialled; `ack`, `reply` and `snapshotAck` go back on the streams that the peer dialled. The calls that come in
 * arrive through the node's one gRPC server (peer-service.ts), which hands them to `accept`.
 *
 * What a caller must know:
 * - `setPeers` and `close` call `onDown` of peers that were up before they return; `send` calls no handler.
 * - An `ack`, `reply` or `snapshotAck` goes to the peer's present connection, which may be newer than the one that brought the question, and
 *   may be another process. The asker's `onDown`, or its death, has ended that question: so its questions bear ids that no later
 *   connection and no later process of that node uses again.
 * - Peers that dial us are known by their Hello (cluster, token), not by `setPeers`: a node may have a newer topology than ours.
 * - A full control lane breaks the connection instead of dropping out of its middle.
 */
import type { Env } from '../env.js';
import { AcceptedPeers, type PeerCall } from './accepted-peers.js';
import { KnownBoots } from './boots.js';
import type { Security } from './credentials.js';
import { DialledPeer } from './dialled-peer.js';
import type { PeerMethodName } from './frames.js';
import type { ConnectionId, PeerIdentity } from './hello.js';
import type { LaneFigures } from './lane-writer.js';
import { defaultLimits, type TransportLimits } from './limits.js';
import {
  isAnswer,
  type Lane,
  type NodeId,
  type PeerAddress,
  type PeerTransport,
  type TransportHandlers,
} from './transport.js';

export interface GrpcTransportOptions {
  readonly env: Env;
  readonly identity: PeerIdentity;
  readonly security: Security;
  readonly limits?: Partial<TransportLimits>;
  /** A peer proves that this node's data folder is an older copy: it must not go on. */
  readonly outdated?: (why: string) => void;
}

export class GrpcTransport implements PeerTransport {
  handlers: TransportHandlers = { onMessage: () => {}, onUp: () => {}, onDown: () => {} };
  readonly limits: TransportLimits;
  readonly figures: LaneFigures = { messages: 0, frames: 0, bytes: 0 };
  private readonly options: GrpcTransportOptions;
  private readonly dialled = new Map<NodeId, DialledPeer>();
  private readonly accepted: AcceptedPeers;
  /** Names this process among all that ever bear our node id, as far as 64 bits of chance go. */
  private readonly boot: string;
  private connections = 0;
  private readonly boots = new KnownBoots();
  private closed = false;

  constructor(options: GrpcTransportOptions) {
    const { env, identity, security } = options;
    this.options = options;
    this.limits = { ...defaultLimits, ...options.limits };
    this.boot = `${env.random.u32().toString(16)}${env.random.u32().toString(16).padStart(8, '0')}`;
    this.accepted = new AcceptedPeers({
      env,
      identity,
      security,
      limits: this.limits,
      boots: this.boots,
      handlers: () => this.handlers,
      figures: this.figures,
    });
  }

  send(to: NodeId, lane: Lane, message: Buffer): boolean {
    if (isAnswer(lane)) return this.accepted.send(to, lane, message);
    return this.dialled.get(to)?.send(lane, message) ?? false;
  }

  setPeers(peers: readonly PeerAddress[]): void {
    if (this.closed) return;
    const wanted = new Map(peers.map((peer) => [peer.nodeId, peer]));
    wanted.delete(this.options.identity.nodeId);
    for (const { nodeId, boot } of wanted.values()) this.boots.learn(nodeId, boot);
    for (const [nodeId, peer] of [...this.dialled]) {
      if (isSameAddress(peer.address, wanted.get(nodeId))) continue;
      this.dialled.delete(nodeId);
      peer.close();
    }
    for (const address of wanted.values()) {
      if (!this.dialled.has(address.nodeId)) this.dialled.set(address.nodeId, this.dial(address));
    }
  }

  /** For the gRPC server: a call of the peer service has come in. */
  accept(method: PeerMethodName, call: PeerCall): void {
    this.accepted.accept(method, call);
  }

  async close(): Promise<void> {
    this.closed = true;
    const peers = [...this.dialled.values()];
    this.dialled.clear();
    for (const peer of peers) peer.close();
    this.accepted.close();
  }

  private dial(address: PeerAddress): DialledPeer {
    const { env, identity, security } = this.options;
    return new DialledPeer({
      env,
      identity,
      security,
      limits: this.limits,
      address,
      boots: this.boots,
      outdated: (why) => this.options.outdated?.(why),
      nextConnection: () => this.nextConnection(),
      handlers: () => this.handlers,
      figures: this.figures,
    });
  }

  private nextConnection(): ConnectionId {
    this.connections++;
    return { boot: this.boot, sequence: this.connections };
  }
}

function isSameAddress(one: PeerAddress, other: PeerAddress | undefined): boolean {
  return other !== undefined && one.host === other.host && one.port === other.port;
}
