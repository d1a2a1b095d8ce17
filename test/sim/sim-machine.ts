/**
 * A machine of the simulated world: its disk outlives the lives of its process; it boots, crashes and boots again.
 *
 * Every effect (a file or engine operation that is carried out, a message that is sent) is counted; `beforeEffect` may crash the machine
 * at any of them, and then that effect has not happened. A crash takes from the disk what its mode says (sim-files.ts, the memory
 * engine); a `kill` ends the process only, and the page cache stays.
 */
import { invariant } from '../../src/assert.js';
import type { Log } from '../../src/env.js';
import { nodeView } from '../../src/node/info.js';
import { type Identity, Node, type NodeObserver, type NodeWorld } from '../../src/node/node.js';
import type { NodeSlot } from '../../src/node/replicas.js';
import type { NodeSettings } from '../../src/node/settings.js';
import { type Random, seededRandom } from '../../src/random.js';
import type { PlacementClient } from '../../src/rpc/topology.js';
import type { BinlogEntry } from '../../src/storage/binlog.js';
import { DiskFull } from '../../src/storage/disk-full.js';
import type { Engine } from '../../src/storage/engine.js';
import type { Files } from '../../src/storage/files.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { DurableImage } from './checks/durable-image.js';
import type { Scheduler } from './scheduler.js';
import { type MachineClock, ProcessLife } from './sim-env.js';
import { type CrashMode, SimFiles } from './sim-files.js';
import type { SimNetwork, SimTransport } from './sim-network.js';

export interface DiskSettings {
  readonly operationUsMax: number;
  readonly syncUsMax: number;
  /** One sync in so many takes up to `slowSyncUsMax`; 0: none. */
  readonly slowSyncEvery: number;
  readonly slowSyncUsMax: number;
}

/** Looks at disks from outside of the world, and changes nothing (test/storage/crash-matrix.ts). */
export interface DiskWatch {
  files(machine: SimMachine, files: Files): Files;
  engine(machine: SimMachine, engine: Engine): Promise<Engine>;
  /** On what its disk holds now. */
  boots(machine: SimMachine): void;
  /** Whatever the reason, and before its disk loses anything. */
  ends(machine: SimMachine): void;
  applied(slot: NodeSlot, entry: BinlogEntry): void;
}

export interface MachineParts {
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly seed: number;
  readonly clock: MachineClock;
  readonly disk: DiskSettings;
  readonly settings: NodeSettings;
  readonly log: (machine: SimMachine) => Log;
  readonly observer: (machine: SimMachine) => NodeObserver;
  readonly placement: (
    machine: SimMachine,
    life: ProcessLife,
    key: string,
    identity: Identity | undefined,
  ) => PlacementClient;
  /** A node said that it cannot go on, or its disk operation rejected. */
  readonly fatal: (machine: SimMachine, why: unknown) => void;
  readonly counted: (what: string) => void;
  readonly watch: DiskWatch | undefined;
  /** Called with each effect's kind before it happens; true when the machine died of it. */
  readonly beforeEffect: (machine: SimMachine, kind: string) => boolean;
}

export type EndMode = CrashMode | 'kill';

export class SimMachine {
  /** Effects carried out, over all lives. */
  effects = 0;
  lives = 0;
  node: Node | undefined;
  life: ProcessLife | undefined;
  /** As of the newest life that knew it. */
  nodeId = 0;
  /** Its disk takes so many times as long. */
  slowness = 1;
  files: SimFiles;
  /** What its disk would show after a power cut. */
  readonly image: DurableImage;
  engine: MemoryEngine;
  private transport: SimTransport | undefined;
  private readonly diskDice: Random;
  /** Of the mark, how much is left of a disk that is filling up; undefined: it is not. */
  private leftOfMark: number | undefined;

  /** `number` counts from 1 and names the machine; its node id is PM's to give. */
  constructor(
    readonly number: number,
    private readonly parts: MachineParts,
  ) {
    this.diskDice = seededRandom(parts.seed, number, 0xd15c);
    this.image = new DurableImage(() => parts.counted('purge with entries copied forward'));
    this.files = new SimFiles(() => invariant(false, 'disk used before boot'));
    this.engine = new MemoryEngine();
  }

  get isUp(): boolean {
    return this.node !== undefined;
  }

  get clock(): MachineClock {
    return this.parts.clock;
  }

  boot(): void {
    invariant(this.life === undefined, 'booted twice', { machine: this.number });
    const { parts } = this;
    this.lives++;
    const random = seededRandom(parts.seed, this.number, this.lives);
    const life = new ProcessLife(
      parts.scheduler,
      this.number * 1000 + this.lives,
      parts.clock,
      random,
      parts.log(this),
    );
    this.life = life;
    const schedule = this.scheduleOf(life);
    this.files = this.files.incarnation(schedule);
    this.engine = this.engine.reopen(schedule);
    parts.watch?.boots(this);
    this.open(life).catch((why) => {
      if (life.alive) parts.fatal(this, why);
    });
  }

  /** The life ends here and now; what its disk keeps is the mode's to say. */
  end(mode: EndMode, random: Random): void {
    const { life } = this;
    invariant(life !== undefined, 'ended twice', { machine: this.number });
    this.parts.watch?.ends(this);
    life.kill();
    this.life = undefined;
    this.node = undefined;
    if (mode === 'kill') {
      this.files.kill();
      this.engine = this.engine.kill(random);
    } else {
      if (this.files.crash(random, mode)) this.parts.counted('unsynced data lost');
      this.engine = this.engine.crash(mode === 'drop' ? NOTHING_SURVIVES : random);
    }
    if (this.transport !== undefined) this.parts.network.died(this.transport, mode !== 'kill');
    this.transport = undefined;
  }

  /** Less is left than nodes want to have: such a share of it. Undefined: as much as anybody wants. */
  fillDisk(leftOfMark: number | undefined): void {
    this.leftOfMark = leftOfMark;
    if (leftOfMark === undefined) this.files.capacityBytes = CAPACITY_BYTES;
    else if (this.life !== undefined) void this.fill();
  }

  /** The question how much is used may be answered late, by a machine that was paused: then the disk may be mended already. */
  private async fill(): Promise<void> {
    const { files } = this;
    files.capacityBytes = CAPACITY_BYTES;
    const usedBytes = CAPACITY_BYTES - (await files.freeBytes());
    const { leftOfMark } = this;
    if (leftOfMark === undefined) return;
    this.parts.counted(leftOfMark < STARVING_SHARE ? 'disk without room' : 'disk with little room');
    files.capacityBytes = usedBytes + Math.floor(this.parts.settings.binlog.freeBytesMin * leftOfMark);
  }

  private async open(life: ProcessLife): Promise<void> {
    const { parts } = this;
    const figures = {
      pid: 1000 + this.number,
      port: 0,
      connections: () => 0,
      counters: () => ({ connectionsAccepted: 0, connectionsRejected: 0, requests: 0 }),
      memoryBytes: () => 0,
      sent: () => ({ messages: 0, frames: 0, bytes: 0 }),
      uptimeSeconds: () => 0,
    };
    const node = await Node.open(
      this.world(life),
      parts.settings,
      (own) => nodeView(own, {}, figures),
      figures.pid,
      parts.observer(this),
    );
    if (life.alive) this.node = node;
  }

  private world(life: ProcessLife): NodeWorld {
    const { parts } = this;
    return {
      env: life,
      files: parts.watch?.files(this, this.files) ?? this.files,
      openEngine: async () => parts.watch?.engine(this, this.engine) ?? this.engine,
      connectPeers: async (identity) => {
        this.nodeId = identity.nodeId;
        this.transport = parts.network.listen(identity.nodeId, life);
        return this.transport;
      },
      placement: (key, identity) => parts.placement(this, life, key, identity),
      fatal: (why) => {
        // What a node that stops gives up is no trouble of its.
        if (life.alive && !(why instanceof DiskFull)) parts.fatal(this, why);
      },
    };
  }

  private scheduleOf(life: ProcessLife): (label: string, run: () => void) => void {
    return (label, run) => {
      const kind = kindOf(label);
      this.parts.scheduler.after(this.latencyUs(kind), kind, life, () => {
        if (!this.effect(kind)) run();
      });
    };
  }

  /** Counts it; true when the machine died before it happened. */
  effect(kind: string): boolean {
    if (this.life === undefined || this.parts.beforeEffect(this, kind)) return true;
    this.effects++;
    return false;
  }

  private slowed(us: number): number {
    return this.slowness === 1 ? us : Math.min(us * this.slowness, SLOWED_US_MAX);
  }

  private latencyUs(kind: string): number {
    const { operationUsMax, syncUsMax, slowSyncEvery, slowSyncUsMax } = this.parts.disk;
    if (!kind.includes('sync')) return this.slowed(1 + this.diskDice.below(operationUsMax));
    const slow = slowSyncEvery > 0 && this.diskDice.below(slowSyncEvery) === 0;
    return this.slowed(20 + this.diskDice.below(slow ? slowSyncUsMax : syncUsMax));
  }
}

/** A node on a disk with less than this is not likely to notice before a write fails. */
export const STARVING_SHARE = 0.1;

/** Slow, not dead. */
const SLOWED_US_MAX = 2_000_000;

/** `append binlog/00000001.seg` is an append, `engine write synced` is what it says. */
function kindOf(label: string): string {
  if (label.startsWith('engine')) return label;
  const space = label.indexOf(' ');
  return `file ${space < 0 ? label : label.slice(0, space)}`;
}

const CAPACITY_BYTES = 2 ** 40;
const NOTHING_SURVIVES: Random = { u32: () => 0, float: () => 0, below: () => 0 };
