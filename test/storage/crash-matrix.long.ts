/** The crash matrix on fakes, whole: every effect, of one machine and of all, with unsynced data lost in every way and in none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndMode } from '../sim/sim-machine.js';
import { crashMatrix, linesOf, uncrashed } from './crash-matrix.js';

const MODES: readonly EndMode[] = ['kill', 'drop', 'torn', 'scattered'];

for (const mode of MODES) {
  for (const who of ['one', 'all'] as const) {
    test(`a crash of ${who} at every effect: ${mode}`, async (context) => {
      const tallies = await crashMatrix({ who, mode, every: 1 });
      for (const line of linesOf(tallies)) context.diagnostic(line);
      assert.deepEqual(uncrashed(tallies), []);
    });
  }
}
