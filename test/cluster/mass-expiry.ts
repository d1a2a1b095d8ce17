/**
 * Many keys that die at one moment, while clients go on: none of them is stalled or told an error, and when it is over every replica
 * counts the same keys.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../jepsen-style/processes.js';
import { BUSY, Load } from './load.js';
import type { TalusCluster } from './talus-cluster.js';

const NODES = [1, 2, 3] as const;
const PIPELINE = 1000;
const STAYING = 100;
/** Keys that are asked for when their time has come, their removal perhaps not. */
const ASKED = 500;
const SETTLE_MS_MAX = 120_000;

export interface MassExpiry {
  readonly longestGapMs: number;
  /** From the moment on until the last replica had removed the last key. */
  readonly removedAfterMs: number;
}

export async function massExpiry(cluster: TalusCluster, keys: number): Promise<MassExpiry> {
  const client = await cluster.connect(1, 60_000);
  const many = async (count: number, command: (i: number) => readonly string[]): Promise<void> => {
    for (let from = 0; from < count; from += PIPELINE) {
      const numbers = Array.from({ length: Math.min(PIPELINE, count - from) }, (_, i) => from + i);
      const outcomes = await Promise.all(numbers.map((i) => client.call(...command(i))));
      for (const outcome of outcomes) assert.equal(outcome.kind, 'ok', JSON.stringify(outcome));
    }
  };
  const beganMs = Date.now();
  await many(keys, (i) => ['SET', `goes:${i}`, `value ${i}`]);
  await many(STAYING, (i) => ['SET', `stays:${i}`, 'v']);
  // As long again, and some, so that all have their time before it comes.
  const atMs = Date.now() + 2 * (Date.now() - beganMs) + 5000;
  await many(keys, (i) => ['PEXPIREAT', `goes:${i}`, String(atMs)]);
  assert.ok(Date.now() < atMs, 'the moment came too early');
  assert.deepEqual(
    await countThrough(cluster),
    NODES.map(() => keys + STAYING),
  );

  const load = new Load(cluster.port + 1, 'load', BUSY);
  const gap = watchGap(load);
  await load.progress(200);
  await sleep(Math.max(0, atMs - Date.now()) + 50);
  const asked = Array.from({ length: ASKED }, (_, i) => `goes:${Math.floor((i * keys) / ASKED)}`);
  for (const key of asked) {
    const got = await client.call('GET', key);
    assert.deepEqual(got, { kind: 'ok', reply: { kind: 'null' } }, key);
  }
  await load.progress(200);
  const removed = await waitUntil(async () => {
    const left = await Promise.all(NODES.map((node) => cluster.metric(node, 'talus_keys')));
    const most = STAYING + load.acknowledged.size + 200;
    return left.every((count) => count <= most);
  }, SETTLE_MS_MAX);
  const removedAfterMs = Date.now() - atMs;
  assert.ok(removed, 'dead keys are not removed');
  await load.progress(200);
  const longestGapMs = gap.end();
  await load.stop();
  assert.deepEqual(load.errors, []);
  const left = STAYING + load.acknowledged.size;
  assert.deepEqual(
    await countThrough(cluster),
    NODES.map(() => left),
  );
  const alike = await waitUntil(async () => {
    const counts = await Promise.all(NODES.map((node) => cluster.metric(node, 'talus_keys')));
    return counts.every((count) => count === left);
  }, SETTLE_MS_MAX);
  assert.ok(alike, 'the replicas count alike');
  client.close();
  return { longestGapMs, removedAfterMs };
}

/** DBSIZE by each node. */
function countThrough(cluster: TalusCluster): Promise<number[]> {
  return Promise.all(
    NODES.map(async (node) => {
      const client = await cluster.connect(node, 60_000);
      const size = await client.call('DBSIZE');
      client.close();
      assert.ok(size.kind === 'ok' && size.reply.kind === 'integer', JSON.stringify(size));
      return Number(size.reply.value);
    }),
  );
}

/** The longest time in which no client got an answer. */
function watchGap(load: Load): { end(): number } {
  let longest = 0;
  let seen = load.acknowledged.size;
  let seenMs = performance.now();
  const timer = setInterval(() => {
    if (load.acknowledged.size === seen) return;
    longest = Math.max(longest, performance.now() - seenMs);
    seen = load.acknowledged.size;
    seenMs = performance.now();
  }, 5);
  return {
    end() {
      clearInterval(timer);
      return Math.round(Math.max(longest, performance.now() - seenMs));
    },
  };
}
