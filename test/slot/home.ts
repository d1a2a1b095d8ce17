/**
 * A slot's state at home, without Raft around it: a log that is applied entry by entry, the engine in memory under it, a
 * checkpointer beside it, and restarts. Everything asynchronous waits in one bag, from which a seed draws.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { type Env, silentLog } from '../../src/env.js';
import { type Random, seededRandom } from '../../src/random.js';
import { EntryRun } from '../../src/slot/apply.js';
import { BODY_LIMITS } from '../../src/slot/body.js';
import { type Checkpointed, Checkpointer, type CheckpointSettings } from '../../src/slot/checkpoint.js';
import { type CommandEntry, decodeEntry, encodeEntry } from '../../src/slot/entry.js';
import { stateRange } from '../../src/slot/keys.js';
import type { StateMachine } from '../../src/slot/machine.js';
import type { StateMeta } from '../../src/slot/record.js';
import { SlotState } from '../../src/slot/state.js';
import { readStoredStates } from '../../src/slot/states.js';
import { PageFault, type PageNeed } from '../../src/slot/txn.js';
import { loadRange, RangeCache, ReadView } from '../../src/slot/view.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { tinyMachine } from './tiny-machine.js';

export const CHECKPOINT: CheckpointSettings = {
  checkpointIntervalMs: 1000,
  checkpointBytesMax: 1 << 20,
  dirtyBytesTarget: 1 << 20,
  dirtyBytesMax: 1 << 21,
};

/** What was asked of the world and has not happened yet; `draw` makes one of it happen. */
export class Bag {
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly random: Random) {}

  readonly put = (run: () => void): void => void this.waiting.push(run);

  async draw(): Promise<void> {
    const [run] = this.waiting.splice(this.random.below(Math.max(1, this.waiting.length)), 1);
    run?.();
    await turn();
  }

  /** Draws until the promise has settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    await turn();
    for (let draws = 0; !settled; draws++) {
      assert.ok(draws < 100_000, 'never settles');
      await this.draw();
    }
    return promise;
  }
}

export class Home implements Checkpointed {
  readonly replicaId = 5;
  readonly isAhead = false;
  readonly log: Buffer[] = [];
  readonly bag: Bag;
  readonly env: Env;
  engine: MemoryEngine;
  checkpointer!: Checkpointer;
  state!: SlotState;
  appliedIndex = 0;
  /** As of the newest checkpoint that finished. */
  durableIndex = 0;
  lastStampMs = 0;
  /** Loads that runs asked for. */
  faults = 0;
  /** Set before it opens: so many that most of the index is behind the horizon, or few enough that nothing is. */
  expiriesKept = 4096;
  private running = false;

  constructor(
    readonly random: Random,
    private readonly limits = BODY_LIMITS,
    private readonly machine: StateMachine<string> = tinyMachine,
  ) {
    this.bag = new Bag(random);
    this.env = {
      monotonicMs: () => 0,
      wallMs: () => 0,
      after: () => ({ cancel: () => {} }),
      defer: this.bag.put,
      random: seededRandom(1),
      log: silentLog,
    };
    this.engine = new MemoryEngine((_label, run) => this.bag.put(run));
  }

  /** What a node does at start: look at what the engine holds, then replay the log from there. */
  async open(settings: CheckpointSettings = CHECKPOINT): Promise<string[][][]> {
    const { byReplica, lastStateId } = await this.bag.until(readStoredStates(this.engine));
    const stored = byReplica.get(this.replicaId);
    this.checkpointer = new Checkpointer(this.env, this.engine, settings, lastStateId, (why) =>
      assert.fail(String(why)),
    );
    const { newStateId } = this.checkpointer;
    this.state = new SlotState(
      this.engine,
      newStateId,
      stored?.stateId ?? newStateId(),
      stored?.meta,
      this.limits,
      this.expiriesKept,
    );
    if (stored !== undefined) await this.bag.until(this.state.open());
    this.appliedIndex = stored?.meta.appliedIndex ?? 0;
    this.durableIndex = this.appliedIndex;
    this.checkpointer.add(this);
    const replies: string[][][] = [];
    while (this.appliedIndex < this.log.length) replies.push(await this.applyNext());
    return replies;
  }

  /** The process is gone; `power`: and so is what was not synced. */
  async restart(power: boolean, settings = CHECKPOINT): Promise<string[][][]> {
    this.engine = power ? this.engine.crash(this.random) : this.engine.kill(this.random).reopen();
    return this.open(settings);
  }

  /** All rows of the state. */
  async rows(): Promise<readonly (readonly [Buffer, Buffer])[]> {
    const cursor = this.engine.iterate(stateRange(this.state.stateId));
    const rows = await this.bag.until(cursor.next(1_000_000));
    await this.bag.until(cursor.close());
    return rows;
  }

  append(entry: CommandEntry): Promise<string[][]> {
    this.log.push(encodeEntry(entry));
    return this.applyNext();
  }

  async applyNext(): Promise<string[][]> {
    const data = this.log[this.appliedIndex]!;
    const run = new EntryRun(this.state, this.machine, data, this.appliedIndex + 1);
    this.running = true;
    for (let needs = run.go(); needs !== undefined; needs = run.go()) await this.load(needs, run.ranges);
    this.running = false;
    this.appliedIndex++;
    this.lastStampMs = decodeEntry(data).timeMs;
    return run.replies;
  }

  /** One read as the slot serves it, at a time at which nothing is newly dead. */
  read(line: string, nowMs = this.lastStampMs): Promise<string> {
    return this.readArgv(
      line.split(' ').map((word) => Buffer.from(word, 'latin1')),
      nowMs,
    );
  }

  async readArgv(args: readonly Buffer[], nowMs = this.lastStampMs): Promise<string> {
    const ranges = new RangeCache();
    for (;;) {
      const ctx = { nowMs, random: seededRandom(1) };
      const needs = faultOf(() => this.machine.read(new ReadView(this.state, nowMs, ranges, 0), args, ctx));
      if (typeof needs === 'string') return needs;
      await this.load(needs, ranges);
    }
  }

  freeze(): ReturnType<Checkpointed['freeze']> {
    if (this.running || (this.appliedIndex === this.durableIndex && !this.state.hasUnwritten))
      return undefined;
    const configuration = {
      voters: [1],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    };
    const { appliedIndex, lastStampMs: timeMs } = this;
    const meta: StateMeta = { appliedIndex, appliedTerm: 1, timeMs, keys: this.state.keys, configuration };
    return { frozen: this.state.freeze(), meta };
  }

  checkpointed(meta: StateMeta): void {
    this.durableIndex = meta.appliedIndex;
  }

  thaw(): void {
    this.state.thaw();
  }

  private async load(needs: readonly PageNeed[], ranges: RangeCache): Promise<void> {
    this.faults++;
    for (const need of needs) {
      if (need.kind === 'record') await this.bag.until(this.state.load([need.key]));
      if (need.kind === 'page') await this.bag.until(this.state.loadPages([need]));
      if (need.kind === 'expiries') await this.bag.until(this.state.loadExpiries());
      if (need.kind === 'range') await this.bag.until(loadRange(this.engine, this.state, need, ranges));
      assert.notEqual(need.kind, 'clock', 'nothing is newly dead here');
    }
  }
}

/** The result, or what the run lacked. */
export function faultOf(run: () => string): string | readonly PageNeed[] {
  try {
    return run();
  } catch (thrown) {
    if (thrown instanceof PageFault) return thrown.needs;
    throw thrown;
  }
}
