/** What the writers say of a fault: a gap counts whole, over all writers of its slot, and the present silence with it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../jepsen-style/processes.js';
import { hash14, slotOfHash } from '../../src/slot/hash.js';
import { FaultyStore } from '../jepsen/faulty-store.js';
import { GapWriter, keyOfSlot } from './gap-writer.js';
import { busiestOf, slotsLedBy } from './leaders.js';

const SLOTS = 4;
const ALL_SLOTS = [0, 1, 2, 3];
const HABITS = { writers: 1, pauseMs: 1, patienceMs: 100 };
const SILENCE_MS = 300;

test('a node that goes costs no slot its writes; when all are silent, the gap is as long as the silence', async (t) => {
  const [first, second] = [new FaultyStore('none'), new FaultyStore('none')];
  t.after(() => second.close());
  const address = await second.listen();
  const writer = new GapWriter([await first.listen(), address], SLOTS, HABITS);
  const allWrite = (): Promise<boolean> =>
    waitUntil(() => ALL_SLOTS.every((slot) => writer.count(slot) >= 10), 10_000);
  assert.ok(await allWrite());
  first.close();
  writer.mark();
  assert.ok(await allWrite(), 'through the other node');
  assert.match(writer.failures, /ECONN|EOF/);

  second.close();
  await sleep(SILENCE_MS);
  for (const slot of ALL_SLOTS) assert.ok(writer.silenceMs(slot) > SILENCE_MS / 2);
  writer.mark();
  for (const slot of ALL_SLOTS)
    assert.ok(writer.longestGapMs(slot) > SILENCE_MS / 2, 'begun before the mark');
  const again = new FaultyStore('none');
  t.after(() => again.close());
  await again.listen(address.port);
  assert.ok(await allWrite());
  for (const slot of ALL_SLOTS) assert.ok(writer.longestGapMs(slot) >= SILENCE_MS / 2, 'ended after it');
  await writer.stop();
});

test('a key for a slot lies in it', () => {
  for (let slot = 0; slot < 16; slot++) {
    assert.equal(slotOfHash(hash14(Buffer.from(keyOfSlot(slot, 16, 'x'))), 16), slot);
  }
});

test('the busiest node is the one that leads most, the first among equals', () => {
  const addresses = ['a:1', 'b:1', 'c:1'];
  assert.equal(busiestOf(['b:1', undefined, 'c:1', 'b:1'], addresses), 2);
  assert.equal(busiestOf(['c:1', 'a:1'], addresses), 1);
  assert.deepEqual(slotsLedBy('b:1', ['b:1', undefined, 'c:1', 'b:1']), [0, 3]);
});
