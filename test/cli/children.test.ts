/** How a machine's cores are shared by the processes of `talus start`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { v8Flags, v8Workers } from '../../src/cli/children.js';

test("V8's helpers are a process's share of the cores, one at least and no more than Node has", () => {
  assert.equal(v8Workers(2, 3), 1);
  assert.equal(v8Workers(8, 3), 2);
  assert.equal(v8Workers(64, 3), 4);
  assert.equal(v8Workers(1, 64), 1);
});

test('flags that the operator gave are left alone', () => {
  assert.deepEqual(v8Flags(2, 3, ''), ['--v8-pool-size=1', '--max-semi-space-size=8']);
  assert.deepEqual(v8Flags(2, 3, '--v8-pool-size=4 --trace-warnings'), ['--max-semi-space-size=8']);
  assert.deepEqual(v8Flags(2, 3, '--max_semi_space_size=32'), ['--v8-pool-size=1']);
});
