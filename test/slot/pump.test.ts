/** The pump alone: its turns, its batches, and what waits for them. The slots are scripts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pump } from '../../src/slot/pump.js';
import type { Slot } from '../../src/slot/slot.js';
import type { BinlogRecord } from '../../src/storage/binlog.js';
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
  slot(name: string, ...turns: readonly ('record' | 'message')[]): Slot<string> {
    let at = 0;
    const script = {
      wantsToPropose: true,
      proposeWaiting: () => void this.events.push(`${name} proposes`),
      tick: () => {},
      collect: (records: BinlogRecord[], afterSave: (() => void)[]) => {
        const now = at++;
        if (turns[now] === 'record')
          records.push({ kind: 'hardState', replicaId: 1, term: now, votedFor: 0, commit: 0 });
        if (turns[now] !== undefined) afterSave.push(() => void this.events.push(`${name} ${now} let go`));
      },
    } as unknown as Slot<string>;
    this.pump.add(script);
    return script;
  }

  async turn(...slots: readonly Slot<string>[]): Promise<string[]> {
    const from = this.events.length;
    for (const slot of slots) this.pump.wake(slot);
    // With a batch in flight a turn may wait a millisecond for company.
    for (let round = 0; round < 4; round++) await this.clock.pass(round === 0 ? 1 : 0);
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
    get isResting() {
      return resting;
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
