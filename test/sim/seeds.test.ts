/**
 * Random worlds: each seed is another one, each runs twice and must leave the same trace. `npm run sim -- --seed N` plays one again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RunResult, simulate } from './simulate.js';

/** Seeds that once found something; what they found is what they are kept for. */
const REGRESSIONS: readonly (readonly [seed: number, intent: string])[] = [
  [205, 'what a killed process wrote and did not sync is synced before the next one builds on it'],
  [103, 'a new leader stamps nothing before it has applied the stamps of its predecessors'],
  [267, 'the same, with slot times that lie closer together'],
  [
    2464,
    'the marker of an abandoned state outlives the rows that it marks, also when a power cut comes between',
  ],
  [3996, 'slot time keeps pace with the clocks while entries follow each other without a break'],
  [28, "a read that is asked again after a failover is not answered from after its session's later writes"],
  [4154, 'runs that together need more than the pool do not evict each other for ever'],
];
const SEEDS = 100;

/** What a hundred seeds must have met, or they prove little. */
const MUST_HAVE_MET = [
  'commands done',
  'commands refused',
  'commands unknown',
  'leaders elected',
  'votes refused',
  'end kill',
  'end drop',
  'end torn',
  'end scattered',
  'fault crashAll',
  'fault stop',
  'fault cut',
  'fault pause',
  'fault clockJump',
  'fault placement',
  'fault transfer',
  'fault diskFull',
  'fault membership',
  'newcomers elected',
];

async function runTwice(seed: number): Promise<RunResult> {
  const first = await simulate(seed);
  const second = await simulate(seed);
  assert.equal(second.traceHash, first.traceHash, `seed ${seed}: two runs differ`);
  return first;
}

for (const [seed, intent] of REGRESSIONS) {
  test(`seed ${seed}: ${intent}`, async () => {
    await runTwice(seed);
  });
}

test(`${SEEDS} random worlds keep every promise, and each is the same world twice`, async () => {
  const counters = new Map<string, number>();
  const failures: string[] = [];
  let undecided = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const result = await runTwice(seed);
      undecided += result.undecided;
      for (const [what, times] of result.counters) counters.set(what, (counters.get(what) ?? 0) + times);
    } catch (why) {
      failures.push(`seed ${seed}: ${(why as Error).message}    npm run sim -- --seed ${seed}`);
    }
  }
  assert.deepEqual(failures, []);
  const unmet = MUST_HAVE_MET.filter((what) => !counters.has(what));
  assert.deepEqual(unmet, []);
  assert.ok(undecided <= counters.get('keys judged')! * 0.01, `${undecided} keys undecided`);
});
