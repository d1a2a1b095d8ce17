/** Which slots a checkpoint takes together, in which order, and who waits for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { silentLog } from '../../src/env.js';
import { seededRandom } from '../../src/random.js';
import { type Checkpointed, Checkpointer } from '../../src/slot/checkpoint.js';
import { DirtyCells } from '../../src/slot/dirty.js';
import { PagePool } from '../../src/slot/page-pool.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { CHECKPOINT } from './home.js';

const BATCH_BYTES = 1000;

/** Its bytes are a number: what counts is when they are asked for. */
class NumberSlot implements Checkpointed {
  readonly isAhead = false;
  readonly state: Checkpointed['state'] & { unfrozenBytes: number; dirtyBytes: number };
  freezes = 0;
  refuses = false;

  constructor(
    readonly replicaId: number,
    private readonly order: number[],
    bytes: number,
    /** It has so much again as soon as it is frozen, so many times. */
    private refills = 0,
  ) {
    this.state = { stateId: replicaId, pages: new PagePool(), unfrozenBytes: bytes, dirtyBytes: bytes };
    this.state.pages.mayReclaim = false;
  }

  freeze(): ReturnType<Checkpointed['freeze']> {
    this.freezes++;
    if (this.refuses) return undefined;
    this.order.push(this.replicaId);
    if (this.refills-- <= 0) this.state.unfrozenBytes = 0;
    const pages = { shelves: new Map(), retired: [], bytes: 0 };
    const frozen = { stateId: this.replicaId, abandonedStateIds: [], cells: new DirtyCells(), pages };
    const nobody = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    return { frozen, meta: { appliedIndex: 1, appliedTerm: 1, timeMs: 1, keys: 0, configuration: nobody } };
  }

  checkpointed(): void {}

  thaw(): void {
    this.state.dirtyBytes = this.state.unfrozenBytes;
  }
}

class Desk {
  readonly order: number[] = [];
  readonly engine = new MemoryEngine();
  readonly checkpointer: Checkpointer;

  constructor() {
    const env = {
      monotonicMs: () => 0,
      wallMs: () => 0,
      after: () => ({ cancel: () => {} }),
      defer: (run: () => void) => void setImmediate(run),
      random: seededRandom(1),
      log: silentLog,
    };
    const settings = { ...CHECKPOINT, checkpointBytesMax: BATCH_BYTES };
    this.checkpointer = new Checkpointer(env, this.engine, settings, 0, (why) => assert.fail(String(why)));
  }

  add(replicaId: number, bytes: number, refills?: number): NumberSlot {
    const slot = new NumberSlot(replicaId, this.order, bytes, refills);
    this.checkpointer.add(slot);
    return slot;
  }
}

test('a batch that holds more than one slot is no larger than its bound', async () => {
  const desk = new Desk();
  const batches: number[] = [];
  const write = desk.engine.write.bind(desk.engine);
  desk.engine.write = (batch, options) => {
    batches.push(desk.order.length);
    return write(batch, options);
  };
  for (let replicaId = 1; replicaId <= 9; replicaId++) desk.add(replicaId, replicaId === 5 ? 990 : 400);
  await desk.checkpointer.round();
  const sizes = batches.map((frozen, i) => frozen - (batches[i - 1] ?? 0));
  // By two where they fit, and the large one alone.
  assert.deepEqual(sizes, [2, 2, 1, 2, 2]);
});

test('slots that are full go first, and again in the same round, and the others have their turns', async () => {
  const desk = new Desk();
  for (const replicaId of [1, 2, 3, 4]) desk.add(replicaId, 600);
  const hot = desk.add(9, BATCH_BYTES, 6);
  await desk.checkpointer.round();
  assert.equal(desk.order[0], 9);
  assert.deepEqual([...new Set(desk.order)].sort(), [1, 2, 3, 4, 9]);
  assert.ok(hot.freezes >= 4, desk.order.join());
});

test('applying waits while its slot alone has a batch of work, and no longer than until that is frozen', async () => {
  const desk = new Desk();
  const idle = desk.add(1, 10);
  const full = desk.add(2, BATCH_BYTES);
  assert.equal(desk.checkpointer.held(idle), false);
  assert.equal(desk.checkpointer.held(full), true);
  for (let turns = 0; full.freezes === 0; turns++) {
    assert.ok(turns < 100, 'nobody began a round');
    await turn();
  }
  assert.equal(desk.checkpointer.held(full), false);
  await desk.checkpointer.close();
});

test('a slot that is full and may not be frozen now makes no rounds without end', async () => {
  const desk = new Desk();
  const full = desk.add(1, BATCH_BYTES);
  full.refuses = true;
  assert.equal(desk.checkpointer.held(full), true);
  for (let turns = 0; turns < 200; turns++) await turn();
  assert.ok(full.freezes > 0 && full.freezes < 10, `${full.freezes} tries`);
  full.refuses = false;
  assert.equal(desk.checkpointer.held(full), true);
  await desk.checkpointer.close();
  assert.equal(full.state.unfrozenBytes, 0);
});
