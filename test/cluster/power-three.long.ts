/**
 * Power cuts in their short form: of the leader's node, of a majority, of all, each under load. Needs root, for disks whose power can
 * be cut; without it this is skipped. The long form is power.long.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNoDisks } from '../../jepsen-style/disks.js';
import { faultRun } from './fault-run.js';

test('three power cuts take nothing that was acknowledged', {
  skip: whyNoDisks() ?? false,
}, async (context) => {
  const options = ['--nemesis', 'power', '--seed', '1', '--workload', 'set-counter'];
  const said = await faultRun(context, 18, ...options);
  assert.match(said, /cut 3 \(cut-all\): \d+ keys read back, replicas compared/);
  assert.match(said, /^PASS +disks /m);
});
