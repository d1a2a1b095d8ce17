/**
 * The scripted story (crash-script.ts), crashed at every one of its effects: one machine, then all at once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CrashPoint, countEffects, crashAt } from './crash-script.js';

/** Fewer, and the story lost something on the way. */
const EFFECTS_MIN = 400;
/** Torn bytes and lost bytes at every effect; other ends are left to crash-points.long.ts. */
const CASES: readonly Omit<CrashPoint, 'effect'>[] = [
  { who: 'one', mode: 'torn' },
  { who: 'all', mode: 'torn' },
  { who: 'one', mode: 'drop' },
  { who: 'all', mode: 'drop' },
];

for (const { who, mode } of CASES) {
  test(`a crash of ${who} at every effect, unsynced bytes: ${mode}`, async () => {
    const effects = await countEffects();
    assert.ok(effects >= EFFECTS_MIN, `only ${effects} effects`);
    const failures: string[] = [];
    for (let effect = 0; effect < effects; effect++) {
      await crashAt({ effect, who, mode }).catch((why: Error) =>
        failures.push(`effect ${effect}: ${why.message}`),
      );
    }
    assert.deepEqual(failures, []);
  });
}
