/**
 * More data than the pool holds: everything stays readable, through any node, and memory stays bounded.
 *
 * The nodes get a small pool the way an operator gives it: a line in each node.yaml, which `talus start` keeps.
 */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../jepsen-style/processes.js';
import { residentBytes } from './processes.js';
import { TalusCluster } from './talus-cluster.js';

const KEYS = 20_000;
const VALUE = 'v'.repeat(1014);
const POOL_BYTES = 4 << 20;
/** Five times what there is to hold; a node that kept everything it has ever seen would still be below. */
const RESIDENT_BYTES_MAX = 512 << 20;
const PIPELINE = 500;

let cluster: TalusCluster;

before(async () => {
  cluster = await TalusCluster.prepare();
  for (const name of ['node-1', 'node-2', 'node-3']) {
    await mkdir(join(cluster.dataDir, name), { recursive: true });
    const settings = `pool-bytes: ${POOL_BYTES}\ncheckpoint-interval-ms: 500\n`;
    await writeFile(join(cluster.dataDir, name, 'node.yaml'), settings);
  }
  await cluster.launch();
});

after(() => cluster?.stop());

const contentOf = (i: number): string => `${String(i).padStart(10, '0')}${VALUE}`;

/** Runs one command for each key, a pipeline at a time; answers how many were as expected. */
async function forEachKey(
  node: number,
  command: (i: number) => readonly string[],
  expected: (i: number) => string,
): Promise<number> {
  const client = await cluster.connect(node, 60_000);
  let good = 0;
  for (let from = 0; from < KEYS; from += PIPELINE) {
    const numbers = Array.from({ length: Math.min(PIPELINE, KEYS - from) }, (_, i) => from + i);
    const outcomes = await Promise.all(numbers.map((i) => client.call(...command(i))));
    outcomes.forEach((outcome, at) => {
      const reply = outcome.kind === 'ok' ? outcome.reply : undefined;
      if (reply !== undefined && 'text' in reply && reply.text === expected(numbers[at]!)) good++;
    });
  }
  client.close();
  return good;
}

const readAll = (node: number): Promise<number> => forEachKey(node, (i) => ['GET', `key:${i}`], contentOf);

test('all keys are readable, though the pool holds a fifth of them', async (context) => {
  const written = await forEachKey(
    1,
    (i) => ['SET', `key:${i}`, contentOf(i)],
    () => 'OK',
  );
  assert.equal(written, KEYS);
  for (const node of [1, 2, 3]) {
    const isWritten = async (): Promise<boolean> => (await cluster.metric(node, 'talus_dirty_bytes')) === 0;
    assert.ok(await waitUntil(isWritten, 60_000, 100), 'what is dirty comes to be written');
  }
  assert.equal(await readAll(2), KEYS);
  assert.equal(await readAll(3), KEYS);
  for (const node of [1, 2, 3]) {
    const bytes = residentBytes(cluster.pidOf(`node-${node}`));
    const poolBytes = await cluster.metric(node, 'talus_pool_bytes');
    context.diagnostic(`node-${node}: ${bytes >> 20} MiB resident, ${poolBytes >> 20} MiB in the pool`);
    assert.ok(bytes < RESIDENT_BYTES_MAX, `${bytes} bytes resident`);
    assert.ok(poolBytes <= POOL_BYTES, `${poolBytes} bytes in the pool`);
  }
});

test('and after a restart, from disk alone', async () => {
  cluster.interrupt();
  await cluster.launcherExit();
  await cluster.launch();
  assert.equal(await readAll(1), KEYS);
});
