/** A node's coming and going reaches the awake at once, and sleepers some at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arousal } from '../../src/node/arousal.js';
import type { NodeSlot } from '../../src/node/replicas.js';
import { VirtualClock } from '../pm/virtual-env.js';

const clock = new VirtualClock();

function slots(count: number, asleep: boolean, told: string[]): NodeSlot[] {
  return Array.from({ length: count }, (_, number) => {
    const slot = {
      status: { asleep },
      peerDown: (nodeId: number) => void told.push(`${number} down ${nodeId}`),
      peerUp: (nodeId: number) => void told.push(`${number} up ${nodeId}`),
    };
    return slot as unknown as NodeSlot;
  });
}

test('who is awake is told at once', () => {
  const told: string[] = [];
  new Arousal(clock.env(1).env, () => true).tell(slots(300, false, told), 2, 'down');
  assert.equal(told.length, 300);
});

test('a thousand sleepers are not woken in one step, and none is forgotten', async () => {
  const told: string[] = [];
  new Arousal(clock.env(1).env, () => true).tell(slots(1000, true, told), 2, 'down');
  assert.equal(told.length, 0);
  await clock.pass(20);
  assert.ok(told.length > 0 && told.length <= 100, `${told.length} in one step`);
  await clock.pass(1000);
  assert.equal(new Set(told).size, 1000);
});

test('of a node that came back meanwhile a sleeper hears only that', async () => {
  const told: string[] = [];
  const sleepers = slots(1, true, told);
  const arousal = new Arousal(clock.env(1).env, () => true);
  arousal.tell(sleepers, 2, 'down');
  arousal.tell(sleepers, 3, 'down');
  arousal.tell(sleepers, 2, 'up');
  await clock.pass(100);
  assert.deepEqual(told, ['0 up 2', '0 down 3']);
});

test('a replica that was dropped meanwhile is left alone', async () => {
  const told: string[] = [];
  new Arousal(clock.env(1).env, () => false).tell(slots(3, true, told), 2, 'down');
  await clock.pass(100);
  assert.deepEqual(told, []);
});
