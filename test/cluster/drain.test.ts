/**
 * A node leaves a cluster behind a TCP balancer: asked to, without any client noticing; killed, with nothing lost but
 * connections.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { signal } from '../../jepsen-style/processes.js';
import { BalancedCluster } from './balanced-cluster.js';
import { BUSY, type Load, QUIET } from './load.js';

/** Long beyond a failover, so that what fails after it would fail for ever. */
const FAILOVER_MS = 10_000;

let balanced: BalancedCluster;

before(async () => {
  balanced = await BalancedCluster.start();
});

after(() => balanced?.stop());

async function drainUnder(load: Load, step: number): Promise<void> {
  await balanced.drainOne(load, step);
  await load.stop();
  assert.deepEqual(load.errors, []);
  await load.assertAllThere();
}

test('no client notices a node that is drained, nor its return', () =>
  drainUnder(balanced.load('drain', BUSY), 500));

test('nor in quiet times, when nobody happens to be connected', () =>
  drainUnder(balanced.load('quiet', QUIET), 20));

test('a killed node costs its connections, and nothing that was acknowledged', async () => {
  const load = balanced.load('kill', BUSY);
  await load.progress(500);
  const pid = balanced.cluster.pidOf(await balanced.busiest());
  load.mark();
  signal(pid, 'SIGKILL');
  await sleep(FAILOVER_MS);
  await load.progress(500);
  await load.stop();
  const late = load.errors.filter(({ atMs }) => atMs > FAILOVER_MS);
  assert.deepEqual(late, [], 'two of three serve on without an error');
  const allowed = /(ECONNRESET|ECONNREFUSED|EPIPE|EOF|closed|UNCERTAIN)/;
  const others = load.errors.filter(({ text }) => !allowed.test(text));
  assert.deepEqual(others, [], 'a write under way may be uncertain; nothing else is said');
  await load.assertAllThere();
});
