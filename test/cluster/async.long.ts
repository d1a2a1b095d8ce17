/**
 * An async table whose leaders are killed twenty times under load: what is lost is a suffix of what each had answered, who comes
 * back counts it, and all replicas end equal. A kill alone hits little that the others lack, so in a second run each leader is
 * severed from them before.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultRun } from './fault-run.js';

const TWENTY = ['--strikes', '20', '--seed', '1', '--workload', 'async'];

test('twenty kills of leaders of an async table', (context) =>
  faultRun(context, 160, '--nemesis', 'kill', ...TWENTY).then(() => {}));

test('twenty kills of leaders that were severed from the others', async (context) => {
  const output = await faultRun(context, 160, '--nemesis', 'sever', ...TWENTY);
  assert.match(output, / [1-9]\d* of them lost, all suffixes/, output);
});
