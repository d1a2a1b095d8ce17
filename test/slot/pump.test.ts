/** The pump alone: its turns, its batches, and what waits for them. The slots are scripts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pump } from '../../src/slot/pump.js';
import type { SaveBatch } from '../../src/slot/save-batch.js';
import type { Slot } from '../../src/slot/slot.js';
import { VirtualClock } from '../pm/virtual-env.js';
import { HandBinlog } from './group.js';

class Stand {
  readonly clock = new VirtualClock();
  readonly events: string[] = [];
  readonly binlog = new HandBinlog((what) => void this.events.push(what));
  readonly pump = new Pump<string>(
    this.clock.env(1).env,
    this.binlog,
    10,
    (why) => void this.events.push(`fatal ${why}`),
    () => {},
  );

  constructor() {
    this.binlog.prompt = false;
  }

  /** A slot that in each turn brings the next of these, and says what was let go after its save. */
  slot(name: string, ...turns: readonly ('record' | 'unhurried' | 'message' | undefined)[]): Slot<string> {
    let at = 0;
    const script = {
      wantsToPropose: true,
      proposeWaiting: () => void this.events.push(`${name} proposes`),
      tick: () => {},
      stillness: { dueMs: 0, isResting: false },
      collect: (batch: SaveBatch) => {
        const now = at++;
        const record = { kind: 'hardState', replicaId: 1, term: now, votedFor: 0, commit: 0 } as const;
        if (turns[now] === 'record') batch.records.push(record);
        if (turns[now] === 'unhurried') {
          batch.addUnhurried([record]);
          batch.afterWrite.push(() => void this.events.push(`${name} ${now} written`));
        }
        const after = turns[now] === 'message' ? batch.afterEarlier : batch.afterSave;
        if (turns[now] !== undefined) after.push(() => void this.events.push(`${name} ${now} let go`));
      },
    } as unknown as Slot<string>;
    this.pump.add(script);
    return script;
  }

  async turn(...slots: readonly Slot<string>[]): Promise<string[]> {
    const from = this.events.length;
    for (const slot of slots) this.pump.wake(slot);
    for (let round = 0; round < 4; round++) await this.clock.pass(0);
    return this.events.slice(from);
  }
}

test('all slots of a turn share one batch', async () => {
  const stand = new Stand();
  stand.slot('a', 'record');
  stand.slot('b', 'record');
  assert.deepEqual(await stand.turn(), ['a proposes', 'b proposes', 'append hardState+hardState']);
  stand.binlog.flush();
  assert.deepEqual(await stand.turn(), ['a 0 let go', 'b 0 let go']);
});

test('without records of its own a message still waits for the batch in flight, and without one it goes at once', async () => {
  const stand = new Stand();
  const slot = stand.slot('a', 'record', 'message', 'message');
  await stand.turn();
  assert.deepEqual(await stand.turn(slot), []);
  stand.binlog.flush();
  // It wanted to propose meanwhile, so its next turn comes by itself.
  assert.deepEqual(await stand.turn(), ['a 0 let go', 'a 1 let go', 'a proposes', 'a 2 let go']);
});

test('while a batch is in flight nobody proposes, yet what must be saved is', async () => {
  const stand = new Stand();
  const a = stand.slot('a', 'record');
  await stand.turn();
  const b = stand.slot('b', 'record');
  assert.deepEqual(await stand.turn(a, b), ['append hardState']);
  stand.binlog.flush();
  const after = await stand.turn();
  assert.deepEqual(after.filter((event) => event.endsWith('proposes')).sort(), ['a proposes', 'b proposes']);
});

test('whom a message wakes has its turn before the call returns, and proposes in a turn of the event loop', async () => {
  const stand = new Stand();
  const slot = stand.slot('a', undefined, 'record', undefined);
  await stand.turn();
  const from = stand.events.length;
  stand.pump.together(() => stand.pump.wake(slot));
  assert.deepEqual(
    stand.events.slice(from),
    ['append hardState'],
    'what a peer brought is on its way to the disk',
  );
  assert.deepEqual(await stand.turn(), [], 'nobody proposes while the disk works');
  stand.binlog.flush();
  assert.deepEqual(await stand.turn(), ['a 1 let go', 'a proposes']);
  stand.pump.together(() => stand.pump.wake(slot));
  assert.deepEqual(
    await stand.turn(),
    ['a proposes'],
    'nor is anybody who would propose left waiting for a batch',
  );
});

test('after a failed batch nothing is let go, also not what waited behind it', async () => {
  const stand = new Stand();
  const slot = stand.slot('a', 'record', 'message', 'record');
  await stand.turn();
  await stand.turn(slot);
  stand.binlog.fail();
  assert.deepEqual(await stand.turn(), ['fatal Error: EIO']);
  assert.deepEqual(await stand.turn(slot), []);
});

test('a slot that was removed is driven no more', async () => {
  const stand = new Stand();
  const slot = stand.slot('a', 'record');
  stand.pump.remove(slot);
  assert.deepEqual(await stand.turn(slot), []);
});

test('slots that rest are not looked at every tick, and the clock of a woken one starts at once', async () => {
  const stand = new Stand();
  let resting = true;
  let looks = 0;
  const slot = {
    wantsToPropose: false,
    proposeWaiting: () => {},
    collect: () => {},
    tick: () => void looks++,
    stillness: {
      dueMs: 0,
      get isResting() {
        return resting;
      },
    },
  } as unknown as Slot<string>;
  stand.pump.add(slot);
  stand.pump.start();
  await stand.clock.pass(1000);
  const atRest = looks;
  assert.ok(atRest <= 6, `${atRest} looks at a slot that rests`);
  await stand.clock.pass(10_000);
  assert.ok(looks > atRest, 'never looked at: keys that are due would stay');
  resting = false;
  looks = 0;
  stand.pump.wake(slot);
  await stand.clock.pass(100);
  assert.ok(looks >= 9, `${looks} looks at one that waits for the clock`);
});

test('what may wait for its sync is written, others propose behind it, and it is let go when it is synced', async () => {
  const stand = new Stand();
  const slot = stand.slot('a', 'unhurried');
  assert.deepEqual(await stand.turn(slot), ['a proposes', 'write hardState', 'a 0 written']);
  assert.deepEqual(await stand.turn(slot), ['a proposes']);
  stand.binlog.prompt = true;
  const from = stand.events.length;
  await stand.clock.pass(1000);
  assert.deepEqual(stand.events.slice(from), ['durable', 'a 0 let go']);
});

test('beside a record that wants a sync it is synced, too; nothing else waits for the unhurried', async () => {
  const stand = new Stand();
  const a = stand.slot('a', 'unhurried', 'unhurried');
  const together = await stand.turn(a, stand.slot('b', 'record'));
  assert.deepEqual(together, ['a proposes', 'b proposes', 'append hardState+hardState']);
  stand.binlog.flush();
  const behind = await stand.turn(a, stand.slot('c', 'message'));
  assert.ok(behind.includes('a 1 written') && behind.includes('c 0 let go'), behind.join());
  assert.ok(!behind.includes('a 1 let go'), behind.join());
});
