/**
 * The scripted stories (crash-script.ts, install-story.ts), crashed at every one of their effects: one machine, then all at once;
 * and one machine stopped in good order. The mode says what becomes of unsynced bytes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CrashPoint, countEffects, crashAt, LIFE, type Story } from './crash-script.js';
import { INSTALL } from './install-story.js';

/** With fewer effects a story has lost something on the way. */
const STORIES: readonly (readonly [name: string, story: Story, effectsMin: number])[] = [
  ['a life', LIFE, 400],
  ['a snapshot', INSTALL, 100],
];
interface Case extends Omit<CrashPoint, 'effect'> {
  /** 1: every effect. The rest is left to crash-points.long.ts. */
  readonly every: number;
}

const CASES: readonly Case[] = [
  { who: 'one', mode: 'torn', every: 1 },
  { who: 'all', mode: 'torn', every: 3 },
  { who: 'one', mode: 'stop', every: 2 },
  { who: 'one', mode: 'drop', every: 5 },
  { who: 'all', mode: 'drop', every: 5 },
];

for (const [name, story, effectsMin] of STORIES) {
  for (const { who, mode, every } of CASES) {
    test(`${name}: an end of ${who} at one effect in ${every}: ${mode}`, async () => {
      const effects = await countEffects(story);
      assert.ok(effects >= effectsMin, `only ${effects} effects`);
      const failures: string[] = [];
      for (let effect = 0; effect < effects; effect += every) {
        await crashAt(story, { effect, who, mode }).catch((why: Error) =>
          failures.push(`effect ${effect}: ${why.message}`),
        );
      }
      assert.deepEqual(failures, []);
    });
  }
}
