/**
 * A rolling restart, again and again, under load and with PM spreading leaders all the while: no client may see an error.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BalancedCluster } from './balanced-cluster.js';
import { BUSY, QUIET } from './load.js';

const DRAINS = 12;

let balanced: BalancedCluster;

before(async () => {
  balanced = await BalancedCluster.start();
});

after(() => balanced?.stop());

for (const [name, habits, step] of [
  ['busy', BUSY, 3000],
  ['quiet', QUIET, 100],
] as const) {
  test(`${DRAINS} drains in ${name} times`, async () => {
    const load = balanced.load(name, habits);
    for (let i = 0; i < DRAINS; i++) {
      await balanced.drainOne(load, step);
      assert.deepEqual(load.errors, [], `drain ${i + 1}`);
    }
    await load.stop();
    assert.deepEqual(load.errors, []);
    await load.assertAllThere();
  });
}
