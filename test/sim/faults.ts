/**
 * Carries out the planned faults of a run (fault-plan.ts), one function a kind.
 *
 * A fault that needs what is not there (a leader to move, a machine that is up) tries again for a while, then is not counted. `heal` ends all of
 * them: from then on the world is kind. Each that strikes leaves a line of the run's story.
 */
import type { NodeSlot } from '../../src/node/replicas.js';
import { type Random, seededRandom } from '../../src/random.js';
import type { FaultKind, PlannedFault } from './fault-plan.js';
import { drawPartition, type Partition } from './partitions.js';
import type { SimClient } from './sim-clients.js';
import type { EndMode, SimMachine } from './sim-machine.js';
import type { World } from './world.js';

/** What one fault has at hand. */
interface Strike {
  readonly fault: PlannedFault;
  readonly machine: SimMachine;
  readonly random: Random;
}

/** Waits for an effect of its machine. */
interface Ambush {
  readonly fault: PlannedFault;
  readonly machine: SimMachine;
  readonly effect: string;
  readonly mode: EndMode;
  left: number;
}

/** Answers what it did, or undefined when it could do nothing; `later`: it tells by itself when it strikes. */
type Striker = (strike: Strike) => string | 'later' | undefined;

const CUT_MODES: readonly EndMode[] = ['drop', 'torn', 'scattered'];
/** What an operator may ask for; more than there are nodes is refused. */
const REPLICA_COUNTS = [1, 3, 5];
const END_MODES: readonly EndMode[] = ['kill', ...CUT_MODES];
/** Mostly the machine's death: that of the process alone loses nothing. */
const AMBUSH_MODES: readonly EndMode[] = [...CUT_MODES, ...END_MODES];
/** Where a crash hurts most; '' is any effect. */
const AMBUSH_EFFECTS = [
  'file sync',
  'file sync',
  'file sync',
  'file append',
  'engine write synced',
  'engine write',
  'network send',
  'file syncFolder',
  'file remove',
  'file rename',
  '',
];
const ATTEMPTS_MAX = 5;
const ATTEMPT_EVERY_US = 500_000;
const FLAP_US_MIN = 50_000;

export class Faults {
  /** Those that struck, in order. */
  readonly story: string[] = [];
  struck = 0;
  private active = false;
  private ambushes: Ambush[] = [];
  private readonly strikers: Readonly<Record<FaultKind, Striker>> = {
    crash: ({ fault, machine, random }) => this.crash(fault, machine, pick(random, END_MODES)),
    crashAtEffect: (strike) => this.ambush(strike),
    crashAll: (strike) => this.crashAll(strike),
    stop: (strike) => this.stop(strike),
    partition: (strike) => this.partition(strike),
    flap: (strike) => this.flap(strike),
    clog: (strike) => this.clog(strike),
    reset: (strike) => this.reset(strike),
    pause: (strike) => this.pause(strike, true),
    block: (strike) => this.pause(strike, false),
    clockJump: (strike) => this.clockJump(strike),
    placement: (strike) => this.placement(strike),
    disconnect: (strike) => this.disconnect(strike),
    transfer: (strike) => this.transfer(strike),
    checkpoint: (strike) => this.checkpoint(strike),
    diskFull: (strike) => this.diskFull(strike),
    slowDisk: (strike) => this.slowDisk(strike),
    membership: (strike) => this.membership(strike),
  };

  constructor(private readonly world: World) {}

  start(plan: readonly PlannedFault[]): void {
    this.active = true;
    for (const fault of plan) this.after(fault.atUs, () => this.strike(fault));
  }

  /** No new ones; what was broken is mended, what was down comes up. */
  heal(): void {
    this.active = false;
    this.ambushes = [];
    const { world } = this;
    world.network.healAll();
    if (world.placement.pm === undefined) world.placement.start();
    for (const machine of world.machines) {
      if (machine.life !== undefined) machine.life.pausedUntilUs = 0;
      machine.fillDisk(undefined);
      machine.slowness = 1;
      world.bootIfDown(machine);
    }
  }

  /** An effect is about to happen; true when the machine died of an ambush. */
  beforeEffect(machine: SimMachine, kind: string): boolean {
    for (const ambush of this.ambushes) {
      const { fault, effect, mode } = ambush;
      if (ambush.machine !== machine || !kind.startsWith(effect) || ambush.left-- > 0) continue;
      this.ambushes.splice(this.ambushes.indexOf(ambush), 1);
      this.tell(fault, `${this.crash(fault, machine, mode)} before ${kind}`);
      return true;
    }
    return false;
  }

  /** What finds nothing to strike comes back some times. */
  private strike(fault: PlannedFault, attemptsLeft = ATTEMPTS_MAX): void {
    const random = seededRandom(fault.dice, 0xfa17);
    const did = this.strikers[fault.kind]({ fault, machine: this.machineOf(fault, random), random });
    if (did === undefined && attemptsLeft > 1)
      this.after(ATTEMPT_EVERY_US, () => this.strike(fault, attemptsLeft - 1));
    if (did !== undefined && did !== 'later') this.tell(fault, did);
  }

  private machineOf(fault: PlannedFault, random: Random): SimMachine {
    const leads = ({ node }: SimMachine): boolean =>
      [...(node?.replicas.all ?? [])].some((slot) => slot.isLeader);
    const leaders = fault.atLeader ? this.world.machines.filter(leads) : [];
    return leaders.length > 0 ? pick(random, leaders) : this.world.machines[fault.machine - 1]!;
  }

  private tell({ number, kind, durationUs }: PlannedFault, did: string): void {
    this.struck++;
    this.world.counted(`fault ${kind}`);
    const at = (this.world.scheduler.nowUs / 1e6).toFixed(3);
    this.story.push(`fault ${number} at ${at} s: ${did} (${(durationUs / 1e6).toFixed(3)} s)`);
  }

  private crash(fault: PlannedFault, machine: SimMachine, mode: EndMode): string | undefined {
    if (machine.life === undefined) return undefined;
    this.world.endMachine(machine, mode);
    this.after(fault.durationUs, () => this.world.bootIfDown(machine));
    return `machine ${machine.number} ends, ${mode}`;
  }

  private ambush({ fault, machine, random }: Strike): 'later' {
    const effect = pick(random, AMBUSH_EFFECTS);
    this.ambushes.push({ fault, machine, effect, mode: pick(random, AMBUSH_MODES), left: random.below(12) });
    return 'later';
  }

  /** The power of the whole room. */
  private crashAll({ fault, random }: Strike): string | undefined {
    const mode = pick(random, CUT_MODES);
    const struck = this.world.machines.filter((machine) => this.crash(fault, machine, mode) !== undefined);
    return struck.length === 0 ? undefined : `all power is cut, ${mode}`;
  }

  /** As an operator stops a node: leaderships handed over, everything closed. */
  private stop({ fault, machine }: Strike): string | undefined {
    const { node, life } = machine;
    if (node === undefined || life === undefined || node.stopping) return undefined;
    const close = async (): Promise<void> => {
      await node.resign(200);
      await node.close();
      // Not from within: the life must not end in the middle of its own event.
      this.world.scheduler.after(1, 'node stopped', life, () => {
        this.crash(fault, machine, 'kill');
        if (!this.active) this.world.bootIfDown(machine);
      });
    };
    close().catch((why) => {
      if (life.alive) this.world.scheduler.fail(why);
    });
    return `machine ${machine.number} is stopped`;
  }

  private partition({ fault, machine, random }: Strike): string | undefined {
    const partition = this.drawPartition(machine, random);
    if (partition === undefined) return undefined;
    this.cut(partition);
    this.after(fault.durationUs, () => this.mend(partition));
    return sentenceOf(partition, 'partition');
  }

  /** Cut and mended again and again, about as fast as elections go. */
  private flap({ fault, machine, random }: Strike): string | undefined {
    const partition = this.drawPartition(machine, random);
    if (partition === undefined) return undefined;
    const { electionTimeoutMs } = this.world.scenario.node.slot.raft;
    const periodUs = Math.max(FLAP_US_MIN, Math.floor(electionTimeoutMs * 500 * (1 + random.below(4))));
    for (let atUs = 0; atUs <= fault.durationUs; atUs += 2 * periodUs) {
      this.after(atUs, () => this.cut(partition));
      this.after(atUs + periodUs, () => this.mend(partition));
    }
    return `${sentenceOf(partition, 'flapping')}, every ${periodUs} us`;
  }

  /** Holds everything, loses nothing, breaks nothing. */
  private clog({ fault, machine, random }: Strike): string | undefined {
    const partition = this.drawPartition(machine, random);
    if (partition === undefined) return undefined;
    for (const [from, to] of partition.links) this.world.network.clog(from, to);
    this.after(fault.durationUs, () => this.mend(partition));
    return sentenceOf(partition, 'clogged');
  }

  private reset({ machine: { nodeId }, random }: Strike): string | undefined {
    const others = this.others(nodeId);
    for (const other of others) {
      if (random.below(2) === 0) this.world.network.reset(nodeId, other);
      if (random.below(2) === 0) this.world.network.reset(other, nodeId);
    }
    return others.length === 0 ? undefined : `connections of node ${nodeId} are reset`;
  }

  /** `silent`: also to its peers' keep-alive; else only the event loop stands still. */
  private pause({ fault, machine }: Strike, silent: boolean): string | undefined {
    const { life, nodeId } = machine;
    if (life === undefined) return undefined;
    life.pause(fault.durationUs);
    if (silent) this.world.network.hushed(nodeId, fault.durationUs);
    return `machine ${machine.number} ${silent ? 'is paused' : 'has its event loop blocked'}`;
  }

  private clockJump({ machine, random }: Strike): string {
    const { clock } = machine;
    clock.wallOffsetMs = (random.float() * 2 - 1) * this.world.scenario.wallOffsetMsMax;
    return `the wall clock of machine ${machine.number} is off by ${clock.wallOffsetMs.toFixed(0)} ms`;
  }

  private placement({ fault }: Strike): string | undefined {
    const { placement } = this.world;
    if (placement.pm === undefined) return undefined;
    placement.crash();
    this.after(fault.durationUs, () => {
      if (placement.pm === undefined) placement.start();
    });
    return 'PM dies';
  }

  private disconnect({ random }: Strike): string | undefined {
    const client = pick<SimClient | undefined>(random, this.world.clients);
    return client?.disconnect() ? 'a client loses its connection' : undefined;
  }

  private transfer({ machine, random }: Strike): string | undefined {
    const led = [...(machine.node?.replicas.all ?? [])].filter((slot) => slot.isLeader);
    const slot = pick<NodeSlot | undefined>(random, led);
    const to = pick(random, this.world.machines).nodeId;
    return slot?.transferTo(to) ? `group ${slot.birth.groupId} is handed to node ${to}` : undefined;
  }

  private checkpoint({ machine }: Strike): string | undefined {
    if (machine.node === undefined) return undefined;
    void machine.node.checkpointer.round();
    return `a checkpoint on machine ${machine.number}`;
  }

  /** Low, down to the reserve, or at once without room for a single write. */
  private diskFull({ fault, machine, random }: Strike): string | undefined {
    if (machine.life === undefined) return undefined;
    const share = pick(random, [0.75, 0.4, 0.02, 0]);
    machine.fillDisk(share);
    this.after(fault.durationUs, () => machine.fillDisk(undefined));
    return `the disk of machine ${machine.number} has ${share} of what it should have free`;
  }

  private slowDisk({ fault, machine, random }: Strike): string {
    machine.slowness = pick(random, [10, 100, 500]);
    this.after(fault.durationUs, () => {
      machine.slowness = 1;
    });
    return `the disk of machine ${machine.number} is slow, times ${machine.slowness}`;
  }

  /** Another number of replicas is wished, whatever became of the wish before. */
  private membership({ random }: Strike): string | undefined {
    const { pm, topology } = this.world.placement;
    if (pm === undefined) return undefined;
    const replicas = pick(random, REPLICA_COUNTS);
    const names = topology?.tables.map(({ name }) => name) ?? [];
    const table = names.length > 1 ? pick(random, names) : 'default';
    // Refused, or its answer lost with PM: then it is not wished, or is.
    pm.manager.setReplicas(table, replicas).catch(() => {});
    return `table ${table} shall have ${replicas} replicas`;
  }

  private drawPartition({ nodeId }: SimMachine, random: Random): Partition | undefined {
    return nodeId === 0 ? undefined : drawPartition(random, nodeId, this.others(nodeId));
  }

  private cut({ links }: Partition): void {
    for (const [from, to] of links) this.world.network.cut(from, to);
  }

  private mend({ links }: Partition): void {
    for (const [from, to] of links) this.world.network.heal(from, to);
  }

  private others(nodeId: number): number[] {
    return this.world.machines.map((machine) => machine.nodeId).filter((id) => id !== nodeId && id !== 0);
  }

  /** Forgotten once the world is healed. */
  private after(us: number, run: () => void): void {
    this.world.scheduler.after(us, 'fault', undefined, () => {
      if (this.active) run();
    });
  }
}

function sentenceOf({ shape, links }: Partition, what: string): string {
  return `${what}, ${shape}: ${links.map(([from, to]) => `${from}>${to}`).join(' ')}`;
}

/** Of an empty list: undefined, and the caller's type says so. */
function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(Math.max(1, list.length))]!;
}
