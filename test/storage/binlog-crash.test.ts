/** The power is cut at every single effect of a life, in every way a disk may take it. Nothing acknowledged is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runs } from '../runs.js';
import type { CrashMode } from '../sim/sim-files.js';
import { live, newLife } from './crash-script.js';

/** Of twenty lives each. */
const LIVES_SERIES = 15;
const modes: readonly CrashMode[] = ['drop', 'torn', 'scattered'];

for (const mode of modes) {
  test(`a crash at every effect of a life, then a second life: ${mode}`, async () => {
    for (const seed of [1, 2, 3]) {
      let crashes = 0;
      for (let crashAt = 1; ; crashAt++) {
        const first = await live(newLife(), seed, crashAt, mode);
        if (!first.crashed) break;
        crashes += 1;
        await live(first, seed + 1000, 40 + (crashAt % 90), mode);
      }
      assert.ok(crashes > 100, `${crashes} effects`);
    }
  });

  test(`twenty lives on one disk, each cut short: ${mode}`, async () => {
    for (let seed = 1; seed <= runs(LIVES_SERIES); seed++) {
      let life: Awaited<ReturnType<typeof live>> | ReturnType<typeof newLife> = newLife();
      for (let age = 0; age < 20; age++)
        life = await live(life, seed * 100 + age, 5 + ((seed * 31 + age * 17) % 200), mode);
    }
  });
}
