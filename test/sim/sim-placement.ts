/**
 * PM in the simulated world: the real manager and leadership on the simulated metadata store, and the nodes' way to it.
 *
 * The wire is left out (test/pm and test/rpc examine it); what it may do is here: answers come late or never, sessions end, PM dies
 * and another life of it reads back what was committed. Topologies cross as text, so that nobody shares an object.
 */
import type { Log } from '../../src/env.js';
import type { Identity } from '../../src/node/node.js';
import type { NodeSession } from '../../src/pm/fleet.js';
import { Leadership } from '../../src/pm/leader.js';
import { Manager } from '../../src/pm/manager.js';
import { type Random, seededRandom } from '../../src/random.js';
import type {
  NodeReport,
  PlacementClient,
  PlacementHandlers,
  Topology,
  TransferOrder,
} from '../../src/rpc/topology.js';
import type { Scheduler } from './scheduler.js';
import { type MachineClock, ProcessLife } from './sim-env.js';
import { SimMetadata } from './sim-metadata-store.js';

export interface PlacementSettings {
  readonly nodes: number;
  readonly slots: number;
  readonly replicas: number;
  readonly balanceLeaders: boolean;
}

const DELAY_US_MAX = 2000;
const RETRY_MS = 100;
const ANSWER_TIMEOUT_MS = 1000;
const PM_OWNER = 900;
const STORE_OWNER = 999_999;

interface PmLife {
  readonly life: ProcessLife;
  readonly manager: Manager;
  readonly leadership: Leadership;
  disconnect(): void;
}

export class SimPlacement {
  private readonly metadata: SimMetadata;
  private current: PmLife | undefined;
  private lives = 0;
  private readonly clock: MachineClock = { rate: 1, wallOffsetMs: 0 };
  private readonly dice: Random;

  constructor(
    readonly scheduler: Scheduler,
    private readonly seed: number,
    private readonly settings: PlacementSettings,
    private readonly log: Log,
  ) {
    this.dice = seededRandom(seed, 0xde1a);
    const random = seededRandom(seed, 0x57043);
    this.metadata = new SimMetadata(new ProcessLife(scheduler, STORE_OWNER, this.clock, random, log));
  }

  get pm(): PmLife | undefined {
    return this.current;
  }

  /** What every node should know. */
  get topology(): Topology | undefined {
    return this.current?.manager.topology;
  }

  start(): void {
    this.lives++;
    const random = seededRandom(this.seed, 0x9a11, this.lives);
    const life = new ProcessLife(this.scheduler, PM_OWNER * 1000 + this.lives, this.clock, random, this.log);
    const store = this.metadata.connect(life);
    const joined: { leadership?: Leadership } = {};
    const manager = new Manager({
      store,
      env: life,
      fence: () => joined.leadership?.fence(),
      hashPassword: async (password) => `hashed:${password}`,
      bootstrapNodes: this.settings.nodes,
      defaultTable: { slots: this.settings.slots, replicas: this.settings.replicas },
      balanceLeaders: this.settings.balanceLeaders,
    });
    const begin = (): Promise<void> => manager.catalog.begin();
    const leadership = new Leadership({ store, env: life, address: 'pm-1:9300', begin, onChange: () => {} });
    joined.leadership = leadership;
    this.current = { life, manager, leadership, disconnect: () => this.metadata.disconnect(store) };
  }

  crash(): void {
    const pm = this.current;
    if (pm === undefined) return;
    this.current = undefined;
    for (const session of pm.manager.fleet.sessions()) session.end('PM died');
    pm.life.kill();
    pm.disconnect();
  }

  delayUs(): number {
    return 1 + this.dice.below(DELAY_US_MAX);
  }
}

/** A node's end. Each of its sessions is an object of its own, so that a late word of an old one is known as such. */
export class SimPlacementClient implements PlacementClient {
  private handlers: PlacementHandlers | undefined;
  private session: Session | undefined;
  private closed = false;
  /** The number of the attempt under way. */
  private attempt = 0;

  constructor(
    private readonly placement: SimPlacement,
    private readonly life: ProcessLife,
    private readonly name: string,
    private readonly registrationKey: string,
    private identity: Identity | undefined,
  ) {}

  start(handlers: PlacementHandlers): void {
    this.handlers = handlers;
    this.tryLater(1);
  }

  report(report: NodeReport): void {
    const { session } = this;
    const text = JSON.stringify(report);
    session?.toPm(() => session.pm.manager.report(JSON.parse(text) as NodeReport));
  }

  async close(): Promise<void> {
    this.closed = true;
    const { session } = this;
    this.session = undefined;
    session?.toPm(() => session.pm.manager.closeSession(session));
  }

  private tryLater(delayMs: number): void {
    const attempt = ++this.attempt;
    this.life.after(delayMs * (0.5 + this.life.random.float()), () => {
      if (this.closed || attempt !== this.attempt) return;
      const { pm } = this.placement;
      if (pm === undefined) return this.tryLater(RETRY_MS);
      this.life.after(ANSWER_TIMEOUT_MS, () => {
        if (attempt === this.attempt && this.session === undefined) this.tryLater(RETRY_MS);
      });
      this.register(pm, attempt);
    });
  }

  private register(pm: PmLife, attempt: number): void {
    const { scheduler } = this.placement;
    const { registrationKey, name } = this;
    const ports = { peerPort: 7001, respPort: 7002, clusterPort: 7003, httpPort: 7004 };
    const address = { name, host: name, zone: '', ...ports };
    const known = this.identity ?? {};
    scheduler.after(this.placement.delayUs(), 'pm register', pm.life, () => {
      pm.manager.register({ registrationKey, address, ...known }).then(
        (identity) =>
          this.toNode(attempt, 'pm registered', () => void this.registered(pm, identity, attempt)),
        () => this.toNode(attempt, 'pm refused', () => this.tryLater(RETRY_MS)),
      );
    });
  }

  private async registered(pm: PmLife, identity: Identity, attempt: number): Promise<void> {
    if (this.identity === undefined) await this.handlers!.onRegistered(identity);
    this.identity = identity;
    if (this.closed || attempt !== this.attempt) return;
    const session = new Session(this.placement, this.life, pm, identity.nodeId, {
      topology: (topology) => this.took(session, topology),
      transfers: (orders) => session === this.session && this.handlers!.onTransfers(orders),
      ended: (why) => this.ended(session, why),
    });
    this.session = session;
    // A PM that dies with our first word unread ends no session that it knows of.
    this.life.after(ANSWER_TIMEOUT_MS, () => {
      if (!session.up) this.ended(session, 'no answer');
    });
    session.toPm(() => {
      try {
        pm.manager.openSession(session, identity.clusterId, this.registrationKey);
      } catch (why) {
        session.end(String(why));
      }
    });
  }

  private took(session: Session, topology: Topology): void {
    if (this.closed || session !== this.session) return;
    this.handlers!.onTopology(topology);
    if (session.up) return;
    session.up = true;
    this.handlers!.onUp();
  }

  private ended(session: Session, why: string): void {
    if (this.closed || session !== this.session) return;
    this.session = undefined;
    if (session.up) this.handlers!.onDown(why);
    this.tryLater(RETRY_MS);
  }

  private toNode(attempt: number, kind: string, run: () => void): void {
    this.placement.scheduler.after(this.placement.delayUs(), kind, this.life, () => {
      if (!this.closed && attempt === this.attempt) run();
    });
  }
}

interface SessionEvents {
  topology(topology: Topology): void;
  transfers(orders: readonly TransferOrder[]): void;
  ended(why: string): void;
}

class Session implements NodeSession {
  up = false;
  /** Words in order, each way. */
  private readonly forNode: (() => void)[] = [];
  private readonly forPm: (() => void)[] = [];

  constructor(
    private readonly placement: SimPlacement,
    private readonly life: ProcessLife,
    readonly pm: PmLife,
    readonly nodeId: number,
    private readonly events: SessionEvents,
  ) {}

  sendTopology(topology: Topology): void {
    const text = JSON.stringify(topology);
    this.toNode(() => this.events.topology(JSON.parse(text) as Topology));
  }

  sendTransfers(orders: readonly TransferOrder[]): void {
    this.toNode(() => this.events.transfers([...orders]));
  }

  end(why: string): void {
    this.toNode(() => this.events.ended(why));
  }

  toPm(run: () => void): void {
    this.forPm.push(run);
    this.placement.scheduler.after(this.placement.delayUs(), 'pm word', this.pm.life, () =>
      this.forPm.shift()!(),
    );
  }

  private toNode(run: () => void): void {
    this.forNode.push(run);
    this.placement.scheduler.after(this.placement.delayUs(), 'node word', this.life, () =>
      this.forNode.shift()!(),
    );
  }
}
