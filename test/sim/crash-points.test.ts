/**
 * The scripted story (crash-script.ts), crashed at every one of its effects: one machine, then all at once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CrashPoint, countEffects, crashAt } from './crash-script.js';

/** Fewer, and the story lost something on the way. */
const EFFECTS_MIN = 400;
interface Case extends Omit<CrashPoint, 'effect'> {
  /** 1: every effect. The rest is left to crash-points.long.ts. */
  readonly every: number;
}

const CASES: readonly Case[] = [
  { who: 'one', mode: 'torn', every: 1 },
  { who: 'all', mode: 'torn', every: 1 },
  { who: 'one', mode: 'drop', every: 5 },
  { who: 'all', mode: 'drop', every: 5 },
];

for (const { who, mode, every } of CASES) {
  test(`a crash of ${who} at one effect in ${every}, unsynced bytes: ${mode}`, async () => {
    const effects = await countEffects();
    assert.ok(effects >= EFFECTS_MIN, `only ${effects} effects`);
    const failures: string[] = [];
    for (let effect = 0; effect < effects; effect += every) {
      await crashAt({ effect, who, mode }).catch((why: Error) =>
        failures.push(`effect ${effect}: ${why.message}`),
      );
    }
    assert.deepEqual(failures, []);
  });
}
