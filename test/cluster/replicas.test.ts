/**
 * A table goes from three replicas to five and back while clients work: nobody notices, nothing is lost, and what was removed is
 * gone from the disks.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BUSY } from './load.js';
import { NODES, ResizedCluster, SLOTS } from './resized-cluster.js';

/** Beyond a few checkpoints and the clearing of what they left behind. */
const IDLE_MS = 5000;

let resized: ResizedCluster;

before(async () => {
  resized = await ResizedCluster.start();
});

after(() => resized?.stop());

test('from three to five and back under load, without a client error', async () => {
  const load = resized.load('grow', BUSY);
  await load.progress(200);
  await resized.changeTo(5);
  assert.deepEqual(
    await resized.replicas(),
    NODES.map(() => SLOTS),
  );
  await load.progress(200);
  await resized.changeTo(3);
  await load.progress(200);
  await load.stop();
  assert.deepEqual(load.errors, []);
  await load.assertAllThere();
  await resized.untilRemovedAreGone(3);
});

test('what is on the disks then is three equal copies of each slot, and nothing else', async () => {
  await sleep(IDLE_MS);
  await resized.assertDisks(3);
});
