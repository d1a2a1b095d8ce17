/** Every bug of the bank is found (bug-bank.ts). `npm run sim:bugs` prints the same as a table. */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { huntAll, readBugs, rowOf, SEEDS_MAX } from './bug-bank.js';

test(`each bug of the bank is found within ${SEEDS_MAX} seeds`, async (context) => {
  const finds = await huntAll(readBugs(), availableParallelism(), (find) => context.diagnostic(rowOf(find)));
  assert.deepEqual(
    finds.filter(({ seed }) => seed === undefined).map(({ bug, message }) => `${bug.name}: ${message}`),
    [],
  );
});
