/**
 * Full disks under real processes: one node's, two nodes', one that fills while a snapshot comes in, and one that fails altogether.
 * Each node has a small ext4 of its own; without root these tests are skipped.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, signal } from '../../jepsen-style/processes.js';
import { differences } from '../../jepsen-style/replicas.js';
import type { RespClient } from '../../jepsen-style/resp-client.js';
import { DiskedCluster, whyNoDisks } from './disked-cluster.js';
import { Load } from './load.js';
import { within } from './within.js';

const skip = whyNoDisks() ?? false;
const SLOTS = 4;
const MIB = 1 << 20;
const MARK = 32 * MIB;
const VALUE = 'v'.repeat(1000);

function start(environment: Readonly<Record<string, string>> = {}): Promise<DiskedCluster> {
  return DiskedCluster.start({
    mib: 256,
    args: ['--slots', `${SLOTS}`],
    environment: {
      TALUS_FREE_BYTES_MIN: `${MARK}`,
      TALUS_SEGMENT_BYTES: `${MIB}`,
      TALUS_BINLOG_BYTES_MAX: `${8 * MIB}`,
      TALUS_LOG_TAIL_BYTES: `${2 * MIB}`,
      TALUS_CHECKPOINT_INTERVAL_MS: '100',
      ...environment,
    },
  });
}

/** Errors of clients that say what they should not. */
function unclear(load: Load): string[] {
  return load.errors.map(({ text }) => text).filter((text) => !/MISCONF|UNCERTAIN/.test(text));
}

async function ask(client: RespClient, ...words: string[]): Promise<string> {
  const outcome = await client.call(...words);
  return outcome.kind === 'ok' ? JSON.stringify(outcome.reply) : `${outcome.kind}: ${outcome.error}`;
}

/** Twice is as good as once: a leader of two may be another one by the time that a slow machine has written this much. */
async function setTo(client: RespClient, key: string, value: string): Promise<void> {
  for (;;) {
    const outcome = await client.call('SET', key, value);
    if (outcome.kind === 'ok') return;
    assert.match(outcome.error, /^(CLUSTERDOWN|TRYAGAIN|UNCERTAIN)/);
  }
}

async function started(
  context: TestContext,
  environment?: Readonly<Record<string, string>>,
): Promise<DiskedCluster> {
  const disked = await start(environment);
  context.after(() => disked.stop());
  return disked;
}

test('disks fill and are emptied under load: leaders move, reads go on, nothing is lost', {
  skip,
}, async (context) => {
  const disked = await started(context);
  const { cluster } = disked;
  const led = (node: number): Promise<number> => cluster.metric(node, 'talus_slots_led');
  const load = new Load(cluster.port + 1, 'load', { clients: 4, commands: 20, pauseMs: 0 });
  await load.progress(200);

  disked.fill(1, MARK - 8 * MIB);
  await within('a low node leads nothing', async () => (await led(1)) === 0);
  await load.progress(200);
  assert.deepEqual(load.errors, [], 'with room on two of three nobody is refused anything');

  disked.fill(1, 0);
  await within('it says so', async () => (await cluster.metric(1, 'talus_disk_low')) === 1);
  await load.progress(400);
  const client = await cluster.connect(1);
  const [key, value] = [...load.acknowledged].at(-1)!;
  assert.equal(await ask(client, 'GET', key), JSON.stringify({ kind: 'bulk', text: value }));
  assert.equal(await ask(client, 'READONLY'), JSON.stringify({ kind: 'simple', text: 'OK' }));
  assert.equal(await ask(client, 'GET', key), JSON.stringify({ kind: 'bulk', text: value }));
  assert.deepEqual(load.errors, [], 'a full node is its own trouble');

  disked.fill(2, MARK - 8 * MIB);
  await within('a majority without room refuses', async () =>
    (await ask(client, 'SET', 'more', VALUE)).startsWith('fail: MISCONF'),
  );
  assert.match(await ask(client, 'MSET', 'a', VALUE, 'b', VALUE), /^fail: MISCONF/);
  assert.equal(await ask(client, 'GET', key), JSON.stringify({ kind: 'bulk', text: value }));
  assert.equal(await ask(client, 'DEL', key), JSON.stringify({ kind: 'integer', value: 1 }));
  load.acknowledged.delete(key);

  for (const node of [1, 2]) disked.empty(node);
  await within('writes resume by themselves', async () =>
    (await ask(client, 'SET', 'more', VALUE)).includes('OK'),
  );
  await load.progress(200);
  await load.stop();
  assert.deepEqual(unclear(load), []);
  for (const node of [1, 2, 3]) assert.ok(isAlive(cluster.pidOf(`node-${node}`)));
  await load.assertAllThere();
  assert.deepEqual(await differences(cluster.addresses, [...load.acknowledged.keys(), key, 'more']), []);
  await within('all have room', async () => {
    const low = await Promise.all([1, 2, 3].map((node) => cluster.metric(node, 'talus_disk_low')));
    return low.every((each) => each === 0);
  });
  client.close();
});

test('a snapshot that does not fit is given up, and taken when there is room', { skip }, async (context) => {
  const disked = await started(context, { TALUS_SNAPSHOT_BYTES_PER_SECOND: `${8 * MIB}` });
  const { cluster } = disked;
  const pid = cluster.pidOf('node-3');
  signal(pid, 'SIGKILL');
  await within('node-3 is dead', async () => !isAlive(pid));
  await within('the others lead all', async () => {
    const led = await Promise.all([1, 2].map((node) => cluster.metric(node, 'talus_slots_led')));
    return led[0]! + led[1]! === SLOTS;
  });
  const client = await cluster.connect(1, 60_000);
  const keys: string[] = [];
  for (let batch = 0; batch < 40; batch++) {
    const names = Array.from({ length: 100 }, (_, i) => `key:${batch}:${i}`);
    // Not to be compressed: it is the room on the disk that counts.
    await Promise.all(names.map((name) => setTo(client, name, randomBytes(7500).toString('base64'))));
    keys.push(...names);
  }
  disked.fill(3, MARK + 6 * MIB);
  cluster.startAgain('node-3');
  await within('one has failed', async () => (await cluster.metric(3, 'talus_snapshots_failed_total')) > 0);
  assert.ok((await cluster.metric(3, 'talus_keys')) < keys.length);
  assert.ok(isAlive(cluster.pidOf('node-3')));
  disked.empty(3);
  await within('node-3 holds all', async () => (await cluster.metric(3, 'talus_keys')) === keys.length);
  assert.deepEqual(await differences(cluster.addresses, keys), []);
  client.close();
});

test('a disk that fails stops its node with the reason, and nothing is tried again', {
  skip,
}, async (context) => {
  const disked = await started(context);
  const { cluster } = disked;
  const load = new Load(cluster.port, 'load', { clients: 4, commands: 20, pauseMs: 0 });
  await load.progress(100);
  const pid = cluster.pidOf('node-2');
  disked.disks.cut([2]);
  await within('node-2 has stopped', async () => !isAlive(pid));
  await within('it said why', async () => /node-2 stops: .*(EIO|[Ii]nput\/output)/.test(cluster.output));
  await load.progress(100);
  await disked.disks.renew([2]);
  cluster.startAgain('node-2');
  await load.progress(100);
  await load.stop();
  await sleep(500);
  await load.assertAllThere();
  await within(
    'the replicas are alike',
    async () => (await differences(cluster.addresses, [...load.acknowledged.keys()])).length === 0,
  );
});
