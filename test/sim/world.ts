/**
 * The simulated world: PM, machines with whole nodes on them, the network between them, clients, and the oracles that watch.
 *
 * It is built from a seed and a scenario and has no other input. A broken oracle, an exception, a rejected promise that nobody caught
 * or a node that stops by itself ends the run with an error.
 */
import { invariant } from '../../src/assert.js';
import type { Log } from '../../src/env.js';
import { wishOf } from '../../src/node/members.js';
import { isAsWished } from '../../src/node/membership-plan.js';
import type { NodeObserver } from '../../src/node/node.js';
import type { NodeSlot } from '../../src/node/replicas.js';
import { isJoint } from '../../src/raft/membership.js';
import type { Message } from '../../src/raft/message.js';
import { type Random, seededRandom } from '../../src/random.js';
import { createCodec } from '../../src/rpc/codec.js';
import type { BinlogEntry } from '../../src/storage/binlog.js';
import { decodeEntries, encodeEntries } from '../../src/storage/binlog-record.js';
import { ASYNC_TABLE } from './async-workload.js';
import { Oracles } from './checks/oracles.js';
import type { RarePath } from './coverage.js';
import { Faults } from './faults.js';
import { type Fate, History } from './history.js';
import { type Owner, Scheduler } from './scheduler.js';
import { ClientConnection, type ClientEvents } from './sim-client.js';
import type { SimClient } from './sim-clients.js';
import { type DiskWatch, type EndMode, SimMachine } from './sim-machine.js';
import { SimNetwork } from './sim-network.js';
import { SimPlacement, SimPlacementClient } from './sim-placement.js';
import type { Scenario } from './swarm.js';

/** Called before each effect; true: the machine is dead now and the effect has not happened. */
export type EffectHook = (machine: SimMachine, kind: string) => boolean;

export interface WorldOptions {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly effect?: EffectHook;
  readonly watch?: DiskWatch | undefined;
  /** A turn of Node's loop for each event, for the test that it makes no difference. */
  readonly turnEach?: boolean;
  /** Where the nodes' logs go; nowhere by default. */
  readonly say?: (line: string) => void;
}

export class World {
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly placement: SimPlacement;
  readonly machines: readonly SimMachine[];
  readonly clients: SimClient[] = [];
  readonly faults: Faults;
  readonly history = new History();
  readonly oracles: Oracles;
  /** How often what happened: a run that covers nothing proves nothing. */
  readonly counters = new Map<string, number>();
  private readonly seed: number;
  private readonly endDice: Random;
  private readonly connections = new Map<SimMachine, Set<ClientConnection>>();
  private connectionIds = 0;
  /** `group/term` of candidacies that a leader asked for. */
  private readonly transfers = new Set<string>();
  /** Of the last client; each has its own. */
  clientNumber = 0;

  constructor(private readonly options: WorldOptions) {
    const { seed, scenario } = options;
    this.seed = seed;
    this.scenario = scenario;
    this.scheduler = options.turnEach ? new Scheduler(this.dice(1), undefined) : new Scheduler(this.dice(1));
    this.endDice = this.dice(2);
    const codec = createCodec({ encodeEntries, decodeEntries });
    this.oracles = new Oracles({
      codec,
      tell: {
        fail: (why) => this.scheduler.fail(new Error(why)),
        counted: (what, times) => this.counted(what, times),
      },
      settings: scenario.node.slot,
      disks: () => this.machines,
      leaderElected: (slot) => this.leaderElected(slot),
      said: (groupId, message) => this.said(groupId, message),
    });
    this.scheduler.afterEvent = (owner) => this.look(owner);
    this.network = new SimNetwork(this.scheduler, this.dice(3), scenario.network, {
      sent: (_from, _to, lane, message) => this.oracles.sent(lane, message),
      counted: (what) => this.counted(what),
      effect: (owner) => this.machines[Math.floor(owner.ownerId / 1000) - 1]!.effect('network send'),
    });
    const { slots, replicas, balanceLeaders, machines } = scenario;
    const placement = { nodes: machines, slots, replicas, balanceLeaders };
    this.placement = new SimPlacement(this.scheduler, seed, placement, this.logOf('pm'));
    this.machines = Array.from({ length: machines }, (_, i) => this.machine(i + 1));
    this.faults = new Faults(this);
  }

  /** Seeded dice for one purpose. */
  dice(purpose: number): Random {
    return seededRandom(this.seed, 0x5eed, purpose);
  }

  counted(what: string, times = 1): void {
    this.counters.set(what, (this.counters.get(what) ?? 0) + times);
  }

  /** Commands of clients that were done and answered. */
  get answered(): number {
    return this.counters.get('commands done') ?? 0;
  }

  /** Everything up, table `default` made, a leader for each slot. */
  async start(): Promise<void> {
    this.placement.start();
    for (const machine of this.machines) machine.boot();
    await this.wait('the cluster to come up', 30_000, () => this.allLed());
    const { asyncTable } = this.scenario;
    if (asyncTable === undefined) return;
    const { slots, replicas } = asyncTable;
    const wish = { name: ASYNC_TABLE, slots, replicas, mode: 'async' } as const;
    this.placement.pm!.manager.createTable(wish).catch((why) => this.scheduler.fail(why));
    await this.wait('the async table', 30_000, () => this.tables() === 2 && this.allLed());
  }

  private tables(): number {
    return this.placement.topology?.tables.length ?? 0;
  }

  /** Lets virtual time pass until the condition holds; too late is a failure of liveness. */
  async wait(
    what: string,
    limitMs: number,
    condition: () => boolean,
    describe = (): string => this.describe(),
  ): Promise<void> {
    const deadlineUs = this.scheduler.nowUs + limitMs * 1000;
    while (!condition()) {
      if (this.scheduler.nowUs >= deadlineUs)
        throw new Error(`waited ${limitMs} ms for ${what}\n${describe()}`);
      await this.scheduler.runUntil(this.scheduler.nowUs + POLL_US);
    }
  }

  endMachine(machine: SimMachine, mode: EndMode): void {
    this.counted(`end ${mode}`);
    if (machine.node?.checkpointer['running'] !== undefined) this.met('checkpoint crossed by a crash');
    if ((machine.node?.snapshots.active ?? 0) > 0) this.met('snapshot crossed by a crash');
    for (const slot of machine.node?.replicas.all ?? [])
      if (isJoint(slot.status.configuration)) this.met('joint crossed by a crash');
    machine.end(mode, this.endDice);
    for (const connection of this.connections.get(machine) ?? []) connection.serverDied();
    this.connections.delete(machine);
  }

  bootIfDown(machine: SimMachine): void {
    if (machine.life === undefined) machine.boot();
  }

  connect(machineNumber: number, events: ClientEvents): ClientConnection | undefined {
    const machine = this.machines[machineNumber - 1]!;
    const { node, life } = machine;
    if (node === undefined || life === undefined || node.stopping) return undefined;
    const { network, node: settings } = this.scenario;
    const connection = new ClientConnection(
      {
        scheduler: this.scheduler,
        random: this.endDice,
        life,
        connectionId: ++this.connectionIds,
        limits: settings.connection,
        delayUsMax: network.delayUsMax,
        open: (own) => node.openSession(own, 'plain'),
      },
      events,
    );
    const open = this.connections.get(machine) ?? new Set();
    this.connections.set(machine, open.add(connection));
    return connection;
  }

  /** Every replica of the group that is up. */
  replicasOf(groupId: number): readonly NodeSlot[] {
    return this.machines.flatMap(({ node }) => node?.replicas.get(groupId) ?? []);
  }

  groupIds(): readonly number[] {
    const tables = this.placement.topology?.tables ?? [];
    return tables.flatMap((table) => table.groups.map((group) => group.groupId));
  }

  allLed(): boolean {
    const { placement, machines } = this;
    const epoch = placement.topology?.epoch ?? 0;
    if (placement.topology === undefined || placement.topology.tables.length === 0) return false;
    if (machines.some(({ node }) => node === undefined || node.topology().epoch !== epoch)) return false;
    return this.groupIds().every((groupId) => this.replicasOf(groupId).some((slot) => slot.isLeader));
  }

  /** The replicas that there are, and their leader says that there are, are those that are wished. */
  allAsWished(): boolean {
    const groups = this.placement.topology?.tables.flatMap((table) => table.groups) ?? [];
    return groups.every((group) => {
      const replicas = this.replicasOf(group.groupId);
      const wish = wishOf(group);
      const leader = replicas.find((slot) => slot.isLeader);
      return (
        replicas.length === wish.length &&
        replicas.every((slot) => wish.includes(slot.birth.memberId)) &&
        leader !== undefined &&
        isAsWished(leader.status.configuration, wish)
      );
    });
  }

  /** Wished members only, one leader each, and every replica has applied all that any has. */
  allEqual(): boolean {
    if (!this.allLed() || !this.allAsWished()) return false;
    if (this.machines.some(({ node }) => node!.snapshots.active > 0)) return false;
    return this.groupIds().every((groupId) => {
      const statuses = this.replicasOf(groupId).map((slot) => ({
        ...slot.status,
        applied: slot.appliedTo.index,
      }));
      const first = statuses[0]!;
      const leaders = statuses.filter(({ role }) => role === 'leader').length;
      return leaders === 1 && statuses.every((status) => same(status, first) && isSettled(status));
    });
  }

  /** For a failure's report. */
  describe(): string {
    const lines = this.machines.map((machine) => {
      const { number, nodeId, life, node } = machine;
      const state =
        life === undefined ? 'down' : node === undefined ? 'opening' : `up, epoch ${node.topology().epoch}`;
      const slots = [...(node?.replicas.all ?? [])].map((slot) => {
        const { role, term, leader, lastIndex, commitIndex } = slot.status;
        const { index } = slot.appliedTo;
        const place = `group ${slot.birth.groupId}, member ${slot.birth.memberId}`;
        const members = JSON.stringify(slot.status.configuration);
        return `  ${place}: ${role}, term ${term}, leader ${leader}, last ${lastIndex}, commit ${commitIndex}, applied ${index}, ${members}`;
      });
      return [`machine ${number}, node ${nodeId}: ${state}`, ...slots].join('\n');
    });
    const groups = this.placement.topology?.tables.flatMap((table) => table.groups) ?? [];
    const wishes = groups.map((group) => `group ${group.groupId} shall be ${wishOf(group).join(' ')}`);
    return [...lines, ...wishes].join('\n');
  }

  met(path: RarePath): void {
    this.counted(path);
  }

  pausedLately(): boolean {
    const untilUs = this.scheduler.running?.pausedUntilUs ?? 0;
    return untilUs > 0 && untilUs + LATELY_US > this.scheduler.nowUs;
  }

  readAsked(requests: object, context: number): void {
    this.oracles.reads.asked(requests, context);
  }

  readAtOnce(slot: NodeSlot): void {
    this.oracles.reads.answeredAtOnce(slot);
  }

  readKnown(requests: object, context: number, index: number): void {
    this.oracles.reads.known(requests, context, index);
  }

  private leaderElected({ birth: { groupId }, status: { term } }: NodeSlot): void {
    if (this.clients.some((client) => client.writesWaiting > 0))
      this.met('leader changed while a write was unanswered');
    if (this.transfers.has(`${groupId}/${term}`)) this.met('transfer completed');
  }

  private said(groupId: number, message: Message): void {
    if (message.kind === 'vote' && message.transfer) this.transfers.add(`${groupId}/${message.term}`);
    if (message.kind !== 'appendReply' || !message.rejected) return;
    if (message.index > 0) this.met('append rejected and backed off');
    else if (message.hintTerm > 0) this.met('old leader told of the newer term');
  }

  /** The oracles look at the machine whose event it was. */
  private look(owner: Owner | undefined): void {
    if (owner === undefined) return;
    this.oracles.members.look(this.placement.topology);
    const machine = this.machines[Math.floor(owner.ownerId / 1000) - 1];
    if (machine?.life === owner) this.oracles.look(owner, machine.node?.replicas.all ?? []);
  }

  /** A client heard of its command. */
  settled(argv: readonly string[], fate: Fate): void {
    this.oracles.ledger.settled(argv, fate);
  }

  private machine(number: number): SimMachine {
    const { seed, scenario } = this.options;
    const random = seededRandom(seed, number, 0xc10c);
    const spread = random.float() * 2 - 1;
    return new SimMachine(number, {
      scheduler: this.scheduler,
      network: this.network,
      seed,
      clock: {
        rate: 1 + (random.float() * 2 - 1) * scenario.driftMax,
        wallOffsetMs: spread * scenario.wallOffsetMsMax,
      },
      disk: scenario.disk,
      settings: scenario.node,
      log: () => this.logOf(`node-${number}`),
      observer: (machine) => {
        const { ownerId } = machine.life!;
        return this.watched(this.oracles.observer(() => ownerId));
      },
      watch: this.options.watch,
      placement: (_machine, life, key, identity) =>
        new SimPlacementClient(this.placement, life, `node-${number}`, key, identity),
      counted: (what) => this.counted(what),
      fatal: (machine, why) => this.scheduler.fail(fatalOf(machine, why)),
      beforeEffect: (machine, kind) =>
        this.options.effect?.(machine, kind) ?? this.faults.beforeEffect(machine, kind),
    });
  }

  private watched(observer: NodeObserver): NodeObserver {
    const { watch } = this.options;
    if (watch === undefined) return observer;
    const entryApplied = (slot: NodeSlot, entry: BinlogEntry): void => {
      observer.entryApplied?.(slot, entry);
      watch.applied(slot, entry);
    };
    return { ...observer, entryApplied };
  }

  private logOf(who: string): Log {
    const { say } = this.options;
    const line = (level: string) => (message: string, fields?: object) => {
      const [path, isFault] = TELLING_LINES[message] ?? [];
      if (path !== undefined) this.met(path);
      if (isFault) this.scheduler.fail(new Error(`${who}: ${message} ${JSON.stringify(fields)}`));
      say?.(`${this.scheduler.nowMs.toFixed(3)} ${who} ${level} ${message} ${JSON.stringify(fields ?? {})}`);
    };
    return { debug: () => {}, info: line('info'), warn: line('warn'), error: line('error') };
  }
}

/** Lines of nodes' logs that tell of a rare path, or of what never happens in these worlds. */
const TELLING_LINES: Readonly<Record<string, readonly [path: RarePath | undefined, isFault?: boolean]>> = {
  'cut off a last batch that nobody was promised': ['torn tail cut at recovery'],
  'the binlog is damaged': [undefined, true],
  'replica is damaged and stays shut': [undefined, true],
  'the engine is damaged; a fresh one takes its place': [undefined, true],
  'malformed message from a peer': [undefined, true],
};
const LATELY_US = 2_000_000;
const POLL_US = 10_000;

interface Position {
  readonly term: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
}

/** The state holds all of the log, and Raft knows that it is committed and on this disk. */
function isSettled(status: { applied: number; appliedIndex: number; lastIndex: number }): boolean {
  return status.applied === status.lastIndex && status.appliedIndex === status.lastIndex;
}

function same(a: Position, b: Position): boolean {
  return a.term === b.term && a.lastIndex === b.lastIndex && a.commitIndex === b.commitIndex;
}

function fatalOf(machine: SimMachine, why: unknown): Error {
  invariant(machine.number > 0, 'machines count from one');
  const error = why instanceof Error ? why : new Error(String(why));
  error.message = `node-${machine.number} stopped: ${error.message}`;
  return error;
}
