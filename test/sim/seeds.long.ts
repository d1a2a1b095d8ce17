/** So many worlds of the long form that every rare path must have been met, and as many of the short one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobsOf, runBatch } from './batch.js';
import { SEEDS_FOR_ALL, unmet } from './coverage.js';
import { Totals } from './totals.js';

const FIRST_SEED = 10_000;

for (const form of ['long', 'short'] as const) {
  test(`${SEEDS_FOR_ALL} random worlds of the ${form} form`, async () => {
    const totals = new Totals(form);
    const failures: string[] = [];
    await runBatch({
      jobs: jobsOf(FIRST_SEED, SEEDS_FOR_ALL, { form }, false),
      take: (report) => {
        totals.add(report);
        if (report.kind === 'failed') failures.push(`seed ${report.seed}: ${report.message}`);
        return false;
      },
    });
    assert.deepEqual(failures, []);
    assert.deepEqual(totals.shortcomings(), []);
    if (form === 'long') assert.deepEqual(unmet(totals.counters), []);
  });
}
