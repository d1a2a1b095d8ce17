/**
 * The network between the nodes: what `src/rpc/transport.ts` promises, and everything that it does not.
 *
 * Modelled on two TCP connections with streams, as the real transport has them:
 * - Each node dials each peer. `control`, `sync`, `request` and `snapshot` go out on the connection that a node dialled; `ack`,
 *   `reply` and `snapshotAck` go back on the newest connection that it accepted from that peer.
 * - A cut link loses nothing at first: what is under way waits, and arrives when the link heals. When it does not heal in time the
 *   connection breaks, and what waited is gone. A broken connection never comes back; a new one is dialled.
 * - Of what was under way when a connection broke, the acceptor may still read a prefix of each lane until it accepts the next
 *   connection of that dialer; the dialer reads nothing after its onDown.
 * - A process that dies closes its connections at once (its kernel says so) or, when its machine died, in silence.
 * - A harsh network, a matter of the seed, does to Raft's own messages what no transport does: it loses, repeats and reorders them,
 *   and lets them come after their connection broke. Raft must bear that; the promise above holds for requests and replies.
 */
import { crc32c } from '@node-rs/crc32';
import type { Random } from '../../src/random.js';
import {
  isAnswer,
  type Lane,
  type NodeId,
  type PeerAddress,
  type PeerTransport,
  type TransportHandlers,
} from '../../src/rpc/transport.js';
import type { Owner, Scheduler } from './scheduler.js';
import { Connection, LANE_CODES } from './sim-connection.js';

/** What may come in any order, more than once, or not at all. */
const RAFT_LANES: ReadonlySet<Lane> = new Set(['control', 'sync', 'ack']);

export interface NetworkSettings {
  /** One way; drawn anew for each message. */
  readonly delayUsMin: number;
  readonly delayUsMax: number;
  /** One message in so many takes up to `slowUsMax`; 0: none. */
  readonly slowEvery: number;
  readonly slowUsMax: number;
  readonly reconnectUsMax: number;
  /** A cut link breaks its connections after at most so long. */
  readonly keepaliveUsMax: number;
  /** Unsent bytes of one lane. */
  readonly laneBytesMax: number;
  readonly harsh: HarshSettings | undefined;
}

/** What befalls Raft's messages; each number: one in so many, 0 none. */
export interface HarshSettings {
  readonly lostEvery: number;
  readonly repeatedEvery: number;
  readonly strayEvery: number;
  /** How late a stray message comes. */
  readonly strayUsMax: number;
}

export interface NetworkTap {
  sent(from: NodeId, to: NodeId, lane: Lane, message: Buffer): void;
  counted(what: string): void;
  /** Called before the effect: true when the sender died of it. */
  effect(from: Owner): boolean;
}

export class SimNetwork {
  private readonly listening = new Map<NodeId, SimTransport>();
  /** Cut directions, `from * 1000 + to` -> number of the cut. */
  private readonly cuts = new Map<number, number>();
  private cutNumber = 0;
  private isKind = false;
  private readonly connections = new Set<Connection>();

  constructor(
    readonly scheduler: Scheduler,
    readonly random: Random,
    readonly settings: NetworkSettings,
    readonly tap: NetworkTap,
  ) {}

  /** A process with this identity has come to life. */
  listen(nodeId: NodeId, owner: Owner): SimTransport {
    const transport = new SimTransport(this, nodeId, owner);
    this.listening.set(nodeId, transport);
    return transport;
  }

  /** The process is gone; `silent`: its peers must find out by themselves. */
  died(transport: SimTransport, silent: boolean): void {
    if (this.listening.get(transport.nodeId) === transport) this.listening.delete(transport.nodeId);
    for (const connection of [...this.connections]) {
      if (connection.dialer !== transport && connection.acceptor !== transport) continue;
      const noticeUs = silent ? this.random.below(this.settings.keepaliveUsMax) : this.delayUs();
      this.scheduler.after(noticeUs, 'net peer gone', undefined, () => this.break(connection));
    }
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.cuts.has(from * 1000 + to);
  }

  /** One direction carries nothing any more. */
  cut(from: NodeId, to: NodeId): void {
    if (this.isCut(from, to)) return;
    const number = this.hold(from, to);
    for (const connection of this.connections) {
      if (!connection.uses(from, to)) continue;
      this.breakLater(connection, () => this.cuts.get(from * 1000 + to) === number);
    }
  }

  /** One direction carries nothing for now: all that was sent comes when it heals. */
  clog(from: NodeId, to: NodeId): void {
    if (!this.isCut(from, to)) this.hold(from, to);
  }

  /** A process says nothing for so long, not even that it lives: connections whose keep-alive is shorter break. */
  hushed(nodeId: NodeId, forUs: number): void {
    const transport = this.listening.get(nodeId);
    if (transport === undefined) return;
    const untilUs = this.scheduler.nowUs + forUs;
    for (const connection of this.connections) {
      if (connection.dialer !== transport && connection.acceptor !== transport) continue;
      this.breakLater(connection, () => this.scheduler.nowUs < untilUs && transport.owner.alive);
    }
  }

  private hold(from: NodeId, to: NodeId): number {
    const number = ++this.cutNumber;
    this.cuts.set(from * 1000 + to, number);
    return number;
  }

  private breakLater(connection: Connection, still: () => boolean): void {
    const afterUs = this.random.below(this.settings.keepaliveUsMax);
    this.scheduler.after(afterUs, 'net keepalive', undefined, () => {
      if (still()) this.break(connection);
    });
  }

  heal(from: NodeId, to: NodeId): void {
    if (!this.cuts.delete(from * 1000 + to)) return;
    for (const connection of this.connections) connection.resume(from, to);
  }

  /** All links carry again, and lanes are as wide as they need be. */
  healAll(): void {
    this.isKind = true;
    for (const link of [...this.cuts.keys()]) this.heal(Math.floor(link / 1000), link % 1000);
  }

  /** A reset out of the blue: both connections of a pair, or one. */
  reset(dialer: NodeId, acceptor: NodeId): void {
    for (const connection of [...this.connections]) {
      if (connection.dialer.nodeId === dialer && connection.acceptor.nodeId === acceptor)
        this.break(connection);
    }
  }

  /** How often, and how much later than others, a message of this lane arrives; undefined: once, in its turn. */
  strayDelaysUs(lane: Lane): readonly number[] | undefined {
    const { harsh } = this.settings;
    if (harsh === undefined || this.isKind || !RAFT_LANES.has(lane)) return undefined;
    const { lostEvery, repeatedEvery, strayEvery, strayUsMax } = harsh;
    const chance = (every: number): boolean => every > 0 && this.random.below(every) === 0;
    if (chance(lostEvery)) return this.strays('message lost', 0, 0);
    if (chance(repeatedEvery)) return this.strays('message repeated', 2, strayUsMax);
    return chance(strayEvery) ? this.strays('message out of order', 1, strayUsMax) : undefined;
  }

  private strays(what: string, count: number, lateUsMax: number): readonly number[] {
    this.tap.counted(what);
    return Array.from({ length: count }, () => this.delayUs() + this.random.below(lateUsMax));
  }

  laneFull(): false {
    this.tap.counted('lane full');
    return false;
  }

  get laneBytesMax(): number {
    return this.isKind ? Number.POSITIVE_INFINITY : this.settings.laneBytesMax;
  }

  delayUs(): number {
    const { delayUsMin, delayUsMax, slowEvery, slowUsMax } = this.settings;
    const slow = slowEvery > 0 && !this.isKind && this.random.below(slowEvery) === 0;
    return delayUsMin + this.random.below((slow ? slowUsMax : delayUsMax) - delayUsMin + 1);
  }

  dial(dialer: SimTransport, to: NodeId, attempt: object): void {
    this.scheduler.after(this.delayUs() + this.delayUs(), 'net dial', dialer.owner, () => {
      if (!dialer.wants(to, attempt)) return;
      const acceptor = this.listening.get(to);
      const reachable =
        acceptor !== undefined && !this.isCut(dialer.nodeId, to) && !this.isCut(to, dialer.nodeId);
      if (!reachable || this.random.below(16) === 0) return dialer.dialAgain(to, attempt);
      this.accept(dialer, acceptor, attempt);
    });
  }

  /** The acceptor may be paused, or die before it answers: then the dialer tries again. */
  private accept(dialer: SimTransport, acceptor: SimTransport, attempt: object): void {
    let answered = false;
    let late = false;
    this.scheduler.after(this.settings.keepaliveUsMax, 'net no answer', dialer.owner, () => {
      late = true;
      if (!answered) dialer.dialAgain(acceptor.nodeId, attempt);
    });
    this.scheduler.after(1, 'net accept', acceptor.owner, () => {
      if (late || !dialer.owner.alive) return;
      const connection = new Connection(this, dialer, acceptor);
      this.connections.add(connection);
      acceptor.accepted.get(dialer.nodeId)?.replace();
      acceptor.accepted.set(dialer.nodeId, connection);
      this.scheduler.after(this.delayUs(), 'net up', dialer.owner, () => {
        if (late) return this.break(connection);
        answered = true;
        if (connection.broken) return dialer.dialAgain(acceptor.nodeId, attempt);
        if (!dialer.wants(acceptor.nodeId, attempt)) return this.break(connection);
        connection.up = true;
        dialer.connected(acceptor.nodeId, connection);
      });
    });
  }

  break(connection: Connection): void {
    if (connection.broken) return;
    connection.break();
    this.connections.delete(connection);
    const { dialer, acceptor } = connection;
    if (!connection.up) return;
    this.scheduler.after(1, 'net down', dialer.owner, () => dialer.disconnected(acceptor.nodeId, connection));
  }
}

/** One process's end of it. */
export class SimTransport implements PeerTransport {
  handlers: TransportHandlers = { onMessage: () => {}, onUp: () => {}, onDown: () => {} };
  /** Newest connection of each peer that dialled us. */
  readonly accepted = new Map<NodeId, Connection>();
  private readonly dialled = new Map<NodeId, Connection>();
  /** Peers to keep connections with, and the standing attempt for each. */
  private attempts = new Map<NodeId, object>();

  constructor(
    private readonly network: SimNetwork,
    readonly nodeId: NodeId,
    readonly owner: Owner,
  ) {}

  send(to: NodeId, lane: Lane, message: Buffer): boolean {
    if (!this.owner.alive || this.network.tap.effect(this.owner)) return false;
    const connection = isAnswer(lane) ? this.accepted.get(to) : this.dialled.get(to);
    if (connection === undefined || connection.broken) return false;
    this.network.scheduler.trace.fold(LANE_CODES[lane] + message.length * 8);
    this.network.scheduler.trace.fold(crc32c(message));
    this.network.tap.sent(this.nodeId, to, lane, message);
    return connection.send(lane, message);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    const wanted = new Map<NodeId, object>();
    for (const { nodeId } of peers) wanted.set(nodeId, this.attempts.get(nodeId) ?? {});
    const before = this.attempts;
    this.attempts = wanted;
    for (const nodeId of before.keys()) if (!wanted.has(nodeId)) this.drop(nodeId);
    for (const [nodeId, attempt] of wanted) if (!before.has(nodeId)) this.network.dial(this, nodeId, attempt);
  }

  async close(): Promise<void> {
    this.setPeers([]);
    for (const connection of this.accepted.values()) this.network.break(connection);
    this.network.died(this, false);
  }

  wants(to: NodeId, attempt: object): boolean {
    return this.attempts.get(to) === attempt;
  }

  dialAgain(to: NodeId, attempt: object): void {
    const delayUs = this.network.random.below(this.network.settings.reconnectUsMax);
    this.network.scheduler.after(delayUs, 'net redial', this.owner, () => {
      if (this.wants(to, attempt)) this.network.dial(this, to, attempt);
    });
  }

  connected(to: NodeId, connection: Connection): void {
    this.dialled.set(to, connection);
    this.handlers.onUp(to);
  }

  disconnected(from: NodeId, connection: Connection): void {
    if (this.dialled.get(from) !== connection) return;
    this.dialled.delete(from);
    const attempt = this.attempts.get(from);
    if (attempt !== undefined) this.dialAgain(from, attempt);
    this.handlers.onDown(from);
  }

  private drop(nodeId: NodeId): void {
    const connection = this.dialled.get(nodeId);
    this.dialled.delete(nodeId);
    if (connection === undefined) return;
    this.network.break(connection);
    this.handlers.onDown(nodeId);
  }
}
