/**
 * Leaders that sleep and wake, paused by a signal or blocked in their own loop, some of them deaf at first; and live leaders whose
 * streams break. With reads by index, and by lease where there is that setting. A stale read or a lost write fails.
 */
import { test } from 'node:test';
import { faultRun } from './fault-run.js';
import { run } from './processes.js';
import { TALUS } from './talus-cluster.js';

const SECONDS = 100;

const help = (await run(process.execPath, [TALUS, 'node', '--help'])).stdout;
const hasSetting = / --reads /.test(help);

for (const nemesis of ['pause', 'block', 'reset']) {
  const workload = nemesis === 'reset' ? 'all' : 'wake-read';
  for (const reads of ['index', 'lease']) {
    const skip = reads === 'lease' && !hasSetting ? 'there is no setting reads' : false;
    const settings = hasSetting ? ['--set', `reads=${reads}`] : [];
    test(`${nemesis}, reads by ${reads}`, { skip }, async (context) => {
      const words = ['--nemesis', nemesis, '--workload', workload, '--seed', '2', ...settings];
      context.diagnostic(await faultRun(context, SECONDS, ...words));
    });
  }
}
