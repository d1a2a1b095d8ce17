/** Twenty power cuts, of one node, a majority and all in turn: nothing acknowledged is lost, and replicas stay alike. Needs root. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNoDisks } from '../../jepsen-style/disks.js';
import { faultRun } from './fault-run.js';

const skip = whyNoDisks() ?? false;

for (const workload of ['set-counter', 'register']) {
  test(`twenty power cuts under ${workload}`, { skip, timeout: 1_200_000 }, async (context) => {
    const said = await faultRun(context, 120, '--nemesis', 'power', '--seed', '2', '--workload', workload);
    assert.match(said, /cut 20 \([a-z-]+\): \d+ keys read back/);
    assert.match(said, /^PASS +disks /m);
    for (const line of said.split('\n').filter((text) => /^PASS|operations:/.test(text)))
      context.diagnostic(line);
  });
}
