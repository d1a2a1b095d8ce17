/** Faults reach the processes they are meant for, and nothing that was started stays behind. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Cluster } from '../../jepsen-style/cluster.js';
import { readHistory } from '../../jepsen-style/history.js';
import { Nemesis } from '../../jepsen-style/nemesis.js';
import { isAlive, waitUntil } from '../../jepsen-style/processes.js';
import { Recorder } from '../../jepsen-style/recorder.js';
import { serves } from '../../jepsen-style/topology.js';

const STAND_IN = fileURLToPath(new URL('./stand-in.js', import.meta.url));

async function clusterOf(t: TestContext, program = STAND_IN) {
  const folder = mkdtempSync(join(tmpdir(), 'jepsen-talus-'));
  const cluster = await Cluster.launch({ folder, nodes: 3, metadata: undefined, program });
  t.after(async () => {
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const pidOf = (name: string) => Number(readFileSync(join(folder, 'data', name, 'pid'), 'utf8'));
  return { cluster, folder, pidOf };
}

test('strikes kill and restart the processes, and the history names them', async (t) => {
  const { cluster, folder, pidOf } = await clusterOf(t);
  await cluster.untilReady();
  const before = ['node-1', 'node-2', 'node-3', 'pm-1'].map(pidOf);
  const recorder = new Recorder(join(folder, 'history.ndjson'));
  await new Nemesis(cluster, recorder, () => {}).run([
    { kind: 'kill-leader', atMs: 0, downMs: 20 },
    { kind: 'kill-all', atMs: 0, downMs: 20 },
  ]);
  recorder.close();
  assert.deepEqual(before.map(isAlive), [false, false, false, true]);
  assert.deepEqual(cluster.running, [1, 2, 3]);
  assert.deepEqual(await cluster.silentNodes(), []);
  assert.deepEqual(cluster.crashes, []);
  const { faults } = await readHistory(recorder.path);
  assert.deepEqual(
    faults.map(({ f, value }) => `${f} ${value}`),
    [
      'strike kill-leader node-1',
      'healed node-1',
      'strike kill-all node-1 node-2 node-3',
      'healed node-1 node-2 node-3',
    ],
  );
  const after = ['node-1', 'node-2', 'node-3', 'pm-1'].map(pidOf);
  await cluster.stop();
  assert.deepEqual(after.map(isAlive), [false, false, false, false]);
});

test('a process that ends by itself is a crash, one that the harness ends is not', async (t) => {
  const { cluster, pidOf } = await clusterOf(t);
  await cluster.untilReady();
  await cluster.kill('node-1');
  process.kill(pidOf('node-2'), 'SIGKILL');
  assert.ok(await waitUntil(() => cluster.crashes.length > 0, 10_000));
  assert.equal(cluster.crashes.length, 1);
  assert.match(cluster.crashes[0]!, /^node-2 /);
  assert.deepEqual(cluster.running, [3]);
});

test('a paused process is silent and comes back as it was', async (t) => {
  const { cluster, pidOf } = await clusterOf(t);
  await cluster.untilReady();
  const pid = pidOf('node-3');
  cluster.pause('node-3');
  assert.equal(await serves(cluster.nodes[2]!), false);
  cluster.resume('node-3');
  assert.deepEqual(await cluster.silentNodes(), []);
  assert.equal(pidOf('node-3'), pid);
});

test('a program that never gets ready is told with its last words', async (t) => {
  const { cluster } = await clusterOf(t, '/nowhere/talus.js');
  await assert.rejects(cluster.untilReady(), /not ready: it ended with 1[\s\S]*Cannot find module/);
});
