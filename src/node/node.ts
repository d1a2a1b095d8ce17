/**
 * A node: builds the parts and joins them, and is the only place that knows all of them.
 *
 * Everything that touches the world comes in through NodeWorld (the five seams), so that a whole node runs in the simulator
 * as it runs in a process. The life: open what the disk holds, become somebody (an identity from PM, kept on disk before
 * anything else happens), speak with peers, follow the topology. The topology is kept on disk too: a node that knows its
 * identity serves without PM.
 */
import type { NodeView } from '../commands/session.js';
import { stateMachine } from '../commands/state-machine.js';
import { type Env, nextTurn } from '../env.js';
import type { Connection, RequestHandler } from '../resp/connection.js';
import type { Reply } from '../resp/reply.js';
import { createCodec, type RaftCodec } from '../rpc/codec.js';
import { decodePulse, encodePulse } from '../rpc/pulse-codec.js';
import type { PlacementClient, Topology } from '../rpc/topology.js';
import type { Lane, NodeId, PeerTransport } from '../rpc/transport.js';
import { Checkpointer } from '../slot/checkpoint.js';
import { Pump } from '../slot/pump.js';
import { finishInstalls, lastMarkedState, type StoredState, storedStateOf } from '../slot/states.js';
import type { Binlog, BinlogEntry } from '../storage/binlog.js';
import { decodeEntries, encodeEntries } from '../storage/binlog-record.js';
import { openBinlog } from '../storage/binlog-recovery.js';
import type { Engine } from '../storage/engine.js';
import type { Files } from '../storage/files.js';
import { Access } from './access.js';
import { IDENTITY_FILE, type Identity, identityRow, TOPOLOGY_FILE } from './data-folder.js';
import { DiskWatch } from './disk-watch.js';
import { Forwarder, type Leadership } from './forwarder.js';
import { jsonKeeper, readJson, registrationKey } from './json-files.js';
import { Leaders } from './leaders.js';
import { MemberWork } from './member-work.js';
import { addressOf, handOver, nodesOf } from './members.js';
import { openNodeEngine } from './open-engine.js';
import { Outbox } from './outbox.js';
import { Pulse } from './pulse.js';
import { Readiness } from './readiness.js';
import { type NodeSlot, Replicas } from './replicas.js';
import { Reporter } from './reporter.js';
import { Router } from './router.js';
import { ClientSession, type Port, type SessionHost } from './session.js';
import type { NodeSettings } from './settings.js';
import { Snapshots } from './snapshots.js';
import { changedWishes, TopologyView } from './topology.js';

export type { Identity };

/** The node's world: the five seams, and where broken invariants go. */
export interface NodeWorld {
  readonly env: Env;
  readonly files: Files;
  /** What operators call the node. */
  readonly name?: string;
  openEngine(): Promise<Engine>;
  /** The engine is damaged: puts it aside and opens a fresh one. */
  renewEngine?(): Promise<Engine>;
  /** Streams to and from the peers, as this identity. Called once. */
  connectPeers(identity: Identity): Promise<PeerTransport>;
  /** The conversation with PM; `registrationKey` is on disk. */
  placement(registrationKey: string, identity: Identity | undefined): PlacementClient;
  /** Must not return to a working node: the process stops. */
  fatal(why: unknown): void;
}

/** What someone watching from outside is told; the simulator's oracles and the metrics listen here. */
export interface NodeObserver {
  entryApplied?(slot: NodeSlot, entry: BinlogEntry): void;
  statusChanged?(slot: NodeSlot): void;
  snapshotInstalled?(slot: NodeSlot): void;
}

export class Node implements SessionHost {
  readonly router: Router;
  readonly leaders: Leaders;
  readonly access = new Access();
  readonly incarnation: string;
  private identity: Identity | undefined;
  private topologyView = TopologyView.empty;
  private adopting: Promise<void> = Promise.resolve();
  private transport: PeerTransport | undefined;
  private outbox: Outbox | undefined;
  private readonly forwarder: Forwarder;
  private readonly memberWork: MemberWork;
  private placement: PlacementClient | undefined;
  private readonly diskWatch: DiskWatch;
  private readonly reporter: Reporter;
  private readonly pulse: Pulse;
  private readonly codec: RaftCodec = createCodec({ encodeEntries, decodeEntries });
  /** What stops a client from being served: empty once topology and identity are there. */
  placementUp = false;
  stopping = false;
  private readonly readiness = new Readiness(this);
  private closed = false;
  private readonly keep: ReturnType<typeof jsonKeeper>;

  private constructor(
    private readonly world: NodeWorld,
    readonly settings: NodeSettings,
    private readonly engine: Engine,
    readonly binlog: Binlog,
    readonly replicas: Replicas,
    private readonly pump: Pump<Reply>,
    readonly checkpointer: Checkpointer,
    readonly snapshots: Snapshots<Reply>,
    readonly view: NodeView,
    pid: number,
  ) {
    const { env } = world;
    this.keep = jsonKeeper(world, () => this.closed);
    this.incarnation = env.random.u32().toString(36) + env.random.u32().toString(36);
    // Before there are peers nobody can be sent to.
    const lane: Pick<PeerTransport, 'send'> = {
      send: (to, name, bytes) => this.transport?.send(to, name, bytes) ?? false,
    };
    this.forwarder = new Forwarder(env, lane, replicas);
    this.pulse = new Pulse(env, settings.pulse, {
      beat: () => this.beat(),
      onGone: (peer) => this.peerDown(peer),
      onBack: (peer) => this.replicas.peerUp(peer),
    });
    this.leaders = new Leaders(env, {
      membersOf: (groupId) => this.members(groupId),
      ask: (nodeId, groupId, answer) => this.askLeader(nodeId, groupId, answer),
    });
    this.reporter = new Reporter(env, settings.reportIntervalMs, replicas, {
      facts: () => ({
        ...{ nodeId: this.nodeId, epoch: this.topologyView.epoch, pid },
        damaged: this.replicas.lostMembers(),
      }),
      send: (report) => {
        if (this.placementUp) this.placement?.report(report);
      },
    });
    const { leaders, forwarder, reporter } = this;
    const { fatal } = world;
    this.diskWatch = new DiskWatch({ env, binlog, replicas, checkpointer, node: this, fatal });
    this.memberWork = new MemberWork({ env, node: this, replicas, leaders, forwarder, reporter });
    this.router = new Router(env, () => this.nodeId, replicas, this.forwarder, this.leaders, settings.router);
  }

  /** Opens what the disk holds and starts everything. Rejects with what the operator must mend. */
  static async open(
    world: NodeWorld,
    settings: NodeSettings,
    makeView: (node: () => Node) => NodeView,
    pid: number,
    observer: NodeObserver = {},
  ): Promise<Node> {
    const { env, files } = world;
    const { engine, states, notes } = await openNodeEngine(world);
    const checkpointer = new Checkpointer(env, engine, settings.checkpoint, states.lastStateId, world.fatal);
    const onPinned = (): void => void checkpointer.round();
    const recovery = await openBinlog(
      files,
      { ...settings.binlog, onPinned, nextTurn: () => nextTurn(env) },
      (replica) => storedStateOf(states, replica)?.meta.appliedIndex ?? 0,
    );
    const { binlog, damage, tornBytes } = recovery;
    if (tornBytes > 0) env.log.info('cut off a last batch that nobody was promised', { tornBytes });
    for (const place of damage) env.log.error('the binlog is damaged', { place });
    checkpointer.skipStateIds(lastMarkedState(recovery.replicas.values()));
    const pump = new Pump<Reply>(env, binlog, settings.tickMs, world.fatal, () => node.outbox?.flush());
    const shared = { env, engine, checkpointer, fatal: world.fatal };
    const snapshots = new Snapshots<Reply>({
      ...shared,
      settings: settings.snapshot,
      slotOf: (groupId) => replicas.get(groupId),
      send: (to, lane, bytes) => node.transport?.send(to, lane, bytes) ?? false,
      isReachable: (nodeId) => node.isReachable(nodeId),
      diskLow: () => replicas.diskLow,
      installed: (slot) => observer.snapshotInstalled?.(slot),
      damaged: (slot, why) => replicas.shut(slot, why),
    });
    const replicas = new Replicas({
      ...shared,
      binlog,
      pump,
      machine: stateMachine,
      settings: settings.slot,
      snapshots,
      post: (to, groupId, message) => node.outbox?.post(to, groupId, message),
      leaderHeard: (groupId, leader) => node.leaders.learn(groupId, leader),
      statusChanged: (slot) => {
        node.slotChanged(slot);
        observer.statusChanged?.(slot);
      },
      entryApplied: (slot, entry) => observer.entryApplied?.(slot, entry),
      isDown: (nodeId) => nodeId !== node.nodeId && !node.isReachable(nodeId),
      notes,
    });
    const node: Node = new Node(
      world,
      settings,
      engine,
      binlog,
      replicas,
      pump,
      checkpointer,
      snapshots,
      makeView(() => node),
      pid,
    );
    if (recovery.replicasMayBeMissing) replicas.nameless.suspect(damage[0]!);
    await node.start(recovery.replicas, await finishInstalls(engine, states, recovery.replicas.values()));
    return node;
  }

  get nodeId(): number {
    return this.identity?.nodeId ?? 0;
  }

  get clusterId(): string {
    return this.identity?.clusterId ?? '';
  }

  topology(): TopologyView {
    return this.topologyView;
  }

  isReachable(nodeId: number): boolean {
    return this.pulse.isReachable(nodeId);
  }

  wallMs(): number {
    return this.world.env.wallMs();
  }

  monotonicMs(): number {
    return this.world.env.monotonicMs();
  }

  /** A new client connection's handler. */
  openSession(connection: Connection, port: Port): RequestHandler {
    return new ClientSession(this, connection, port);
  }

  /** Why this node should get no new clients; empty when it should. */
  unreadiness(): readonly string[] {
    return this.readiness.reasons();
  }

  /** Hands leaderships over, as far as somebody can take them within `timeoutMs`. */
  async resign(timeoutMs: number): Promise<void> {
    this.stopping = true;
    // To PM a node without leaders is the one to give some to; one that has said goodbye is not.
    await this.placement?.close();
    const { env } = this.world;
    const deadlineMs = env.monotonicMs() + timeoutMs;
    while (env.monotonicMs() < deadlineMs && this.pulse.reachableCount > 0) {
      const led = [...this.replicas.all].filter(
        (slot) => slot.isLeader && slot.status.configuration.voters.length > 1,
      );
      if (led.length === 0) return;
      for (const slot of led)
        handOver(slot, this.topologyView.wish(slot.birth.groupId), (peer) => this.isReachable(peer));
      await new Promise<void>((resolve) => env.after(50, resolve));
    }
  }

  /** Stops everything and closes the disk; nothing acknowledged depends on this. */
  async close(): Promise<void> {
    this.stopping = true;
    this.closed = true;
    this.reporter.close();
    this.diskWatch.close();
    this.pulse.close();
    this.memberWork.close();
    this.binlog.stopWaiting();
    this.engine.stopWaiting?.();
    await this.placement?.close();
    await this.adopting;
    this.pump.close();
    await this.snapshots.close();
    // Spares the next start the replay; a closed slot would not be frozen any more.
    await this.checkpointer.round();
    await this.checkpointer.close();
    for (const slot of this.replicas.all) slot.close();
    await this.transport?.close();
    await this.binlog.close();
    await this.engine.close();
  }

  private async start(
    recovered: Awaited<ReturnType<typeof openBinlog>>['replicas'],
    stored: ReadonlyMap<number, StoredState>,
  ): Promise<void> {
    this.identity = await readJson<Identity>(this.world.files, IDENTITY_FILE);
    const topology = await readJson<Topology>(this.world.files, TOPOLOGY_FILE);
    if (topology !== undefined) this.topologyView = new TopologyView(topology);
    for (const replica of recovered.values())
      await this.replicas.reopen(replica, stored.get(replica.replicaId));
    await this.replicas.settleDamage(this.topologyView, this.nodeId);
    this.pump.start();
    this.pulse.start();
    this.checkpointer.start();
    if (this.identity !== undefined) await this.meetPeers(this.identity);
    if (topology !== undefined) await this.follow();
    this.startPlacement(await registrationKey(this.world.files, this.world.env.random));
    this.reporter.start();
    this.diskWatch.start();
    this.memberWork.start();
  }

  private startPlacement(registrationKey: string): void {
    this.placement = this.world.placement(registrationKey, this.identity);
    this.placement.start({
      onRegistered: (identity) => this.registered(identity),
      onTopology: (topology) => void this.adopt(topology),
      onTransfers: (orders) => this.diskWatch.transfer(orders),
      onUp: () => {
        this.placementUp = true;
        this.reporter.report();
      },
      onDown: (why) => {
        if (this.placementUp) this.world.env.log.warn('placement manager lost; running on', { why });
        this.placementUp = false;
      },
    });
  }

  private async registered(identity: Identity): Promise<void> {
    if (this.closed || this.identity !== undefined) return;
    await this.keep(IDENTITY_FILE, identityRow(identity, this.world.name));
    if (this.closed) return;
    this.identity = identity;
    try {
      await this.meetPeers(identity);
    } catch (why) {
      this.world.fatal(why);
    }
  }

  private async meetPeers(identity: Identity): Promise<void> {
    const transport = await this.world.connectPeers(identity);
    transport.handlers = {
      onMessage: (from, lane, message) => this.received(from, lane, message),
      onUp: (peer) => this.pulse.connected(peer),
      onDown: (peer) => this.pulse.disconnected(peer),
    };
    this.transport = transport;
    this.outbox = new Outbox(transport, this.codec);
  }

  /** Disk first: a node must not act on a topology that it would not know after a restart. One at a time. */
  private adopt(topology: Topology): Promise<void> {
    this.adopting = this.adopting.then(() => this.adoptNow(topology)).catch(this.world.fatal);
    return this.adopting;
  }

  private async adoptNow(topology: Topology): Promise<void> {
    if (this.closed || topology.epoch <= this.topologyView.epoch) return;
    await this.keep(TOPOLOGY_FILE, topology);
    if (this.closed) return;
    const view = new TopologyView(topology);
    for (const groupId of changedWishes(this.topologyView, view)) this.leaders.forget(groupId);
    this.topologyView = view;
    await this.follow();
  }

  private async follow(): Promise<void> {
    const peers = this.topologyView.topology.nodes.filter((node) => node.nodeId !== this.nodeId);
    this.transport?.setPeers(peers.map(addressOf));
    await this.replicas.follow(this.topologyView, this.nodeId);
  }

  private received(from: NodeId, lane: Lane, message: Buffer): void {
    if (this.closed) return;
    if (lane === 'control') this.pulse.heard(from);
    try {
      const word = lane === 'control' ? decodePulse(message) : undefined;
      if (word !== undefined) this.replicas.spaces.heard(from, word.space);
      else if (lane === 'request') this.forwarder.onRequest(from, message);
      else if (lane === 'reply') this.forwarder.onReply(message);
      else if (lane === 'snapshot') this.snapshots.onMessage(from, message);
      else if (lane === 'snapshotAck') this.snapshots.onAck(message);
      else this.replicas.receiveAll(this.codec.decodeFrames(message));
    } catch (why) {
      // A peer that speaks nonsense is a peer to be ignored; our own broken invariants stop the process.
      if ((why as Error).name !== 'FormatError') return this.world.fatal(why);
      this.world.env.log.error('malformed message from a peer', { from, lane, why: String(why) });
    }
  }

  private peerDown(peer: NodeId): void {
    this.leaders.forgetNode(peer);
    this.replicas.spaces.forget(peer);
    this.forwarder.peerDown(peer);
    this.replicas.peerDown(peer);
    this.snapshots.peerDown(peer);
  }

  /** Says a word to every peer. */
  beat(): void {
    const word = encodePulse({ space: this.replicas.spaces.own });
    for (const { nodeId } of this.topologyView.topology.nodes) {
      if (nodeId !== this.nodeId) this.transport?.send(nodeId, 'control', word);
    }
  }

  private slotChanged(slot: NodeSlot): void {
    this.snapshots.slotChanged(slot);
    this.leaders.learn(slot.birth.groupId, this.replicas.leadership(slot.birth.groupId));
    this.readiness.look();
    this.reporter.soon();
  }

  /** Nodes that hold the group, or are about to. */
  members(groupId: number): readonly number[] {
    const configuration = this.replicas.get(groupId)?.status.configuration;
    return nodesOf(this.topologyView.place(groupId)?.group, configuration);
  }

  /** Its own replica is asked like the others: of a group of one it is all that can tell. */
  private askLeader(nodeId: number, groupId: number, answer: (leader: Leadership) => void): void {
    if (nodeId === this.nodeId) answer(this.replicas.leadership(groupId));
    else this.forwarder.ask(nodeId, groupId, answer);
  }
}

export type { Leadership };
