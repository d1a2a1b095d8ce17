/**
 * Runs the compiled tests: `node dist/test/run.js [--long] [folder ...]`.
 *
 * Two passes: tests in one process world side by side, then those that start clusters of processes one after the other, because
 * they measure themselves against time-outs and share two cores. `--long` runs the *.long.js files instead.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireDebian } from './conformance/require-debian.js';

const here = dirname(fileURLToPath(import.meta.url));
const words = process.argv.slice(2);
const suffix = words.includes('--long') ? '.long.js' : '.test.js';
const folders = words.filter((word) => !word.startsWith('--'));

const files = (readdirSync(here, { recursive: true }) as string[])
  .filter((name) => name.endsWith(suffix))
  .filter((name) => folders.length === 0 || folders.some((folder) => name.startsWith(folder)))
  .sort();
/** Tests that run whole clusters of processes. */
const isSerial = (name: string): boolean => name.startsWith('cluster/') || suffix === '.long.js';

// Here and not first in the tests: two files side by side would both want the package manager.
for (const name of ['redis-server', 'redis-tools', 'etcd-server'] as const) {
  try {
    requireDebian(name);
  } catch (why) {
    process.stderr.write(`${(why as Error).message}\n`);
  }
}

let failed = files.length === 0;
if (failed) process.stderr.write(`no test file ends in ${suffix} here\n`);
run(
  files.filter((name) => !isSerial(name)),
  2,
);
run(files.filter(isSerial), 1);
process.exit(failed ? 1 : 0);

function run(names: readonly string[], concurrency: number): void {
  if (names.length === 0) return;
  const paths = names.map((name) => join(here, name));
  const args = ['--test', '--test-reporter=spec', `--test-concurrency=${concurrency}`, ...paths];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) failed = true;
}
