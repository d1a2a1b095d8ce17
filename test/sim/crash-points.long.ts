/** Every effect of the scripted story, crashed in every way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countEffects, crashAt } from './crash-script.js';
import type { EndMode } from './sim-machine.js';

const MODES: readonly EndMode[] = ['kill', 'drop', 'torn', 'scattered'];

for (const mode of MODES) {
  for (const who of ['one', 'all'] as const) {
    test(`a crash of ${who} at every effect: ${mode}`, async () => {
      const effects = await countEffects();
      const failures: string[] = [];
      for (let effect = 0; effect < effects; effect++) {
        await crashAt({ effect, who, mode }).catch((why: Error) =>
          failures.push(`effect ${effect}: ${why.message}`),
        );
      }
      assert.deepEqual(failures, []);
    });
  }
}
