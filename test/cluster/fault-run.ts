/**
 * The fault harness as a test runs it: as a process, in a folder that goes with the test, and it must pass.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { packageRoot } from '../../jepsen-style/processes.js';
import { run } from './processes.js';

const JEPSEN = join(packageRoot(), 'dist', 'jepsen-style', 'main.js');
/** Beyond the time of the faults: starting, healing, reading back, judging. */
const AROUND_SECONDS = 600;

/** Returns what it printed. */
export async function faultRun(
  context: TestContext,
  seconds: number,
  ...words: readonly string[]
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'talus-faults-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const options = ['--time', `${seconds}`, '--operations-min', '500', '--dir', folder];
  const limits = { timeoutMs: (seconds + AROUND_SECONDS) * 1000 };
  const outcome = await run(process.execPath, [JEPSEN, ...options, ...words], limits);
  assert.equal(outcome.code, 0, outcome.stdout + outcome.stderr);
  assert.match(outcome.stdout, /^passed$/m);
  return outcome.stdout;
}
