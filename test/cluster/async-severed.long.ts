/** The short form of async.long.ts: leaders of an async table take with them what only they had, and count it when they are back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultRun } from './fault-run.js';

test('what an async table loses with leaders that are severed and killed is a suffix, and is counted', async (context) => {
  const words = ['--nemesis', 'sever', '--strikes', '3', '--seed', '1', '--workload', 'async'];
  const output = await faultRun(context, 30, ...words);
  assert.match(output, / [1-9]\d* of them lost, all suffixes/, output);
});
