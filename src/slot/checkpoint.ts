/**
 * Writes what changed in memory to the engine, off the reply path: the step that lets the binlog be freed.
 *
 * One synced batch is in flight a node. It holds whole slots, each frozen between two entries: its dirty records, its
 * expiry index, its applied index and, where it changed, the pointer to its state. So what the engine holds of a slot is
 * always its state after exactly the entries up to the applied index beside it. Synced always: LevelDB may lose an unsynced batch and keep a later.
 *
 * A batch has a bound, because a slot has one: applying waits when its slot alone has a batch's worth to be frozen. What one
 * entry adds beyond that goes ahead of the batch where it is new (checkpoint-batch.ts), and makes it larger where it is not.
 */
import { u32 } from '../bytes.js';
import { type Env, nextTurn, type Timer } from '../env.js';
import type { Engine, EngineWrite } from '../storage/engine.js';
import { EngineReopened } from '../storage/steady-engine.js';
import { Flip, type FrozenReplica, writeAhead } from './checkpoint-batch.js';
import { nodeAreaRange, nodeKey, parseNodeKey, stateRange } from './keys.js';
import { type Reclaimable, Reclaimer } from './reclaim.js';
import type { StateMeta } from './record.js';
import type { FrozenState } from './state.js';

export interface CheckpointSettings {
  /** Between two rounds when little is dirty. */
  readonly checkpointIntervalMs: number;
  /** Applying waits while its slot has this much to be frozen; a batch that holds more than one slot is at most this large. */
  readonly checkpointBytesMax: number;
  /** A round starts at once when the node has this much dirty. */
  readonly dirtyBytesTarget: number;
  /** Applying waits while the node has this much dirty. */
  readonly dirtyBytesMax: number;
}

/** What the checkpointer needs of a slot. */
export interface Checkpointed {
  readonly replicaId: number;
  readonly state: Reclaimable & { readonly dirtyBytes: number; readonly unfrozenBytes: number };
  /** Its state holds what is not committed: a checkpoint of all of it must wait. */
  readonly isAhead: boolean;
  freeze(): { readonly frozen: FrozenState; readonly meta: StateMeta } | undefined;
  /** What was frozen is in the engine. */
  checkpointed(meta: StateMeta, stateId: number): void;
  /** Soon after: it is clean from now on. */
  thaw(): void;
}

/** Rows of an abandoned state that are removed in one step, and steps in one round: checkpoints must not wait for long. */
const CLEARED_ROWS = 1000;
const CLEARED_STEPS_MAX = 50;
/** Entries between two looks at how much is dirty; one more for each four slots that are looked at. */
const HELD_EVERY = 32;

interface FrozenSlot extends FrozenReplica {
  readonly slot: Checkpointed;
}

export class Checkpointer {
  private readonly slots = new Set<Checkpointed>();
  private timer: Timer | undefined;
  private running: Promise<void> | undefined;
  /** Resolves when nothing that was asked for so far is under way. */
  private turn: Promise<unknown> = Promise.resolve();
  private closed = false;
  /** Highest state id that the engine's counter covers. */
  private countedStateId: number;
  private stateId: number;
  /** Where clearing the oldest garbage goes on. */
  private clearing: { readonly stateId: number; readonly from: Buffer } | undefined;
  private clearedSteps = 0;
  private readonly reclaimer: Reclaimer;
  /** Could not be frozen in this round: it asks again when it may. */
  private readonly refused = new Set<Checkpointed>();
  /** Garbage that is being filled, by snapshots on their way in: not to be cleared. */
  private readonly reserved = new Set<number>();
  private holding = false;
  /** So much waits for commits that nothing more may be applied ahead of them. */
  aheadIsFull = false;
  private asked = 0;

  constructor(
    private readonly env: Env,
    private readonly engine: Engine,
    readonly settings: CheckpointSettings,
    lastStateId: number,
    private readonly fatal: (why: unknown) => void,
  ) {
    this.reclaimer = new Reclaimer(engine);
    this.countedStateId = lastStateId;
    this.stateId = lastStateId;
  }

  /** The first round comes somewhere within the interval: nodes that are started together shall not write together ever after. */
  start(delayMs = this.settings.checkpointIntervalMs * this.env.random.float()): void {
    this.timer = this.env.after(delayMs, () => {
      void this.round();
      this.start(this.settings.checkpointIntervalMs);
    });
  }

  /** Never given before on this node; the engine learns of it with the first checkpoint that uses it. */
  newStateId = (): number => ++this.stateId;

  /** Ids up to this one were given out, whatever the engine remembers. */
  skipStateIds(last: number): void {
    this.stateId = Math.max(this.stateId, last);
  }

  add(slot: Checkpointed): void {
    this.slots.add(slot);
  }

  remove(slot: Checkpointed): void {
    this.slots.delete(slot);
  }

  /** A replica, removed before, is gone for good: what the engine holds of it becomes garbage, synced. Idempotent. */
  abandon(replicaId: number): Promise<void> {
    return this.alone(async () => {
      const pointer = nodeKey('state', replicaId);
      const stored = await this.engine.get(pointer);
      if (stored === undefined) return;
      const garbage = nodeKey('garbage', stored.readUInt32BE());
      const batch: EngineWrite[] = [
        { kind: 'delete', key: pointer },
        { kind: 'put', key: garbage, value: Buffer.alloc(0) },
      ];
      await this.engine.write(batch, { sync: true });
    });
  }

  /** A state id to be filled from elsewhere: garbage on disk until a pointer names it, and left alone until it is released. */
  reserveState(): Promise<number> {
    return this.alone(async () => {
      const stateId = this.newStateId();
      this.reserved.add(stateId);
      const garbage = { kind: 'put', key: nodeKey('garbage', stateId), value: Buffer.alloc(0) } as const;
      await this.engine.write([garbage, ...this.counterWrites()], { sync: true });
      return stateId;
    });
  }

  /** It is in use by now, or garbage like any other. */
  releaseState(stateId: number): void {
    this.reserved.delete(stateId);
  }

  /** Does what no round of checkpoints may cross, nor any other work of this kind: each in its turn. */
  alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => {});
    return result;
  }

  get dirtyBytes(): number {
    let bytes = 0;
    for (const slot of this.slots) bytes += slot.state.dirtyBytes;
    return bytes;
  }

  /** Asked before each entry: must applying wait? Starts a round early when much is dirty. */
  held = (slot: Checkpointed): boolean => {
    if (this.isFull(slot)) {
      void this.round();
      return true;
    }
    // Summing all slots at every entry would cost more than applying it; a few entries more are no harm.
    const isDue = ++this.asked % (HELD_EVERY + (this.slots.size >> 2)) === 0;
    if (!isDue && !this.holding && !this.aheadIsFull) return false;
    const { dirtyBytes, aheadBytes } = this;
    const { dirtyBytesTarget, dirtyBytesMax } = this.settings;
    if (dirtyBytes > dirtyBytesTarget) void this.round();
    // A group without a majority must not hold up the others: what waits for a commit has a bound of its own.
    this.aheadIsFull = aheadBytes > dirtyBytesTarget;
    this.holding = dirtyBytes - aheadBytes > dirtyBytesMax;
    return this.holding;
  };

  private get aheadBytes(): number {
    let bytes = 0;
    for (const slot of this.slots) if (slot.isAhead) bytes += slot.state.dirtyBytes;
    return bytes;
  }

  /** Writes everything that is dirty now; concurrent calls share one round. */
  round(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.running ??= this.alone(() => this.writeAll()).then(
      () => {
        this.running = undefined;
        // Became full when the round had nothing left to write: nobody else would begin another.
        if (this.fullSlots().some((slot) => !this.refused.has(slot))) void this.round();
      },
      (why) => {
        this.closed = true;
        this.fatal(why);
      },
    );
    return this.running;
  }

  /** Lets a round in flight end; starts none. */
  async close(): Promise<void> {
    this.timer?.cancel();
    this.closed = true;
    await this.running;
    await this.turn;
  }

  private async writeAll(): Promise<void> {
    const left = new Set(this.slots);
    this.refused.clear();
    for (let turn = 0; left.size > 0; turn++) {
      // Writers wait for slots that are full, also for those that this round has written; the others have every second turn.
      const full = this.fullSlots();
      const order = new Set(turn % 2 === 0 ? [...full, ...left] : [...left, ...full]);
      const taken = this.freezeSome(order, left);
      if (taken.length > 0) await this.write(taken);
    }
    try {
      await this.clearGarbage();
      this.clearedSteps = 0;
      const states = [...this.slots].map(({ state }) => state);
      await this.reclaimer.round(states, () => this.takeStep());
    } catch (why) {
      // The disk was full meanwhile. What is left of it is the next round's.
      if (!(why instanceof EngineReopened)) throw why;
    }
  }

  /** Freezes slots in this order until a batch is full. */
  private freezeSome(order: Iterable<Checkpointed>, left: Set<Checkpointed>): FrozenSlot[] {
    const taken: FrozenSlot[] = [];
    let bytes = 0;
    for (const slot of order) {
      bytes += slot.state.unfrozenBytes;
      if (taken.length > 0 && bytes > this.settings.checkpointBytesMax) break;
      left.delete(slot);
      const freeze = this.slots.has(slot) ? slot.freeze() : undefined;
      if (freeze !== undefined) taken.push({ slot, replicaId: slot.replicaId, ...freeze });
      else this.refused.add(slot);
    }
    return taken;
  }

  private isFull(slot: Checkpointed): boolean {
    return slot.state.unfrozenBytes >= this.settings.checkpointBytesMax;
  }

  private fullSlots(): Checkpointed[] {
    return [...this.slots].filter((slot) => this.isFull(slot));
  }

  private async write(taken: readonly FrozenSlot[]): Promise<void> {
    const { engine, settings } = this;
    const bytesMax = settings.checkpointBytesMax;
    for (const { frozen } of taken) await writeAhead(engine, frozen, bytesMax);
    const flip = new Flip(taken, this.counterWrites(), bytesMax);
    await engine.write(flip, { sync: true });
    // At once: whoever looks for a slot's stored state must not find one that is about to be cleared.
    for (const { slot, frozen, meta } of taken) slot.checkpointed(meta, frozen.stateId);
    // Each in a turn of its own: to thaw and to evict takes its time. What is still frozen is in memory, so nobody is misled.
    for (const { slot } of taken) {
      slot.thaw();
      await nextTurn(this.env);
    }
  }

  /** Covers every id given out so far. */
  private counterWrites(): EngineWrite[] {
    if (this.stateId === this.countedStateId) return [];
    this.countedStateId = this.stateId;
    return [{ kind: 'put', key: nodeKey('counter', 0), value: u32(this.stateId) }];
  }

  /** Removes abandoned states in bounded steps, some a round; a crash in between begins the state again. */
  private async clearGarbage(): Promise<void> {
    this.clearedSteps = 0;
    for (let id = await this.nextGarbage(); id !== undefined; id = await this.nextGarbage()) {
      if (!(await this.clearSome(id))) return;
      await this.engine.write([{ kind: 'delete', key: nodeKey('garbage', id) }], { sync: true });
    }
  }

  private async nextGarbage(): Promise<number | undefined> {
    const cursor = this.engine.iterate(nodeAreaRange('garbage'));
    const rows = await cursor.next(this.reserved.size + 1);
    await cursor.close();
    return rows.map(([key]) => parseNodeKey(key)).find((stateId) => !this.reserved.has(stateId));
  }

  /** Whether nothing of the state is left. */
  private async clearSome(stateId: number): Promise<boolean> {
    const { from, to } = stateRange(stateId);
    // Deleted rows still cost an iterator that walks over them: go on where the last round stopped.
    const rows = this.engine.iterate({
      from: this.clearing?.stateId === stateId ? this.clearing.from : from,
      to,
      keysOnly: true,
    });
    let page = await rows.next(CLEARED_ROWS);
    while (page.length > 0 && this.takeStep()) {
      const batch = page.map(([key]): EngineWrite => ({ kind: 'delete', key }));
      // Synced: the marker, which goes last, may not vanish before what it marks, and LevelDB promises that of no unsynced batch.
      await this.engine.write(batch, { sync: true });
      page = await rows.next(CLEARED_ROWS);
    }
    await rows.close();
    this.clearing = page.length === 0 ? undefined : { stateId, from: page[0]![0] };
    return page.length === 0;
  }

  /** One more step of clearing, where the round has one left. */
  private takeStep(): boolean {
    const { clearedSteps: steps, dirtyBytes, settings } = this;
    const presses = this.closed || dirtyBytes > settings.dirtyBytesTarget || this.fullSlots().length > 0;
    const may = steps === 0 || (steps < CLEARED_STEPS_MAX && !presses);
    if (may) this.clearedSteps++;
    return may;
  }
}
