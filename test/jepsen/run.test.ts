/** Whole runs against a store that lies: the harness must say so, and must believe the same store when honest. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseOptions, type WorkloadName } from '../../jepsen-style/options.js';
import { type CheckResult, overallVerdict } from '../../jepsen-style/report.js';
import { newWorkload, Run } from '../../jepsen-style/run.js';
import { type Fault, FaultyStore } from './faulty-store.js';

interface Judged {
  readonly verdict: CheckResult['verdict'];
  readonly failed: readonly string[];
  readonly isKept: boolean;
}

/** Six clients: five share a key, and the sixth is alone with its own, where no lie can hide in concurrency. */
async function judge(
  t: TestContext,
  workload: WorkloadName,
  fault: Fault,
  more: string[] = [],
): Promise<Judged> {
  const store = new FaultyStore(fault);
  const folder = mkdtempSync(join(tmpdir(), 'jepsen-run-'));
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const nodes = await Promise.all([store.listen(), store.listen(), store.listen()]);
  const against = nodes.map(({ host, port }) => `${host}:${port}`).join(',');
  const sizes = ['--time', '1', '--operations-min', '100', '--clients', '6'];
  const args = ['--against', against, ...sizes, '--workload', workload, ...more];
  const options = { ...parseOptions(args, 1), timeMs: 150 };
  const run = new Run(options, newWorkload(workload), join(folder, 'run'), () => {});
  const results = await run.judge();
  const failed = results.filter((result) => result.verdict === 'fail').map((result) => result.check);
  return {
    verdict: overallVerdict(results),
    failed,
    isKept: existsSync(join(folder, 'run', 'history.ndjson')),
  };
}

test('an honest store passes both workloads, and nothing is left behind', async (t) => {
  assert.deepEqual(await judge(t, 'register', 'none'), { verdict: 'pass', failed: [], isKept: false });
  assert.deepEqual(await judge(t, 'set-counter', 'none'), { verdict: 'pass', failed: [], isKept: false });
});

test('lost writes fail both workloads, and the history is kept', async (t) => {
  assert.deepEqual(await judge(t, 'register', 'lost write'), {
    verdict: 'fail',
    failed: ['linearizable'],
    isKept: true,
  });
  assert.deepEqual(await judge(t, 'set-counter', 'lost write'), {
    verdict: 'fail',
    failed: ['set'],
    isKept: true,
  });
});

test('stale reads fail the register workload', async (t) => {
  assert.deepEqual((await judge(t, 'register', 'stale read')).failed, ['linearizable']);
});

test('an increment that counts twice fails the counter', async (t) => {
  assert.deepEqual((await judge(t, 'set-counter', 'increment twice')).failed, ['counter']);
});

test('a refusal of what was done fails both workloads', async (t) => {
  assert.deepEqual((await judge(t, 'register', 'refused, yet done')).failed, ['linearizable']);
  assert.deepEqual((await judge(t, 'set-counter', 'refused, yet done')).failed, ['set']);
});

test('a reply that belongs to another command is noticed', async (t) => {
  assert.ok((await judge(t, 'register', 'swapped reply')).failed.includes('replies'));
});

test('the planted stale read fails a run against an honest store', async (t) => {
  const { verdict, failed } = await judge(t, 'register', 'none', ['--plant', 'stale-read']);
  assert.equal(verdict, 'fail');
  assert.deepEqual(failed, ['linearizable']);
});

test('too few operations make a run invalid, not passed', async (t) => {
  assert.equal((await judge(t, 'register', 'none', ['--operations-min', '100000000'])).verdict, 'invalid');
});
