/**
 * The fault run in its short form: nodes killed and started again while clients work, every reply judged.
 *
 * The long form, with all workloads, is `npm run jepsen`; this one shows that the way from a kill to a verdict works, and that
 * nothing is lost within twelve seconds.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../jepsen-style/processes.js';
import { run } from './processes.js';

const JEPSEN = join(packageRoot(), 'dist', 'jepsen-style', 'main.js');

test('registers under kill -9', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'talus-kill-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const options = ['--time', '12', '--nemesis', 'kill', '--seed', '1', '--operations-min', '500'];
  const outcome = await run(process.execPath, [
    JEPSEN,
    ...options,
    '--workload',
    'register',
    '--dir',
    folder,
  ]);
  assert.equal(outcome.code, 0, outcome.stdout + outcome.stderr);
  assert.match(outcome.stdout, /^passed$/m);
});
