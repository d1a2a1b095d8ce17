/**
 * Replica counts that change again and again under load, while PM is killed, and while nodes are: the wish comes true all the same.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { signal } from '../../jepsen-style/processes.js';
import { BUSY } from './load.js';
import { NODES, ResizedCluster } from './resized-cluster.js';

const ROUNDS = 4;
/** Into the middle of a change. */
const MIDDLE_MS = 1500;
const DOWN_MS = 4000;
const IDLE_MS = 5000;

let resized: ResizedCluster;

before(async () => {
  resized = await ResizedCluster.start();
});

after(() => resized?.stop());

/** Kills a process in the middle of a change, and starts it again. */
async function changeWithDeath(replicas: number, name: string): Promise<void> {
  const { cluster } = resized;
  await resized.wish(replicas);
  await sleep(MIDDLE_MS);
  signal(cluster.pidOf(name), 'SIGKILL');
  await sleep(DOWN_MS);
  cluster.startAgain(name);
  await sleep(DOWN_MS);
  await resized.changeTo(replicas);
}

test('PM dies in the middle of every change: no client sees an error', async () => {
  const load = resized.load('pm', BUSY);
  for (let round = 0; round < ROUNDS; round++) {
    await load.progress(200);
    await changeWithDeath(5, 'pm-1');
    await changeWithDeath(3, 'pm-1');
  }
  await load.stop();
  assert.deepEqual(load.errors, []);
  await load.assertAllThere();
});

test('a node dies in the middle of every change: nothing acknowledged is lost, nothing false is said', async () => {
  const load = resized.load('node', BUSY);
  for (let round = 0; round < ROUNDS; round++) {
    await load.progress(200);
    await changeWithDeath(5, `node-${NODES[round % NODES.length]}`);
    await changeWithDeath(3, `node-${NODES[(round + 2) % NODES.length]}`);
  }
  await load.stop();
  const allowed = /(ECONNRESET|ECONNREFUSED|EPIPE|EOF|closed|UNCERTAIN)/;
  assert.deepEqual(
    load.errors.filter(({ text }) => !allowed.test(text)),
    [],
  );
  await load.assertAllThere();
  await resized.untilRemovedAreGone(3);
  await sleep(IDLE_MS);
  await resized.assertDisks(3);
});
