/**
 * A node that was away for longer than the log is kept comes back by snapshots: real sockets, real LevelDB, a kill in the middle; and
 * then the others' copies are not needed any more.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signal, waitUntil } from '../../jepsen-style/processes.js';
import type { Outcome, RespClient } from '../../jepsen-style/resp-client.js';
import { TalusCluster } from './talus-cluster.js';
import { within } from './within.js';

const SLOTS = 4;
const KEYS = 1500;
const WAIT_MS_MAX = 60_000;
const DOUBTS_MAX = 5;
/** Spread over many chunks. */
const LARGE = 'large'.repeat(300_000);

/** What was on its way to a leader that was just killed is in doubt: it is asked for again. */
async function set(client: RespClient, key: string, value: string): Promise<Outcome> {
  let outcome = await client.call('SET', key, value);
  for (let again = 0; outcome.kind === 'unknown' && again < DOUBTS_MAX; again++)
    outcome = await client.call('SET', key, value);
  return outcome;
}

async function write(client: RespClient, prefix: string, count: number): Promise<void> {
  const value = 'v'.repeat(500);
  const all = Array.from({ length: count }, (_, key) => set(client, `${prefix}${key}`, `${value}${key}`));
  for (const outcome of await Promise.all(all)) assert.equal(outcome.kind, 'ok', JSON.stringify(outcome));
}

function found(text: string): object {
  return { kind: 'ok', reply: { kind: 'bulk', text } };
}

test('a node that lags beyond the kept log is brought up by snapshots, and holds everything', async (context) => {
  const cluster = await TalusCluster.start({
    args: ['--slots', `${SLOTS}`],
    environment: {
      TALUS_LOG_TAIL_BYTES: '1024',
      TALUS_CHECKPOINT_INTERVAL_MS: '100',
      TALUS_SNAPSHOT_BYTES_PER_SECOND: `${1 << 20}`,
    },
  });
  context.after(() => cluster.stop());
  const client = await cluster.connect(1);
  await write(client, 'before', 50);
  const kill = async (node: string): Promise<void> => {
    const pid = cluster.pidOf(node);
    signal(pid, 'SIGKILL');
    await waitUntil(() => !cluster.processes().includes(pid), WAIT_MS_MAX);
  };
  await kill('node-3');
  await write(client, 'while', KEYS);
  assert.equal((await client.call('SET', 'large', LARGE)).kind, 'ok');
  await within('everything to be checkpointed', async () => {
    const dirty = [
      await cluster.metric(1, 'talus_dirty_bytes'),
      await cluster.metric(2, 'talus_dirty_bytes'),
    ];
    return dirty.every((bytes) => bytes === 0);
  });
  cluster.startAgain('node-3');
  await within(
    'a transfer to be under way',
    async () => (await cluster.metric(3, 'talus_snapshots_active')) > 0,
  );
  await kill('node-3');
  await write(client, 'after', 50);
  cluster.startAgain('node-3');
  // What was installed before the kill needs no second one: it is by its keys that it is known to be back.
  const expected = 50 + KEYS + 1 + 50;
  // Of slots led elsewhere it hears of a commit a moment after the client.
  await within('node-1 to hold all keys', async () => (await cluster.metric(1, 'talus_keys')) === expected);
  await within('node-3 to hold all keys', async () => (await cluster.metric(3, 'talus_keys')) === expected);
  const installed = await cluster.metric(3, 'talus_snapshots_received_total');
  assert.ok(installed > 0, `${installed} snapshots installed`);
  client.close();
  await kill('node-1');
  const survivor = await cluster.connect(3);
  context.after(() => survivor.close());
  await within('node-3 to serve', async () => (await survivor.call('GET', 'large')).kind === 'ok');
  for (const [prefix, count] of [
    ['before', 50],
    ['while', KEYS],
    ['after', 50],
  ] as const) {
    for (let key = 0; key < count; key += 7) {
      const outcome = await survivor.call('GET', `${prefix}${key}`);
      assert.deepEqual(outcome, found(`${'v'.repeat(500)}${key}`));
    }
  }
  assert.deepEqual(await survivor.call('GET', 'large'), found(LARGE));
});
