/**
 * The measurements of failover in their short forms: one fault each. What they measure is for `npm run bench`; here they must run,
 * and every slot whose leader was struck must take writes again.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packageRoot } from '../../jepsen-style/processes.js';
import { run } from './processes.js';

const BENCH = join(packageRoot(), 'dist', 'bench', 'main.js');

async function measured(context: TestContext, ...words: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'talus-gaps-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const outcome = await run(process.execPath, [BENCH, ...words], { environment: { BENCH_OUT: folder } });
  assert.ok([0, 1, 2].includes(outcome.code), outcome.stdout + outcome.stderr);
  assert.equal(outcome.stderr, '');
  return outcome.stdout;
}

test('a killed leader', async (context) => {
  const said = await measured(context, 'failover', '--kills', '1');
  assert.match(said, /^kill 1, node-\d: [1-9]\d* slots, longest gap \d+ ms$/m);
});

test('a leader cut off from its peers by a network that drops packets in silence', async (context) => {
  const said = await measured(context, 'drops', '--drops', '1');
  const skipped = /^SKIPPED (.*)$/m.exec(said)?.[1];
  if (skipped !== undefined) return context.skip(skipped);
  assert.match(said, /^drop 1, node-\d: [1-9]\d* slots, longest gap \d+ ms$/m);
});
