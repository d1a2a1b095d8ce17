/**
 * The faults of a run: one after the other, each chosen, aimed and ended by dice.
 *
 * A fault that needs what is not there (a leader to move, a machine that is up) does nothing. `heal` ends all of them: from then on
 * the world is kind.
 */
import type { Random } from '../../src/random.js';
import type { EndMode, SimMachine } from './sim-machine.js';
import type { World } from './world.js';

/** Weights of the kinds; 0: never. */
export interface FaultSettings {
  readonly everyUsMin: number;
  readonly everyUsMax: number;
  readonly durationUsMax: number;
  readonly crash: number;
  readonly crashAll: number;
  readonly stop: number;
  readonly isolate: number;
  readonly cut: number;
  readonly reset: number;
  readonly pause: number;
  readonly clockJump: number;
  readonly placement: number;
  readonly disconnect: number;
  readonly transfer: number;
  readonly checkpoint: number;
  readonly diskFull: number;
  readonly membership: number;
}

type Kind = Exclude<keyof FaultSettings, `${string}Us${string}`>;

/** What an operator may ask for; more than there are nodes is refused. */
const REPLICA_COUNTS = [1, 3, 5];
const END_MODES: readonly EndMode[] = ['kill', 'drop', 'torn', 'scattered'];

export class Faults {
  private readonly kinds: readonly (readonly [Kind, number])[];
  private active = false;

  constructor(
    private readonly world: World,
    private readonly random: Random,
    private readonly settings: FaultSettings,
  ) {
    const { everyUsMin: _, everyUsMax: _1, durationUsMax: _2, ...weights } = settings;
    this.kinds = Object.entries(weights).filter(([, weight]) => weight > 0) as [Kind, number][];
  }

  start(): void {
    this.active = true;
    this.armNext();
  }

  /** No new ones; what was broken is mended, what was down comes up. */
  heal(): void {
    this.active = false;
    const { world } = this;
    world.network.healAll();
    if (world.placement.pm === undefined) world.placement.start();
    for (const machine of world.machines) {
      if (machine.life !== undefined) machine.life.pausedUntilUs = 0;
      machine.setDiskFull(false);
      world.bootIfDown(machine);
    }
  }

  private armNext(): void {
    const { everyUsMin, everyUsMax } = this.settings;
    this.after(everyUsMin + this.random.below(everyUsMax), () => {
      this.strike();
      this.armNext();
    });
  }

  private strike(): void {
    const total = this.kinds.reduce((sum, [, weight]) => sum + weight, 0);
    if (total === 0) return;
    let at = this.random.below(total);
    for (const [kind, weight] of this.kinds) {
      at -= weight;
      if (at >= 0) continue;
      this.world.counted(`fault ${kind}`);
      return this[kind]();
    }
  }

  private crash(): void {
    this.end(this.someMachine(), END_MODES[this.random.below(END_MODES.length)]!);
  }

  /** The power of the whole room. */
  private crashAll(): void {
    const mode = END_MODES[1 + this.random.below(3)]!;
    for (const machine of this.world.machines) this.end(machine, mode);
  }

  /** As an operator stops a node: leaderships handed over, everything closed. */
  private stop(): void {
    const machine = this.someMachine();
    const { node, life } = machine;
    if (node === undefined || life === undefined || node.stopping) return;
    const close = async (): Promise<void> => {
      await node.resign(200);
      await node.close();
      // Not from within: the life must not end in the middle of its own event.
      this.world.scheduler.after(1, 'node stopped', life, () => {
        this.end(machine, 'kill');
        if (!this.active) this.world.bootIfDown(machine);
      });
    };
    close().catch((why) => {
      if (life.alive) this.world.scheduler.fail(why);
    });
  }

  private isolate(): void {
    const { nodeId } = this.someMachine();
    this.cutFor(this.others(nodeId).flatMap((other) => [[nodeId, other] as const, [other, nodeId] as const]));
  }

  /** One direction of one link, or both, or everything out of or into a node. */
  private cut(): void {
    const { nodeId } = this.someMachine();
    const others = this.others(nodeId);
    const other = others[this.random.below(Math.max(1, others.length))];
    if (other === undefined) return;
    const shapes = [
      [[nodeId, other]],
      [
        [nodeId, other],
        [other, nodeId],
      ],
      others.map((each) => [nodeId, each]),
      others.map((each) => [each, nodeId]),
    ] as readonly (readonly (readonly [number, number])[])[];
    this.cutFor(shapes[this.random.below(shapes.length)]!);
  }

  private reset(): void {
    const { nodeId } = this.someMachine();
    for (const other of this.others(nodeId)) {
      if (this.random.below(2) === 0) this.world.network.reset(nodeId, other);
      if (this.random.below(2) === 0) this.world.network.reset(other, nodeId);
    }
  }

  private pause(): void {
    this.someMachine().life?.pause(this.duration());
  }

  private clockJump(): void {
    const { clock } = this.someMachine();
    clock.wallOffsetMs = (this.random.float() * 2 - 1) * this.world.scenario.wallOffsetMsMax;
  }

  private placement(): void {
    const { placement } = this.world;
    if (placement.pm === undefined) return;
    placement.crash();
    this.after(this.duration(), () => {
      if (placement.pm === undefined) placement.start();
    });
  }

  private disconnect(): void {
    const { clients } = this.world;
    clients[this.random.below(clients.length)]?.disconnect();
  }

  private transfer(): void {
    const slots = [...(this.someMachine().node?.replicas.all ?? [])].filter((slot) => slot.isLeader);
    const slot = slots[this.random.below(Math.max(1, slots.length))];
    slot?.transferTo(this.someMachine().nodeId);
  }

  private checkpoint(): void {
    void this.someMachine().node?.checkpointer.round();
  }

  private diskFull(): void {
    const machine = this.someMachine();
    machine.setDiskFull(true);
    this.after(this.duration(), () => machine.setDiskFull(false));
  }

  /** Another number of replicas is wished, whatever became of the wish before. */
  private membership(): void {
    const replicas = REPLICA_COUNTS[this.random.below(REPLICA_COUNTS.length)]!;
    // Refused, or its answer lost with PM: then it is not wished, or is.
    this.world.placement.pm?.manager.setReplicas('default', replicas).catch(() => {});
  }

  private end(machine: SimMachine, mode: EndMode): void {
    if (machine.life === undefined) return;
    this.world.endMachine(machine, mode);
    this.after(this.duration(), () => this.world.bootIfDown(machine));
  }

  private cutFor(links: readonly (readonly [number, number])[]): void {
    const { network } = this.world;
    for (const [from, to] of links) network.cut(from, to);
    this.after(this.duration(), () => {
      for (const [from, to] of links) network.heal(from, to);
    });
  }

  private someMachine(): SimMachine {
    return this.world.machines[this.random.below(this.world.machines.length)]!;
  }

  private others(nodeId: number): number[] {
    return this.world.machines.map((machine) => machine.nodeId).filter((id) => id !== nodeId && id !== 0);
  }

  private duration(): number {
    return this.random.below(this.settings.durationUsMax);
  }

  /** Forgotten once the world is healed. */
  private after(us: number, run: () => void): void {
    this.world.scheduler.after(us, 'fault', undefined, () => {
      if (this.active) run();
    });
  }
}
