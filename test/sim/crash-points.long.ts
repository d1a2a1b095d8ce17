/** Every effect of the scripted stories, crashed in every way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countEffects, crashAt, LIFE } from './crash-script.js';
import { INSTALL } from './install-story.js';
import type { EndMode } from './sim-machine.js';

const MODES: readonly EndMode[] = ['kill', 'drop', 'torn', 'scattered'];

for (const mode of MODES) {
  for (const who of ['one', 'all'] as const) {
    for (const story of [LIFE, INSTALL]) {
      test(`${story === LIFE ? 'a life' : 'a snapshot'}: a crash of ${who} at every effect: ${mode}`, async () => {
        const effects = await countEffects(story);
        const failures: string[] = [];
        for (let effect = 0; effect < effects; effect++) {
          await crashAt(story, { effect, who, mode }).catch((why: Error) =>
            failures.push(`effect ${effect}: ${why.message}`),
          );
        }
        assert.deepEqual(failures, []);
      });
    }
  }
}
