/** A map for what comes and goes answers as any map does, however often it begins anew. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChurnMap } from '../src/churn-map.js';
import { seededRandom } from '../src/random.js';

test('whatever comes and goes, it holds what a map holds, in the order of coming', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed);
    const kept = 1 << random.below(9);
    const model = new Map<number, number>();
    const churning = new ChurnMap<number, number>();
    for (let step = 0; step < 3000; step++) {
      const key = random.below(2 * kept);
      if (random.below(2) === 0) {
        model.set(key, step);
        churning.set(key, step);
      } else {
        assert.equal(churning.delete(key), model.delete(key));
      }
      assert.equal(churning.size, model.size);
      assert.equal(churning.get(key), model.get(key));
      assert.equal(churning.has(key), model.has(key));
    }
    assert.deepEqual([...churning], [...model]);
  }
});
