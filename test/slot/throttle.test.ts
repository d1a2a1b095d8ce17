/** A pace is shared: who asks while others have not had their time waits for them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Throttle } from '../../src/slot/throttle.js';

test('each waits for those before, and unused time is not saved up', () => {
  let nowMs = 0;
  const throttle = new Throttle({ monotonicMs: () => nowMs }, 1000);
  assert.deepEqual([throttle.take(500), throttle.take(250), throttle.take(1)], [0, 500, 750]);
  nowMs = 600;
  assert.equal(throttle.take(100), 151);
  nowMs = 10_000;
  assert.deepEqual([throttle.take(100), throttle.take(100)], [0, 100]);
});
