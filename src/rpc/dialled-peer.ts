/**
 * Our connection to one peer: dialled, kept, and dialled again with bounded back-off.
 *
 * One connection is two channels (control, bulk) and four streams (Control, BinlogSync, Forward, Snapshot) that stand and
 * fall together: it is up when the peer has said its Hello on all four, and down as soon as one of them ends. A new attempt has new
 * channels, so that grpc-js' own back-off and whatever an old socket still holds play no part in it.
 *
 * Invariants: `onUp` and `onDown` alternate; after a break no frame of that connection is handed on, and none is sent;
 * `onDown` never runs inside `send`.
 */
import type { Socket } from 'node:net';
import { Client, type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import type { Env, Timer } from '../env.js';
import type { KnownBoots } from './boots.js';
import { hostPort, type Security } from './credentials.js';
import { type Frames, type PeerMethodName, peerMethods } from './frames.js';
import { type ConnectionId, checkAnswer, type PeerIdentity, writeHello } from './hello.js';
import { type LaneFigures, LaneWriter } from './lane-writer.js';
import { channelOptions, type TransportLimits } from './limits.js';
import { tapSocket } from './socket-tap.js';
import type { DialledLane, Lane, PeerAddress, TransportHandlers } from './transport.js';

export interface DialledPeerOptions {
  readonly env: Env;
  readonly identity: PeerIdentity;
  readonly security: Security;
  readonly limits: TransportLimits;
  readonly address: PeerAddress;
  readonly boots: KnownBoots;
  /** The peer knows a later start of this node: what speaks here is an older copy of the node's folder. */
  readonly outdated: (why: string) => void;
  /** Hands out the id of the next connection. */
  readonly nextConnection: () => ConnectionId;
  readonly handlers: () => TransportHandlers;
  readonly figures: LaneFigures;
}

export class DialledPeer {
  readonly address: PeerAddress;
  private readonly options: DialledPeerOptions;
  private connection: Connection | undefined;
  private retry: Timer | undefined;
  private failures = 0;
  private lastFailure = '';
  private closed = false;

  constructor(options: DialledPeerOptions) {
    this.options = options;
    this.address = options.address;
    this.dial();
  }

  send(lane: DialledLane, message: Buffer): boolean {
    return this.connection?.send(lane, message) ?? false;
  }

  /** Ends the connection, with its onDown if it was up. */
  close(): void {
    if (this.closed) return;
    this.retry?.cancel();
    const { connection } = this;
    this.closed = true;
    this.connection = undefined;
    if (connection?.end()) this.options.handlers().onDown(this.address.nodeId);
  }

  private dial(): void {
    const connection: Connection = new Connection(this.options, {
      onUp: () => this.up(),
      onEnd: (wasUp, why) => this.ended(connection, wasUp, why),
    });
    this.connection = connection;
  }

  private up(): void {
    this.failures = 0;
    this.lastFailure = '';
    this.options.env.log.info('peer is up', { peer: this.address.nodeId, at: this.at });
    this.options.handlers().onUp(this.address.nodeId);
  }

  private ended(connection: Connection, wasUp: boolean, why: string): void {
    if (this.closed || connection !== this.connection) return;
    this.connection = undefined;
    // Said once a reason: a peer that stays away is dialled once a second, for ever.
    if (wasUp || why !== this.lastFailure) {
      this.options.env.log.warn('peer is down', { peer: this.address.nodeId, at: this.at, why });
    }
    this.lastFailure = why;
    this.retry = this.options.env.after(this.nextDelayMs(), () => this.dial());
    if (wasUp) this.options.handlers().onDown(this.address.nodeId);
  }

  /** Doubles with each failure in a row, up to the bound; half of it is chance, so that nodes don't dial in step. */
  private nextDelayMs(): number {
    const { reconnectDelayMinMs, reconnectDelayMaxMs } = this.options.limits;
    const delayMs = Math.min(reconnectDelayMaxMs, reconnectDelayMinMs * 2 ** Math.min(this.failures, 20));
    this.failures++;
    return delayMs * (0.5 + this.options.env.random.float() / 2);
  }

  private get at(): string {
    return hostPort(this.address.host, this.address.port);
  }
}

interface ConnectionEvents {
  onUp(): void;
  /** Once. `wasUp`: onUp has run before. */
  onEnd(wasUp: boolean, why: string): void;
}

type PeerStream = ClientDuplexStream<Frames, Frames>;

interface Channel {
  readonly client: Client;
  /** As long as the channel lives: one, or more where grpc-js connected again. */
  readonly sockets: Socket[];
  readonly streams: PeerStream[];
}

/** One attempt and, if it succeeds, one connection; it never comes back. */
class Connection {
  private readonly options: DialledPeerOptions;
  private readonly events: ConnectionEvents;
  private readonly channels: readonly Channel[];
  private readonly lanes: Readonly<Record<DialledLane, LaneWriter>>;
  private readonly deadline: Timer;
  private answersMissing: number;
  private state: 'connecting' | 'up' | 'ended' = 'connecting';

  constructor(options: DialledPeerOptions, events: ConnectionEvents) {
    this.options = options;
    this.events = events;
    const id = options.nextConnection();
    const control = this.openChannel();
    const bulk = this.openChannel();
    this.channels = [control, bulk];
    const controlStream = this.open(control, 'Control', id);
    const syncStream = this.open(bulk, 'BinlogSync', id, 'ack');
    const forwardStream = this.open(bulk, 'Forward', id, 'reply');
    const snapshotStream = this.open(bulk, 'Snapshot', id, 'snapshotAck');
    this.answersMissing = control.streams.length + bulk.streams.length;
    this.lanes = {
      control: this.lane('control', controlStream),
      sync: this.lane('sync', syncStream),
      request: this.lane('request', forwardStream),
      snapshot: this.lane('snapshot', snapshotStream),
    };
    this.deadline = options.env.after(options.limits.connectTimeoutMs, () => this.fail('no answer in time'));
  }

  send(lane: DialledLane, message: Buffer): boolean {
    if (this.state !== 'up') return false;
    if (this.lanes[lane].send(message)) return true;
    // Control is never dropped out of a standing connection: a peer that takes no votes is no peer.
    // It takes nothing more from here on, so that no later message follows the gap.
    if (lane === 'control') {
      this.lanes.control.close();
      this.options.env.defer(() => this.fail('control lane is full'));
    }
    return false;
  }

  /** Silently; answers whether it was up. */
  end(): boolean {
    const wasUp = this.state === 'up';
    if (this.state === 'ended') return false;
    this.state = 'ended';
    this.deadline.cancel();
    for (const lane of Object.values(this.lanes)) lane.close();
    for (const channel of this.channels) endChannel(channel);
    return wasUp;
  }

  private fail(why: string): void {
    if (this.state === 'ended') return;
    const wasUp = this.end();
    this.events.onEnd(wasUp, why);
  }

  private openChannel(): Channel {
    const { address, security, limits } = this.options;
    const sockets: Socket[] = [];
    const credentials = tapSocket(security.channelCredentials, (socket) => {
      sockets.push(socket);
      if (this.state === 'ended') socket.destroy();
    });
    const client = new Client(hostPort(address.host, address.port), credentials, channelOptions(limits));
    return { client, sockets, streams: [] };
  }

  private open(channel: Channel, name: PeerMethodName, id: ConnectionId, answers?: Lane): PeerStream {
    const { identity, security, address, boots } = this.options;
    const { path, requestSerialize, responseDeserialize } = peerMethods[name];
    const hello = writeHello(security.callMetadata(), identity, id);
    const stream = channel.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, hello);
    channel.streams.push(stream);
    stream.on('metadata', (metadata) => {
      const fault = checkAnswer(metadata, identity, address.nodeId, boots);
      if (fault === undefined) this.answered();
      else this.fail(fault);
    });
    stream.on('data', (frames: Frames) => this.received(frames, answers));
    stream.on('error', (error: ServiceError) => {
      if (error.code === status.DATA_LOSS) this.options.outdated(reasonOf(error));
      this.fail(reasonOf(error));
    });
    stream.on('end', () => this.fail('ended by the peer'));
    return stream;
  }

  private lane(lane: DialledLane, sink: PeerStream): LaneWriter {
    const { env, limits, figures } = this.options;
    const { messageBytesMax, unsentBytesMax } = limits;
    // Clients' requests come one by one, of many connections in one turn of the event loop; what slots say has been gathered.
    const gather = lane === 'request' ? (run: () => void) => env.defer(run) : queueMicrotask;
    return new LaneWriter({ gather, sink, messageBytesMax, unsentBytesMax: unsentBytesMax[lane], figures });
  }

  private answered(): void {
    if (this.state !== 'connecting' || --this.answersMissing > 0) return;
    this.state = 'up';
    this.deadline.cancel();
    this.events.onUp();
  }

  private received(frames: Frames, lane: Lane | undefined): void {
    if (lane === undefined) return;
    const handlers = this.options.handlers();
    for (const frame of frames) {
      // A handler may close the transport between two frames of one message.
      if (this.state !== 'up') return;
      handlers.onMessage(this.options.address.nodeId, lane, frame);
    }
  }
}

/** By its socket, where there is one (socket-tap.ts says why); calls that never came so far have nothing to reset. */
function endChannel({ client, sockets, streams }: Channel): void {
  for (const socket of sockets) socket.destroy();
  if (sockets.length === 0) for (const stream of streams) stream.cancel();
  client.close();
}

/** grpc-js adds the time of the failure; without it, equal reasons are equal and are logged once. */
function reasonOf(error: ServiceError): string {
  return (error.details || error.message).replace(/ \(\d{4}-\d\d-\d\dT[^)]*\)/g, '');
}
