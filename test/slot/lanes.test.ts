/** Sessions at one slot: which are remembered, and what is forgotten (lanes.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lanes } from '../../src/slot/lanes.js';

test('a session with nothing under way is as good as unknown', () => {
  const lanes = new Lanes<string>();
  assert.equal(lanes.hasOf('one'), false);
  const lane = lanes.of('one');
  assert.equal(lanes.hasOf('one'), false);
  lane.readsOut = 1;
  assert.equal(lanes.hasOf('one'), true);
  lane.readsOut = 0;
  lane.writesTaken = 1;
  assert.equal(lanes.hasOf('one'), true);
  lane.writesSettled = 1;
  assert.equal(lanes.hasOf('one'), false);
});

test('sessions that come and go do not pile up, and none that is at work is forgotten', () => {
  const lanes = new Lanes<string>();
  const busy = Array.from({ length: 100 }, (_, at) => {
    const lane = lanes.of(`busy-${at}`);
    lane.writesTaken = 1;
    return lane;
  });
  for (let at = 0; at < 10_000; at++) lanes.of(`passing-${at}`);
  for (const [at, lane] of busy.entries()) assert.equal(lanes.of(`busy-${at}`), lane);
  assert.ok(lanes.size <= 300, `${lanes.size} are kept`);
});
