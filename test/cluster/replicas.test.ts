/**
 * A table goes from three replicas to five and back while clients work: nobody notices, nothing is lost, and what was removed is
 * gone from the disks.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../jepsen-style/processes.js';
import { keyWithoutState, metaKey, nodeAreaRange, stateRange } from '../../src/slot/keys.js';
import type { Engine, EngineRange } from '../../src/storage/engine.js';
import { openLevelEngine } from '../../src/storage/level-engine.js';
import { Balancer } from './balancer.js';
import { BUSY, Load } from './load.js';
import { run } from './processes.js';
import { TALUS, TalusCluster } from './talus-cluster.js';

const NODES = [1, 2, 3, 4, 5];
const SLOTS = 16;
/** Replicas go, and what they held is cleared, some time after the members are as wished. */
const GONE_MS_MAX = 60_000;
/** Beyond a few checkpoints and the clearing of what they left behind. */
const IDLE_MS = 5000;

let cluster: TalusCluster;
let balancer: Balancer;

before(async () => {
  cluster = await TalusCluster.start({ nodes: NODES.length, args: ['--replicas', '3'] });
  const backends = NODES.map((node) => ({ port: cluster.port + node - 1, httpPort: cluster.httpPort(node) }));
  balancer = await Balancer.start(backends);
});

after(async () => {
  balancer?.close();
  await cluster?.stop();
});

async function changeTo(replicas: number): Promise<void> {
  const words = ['table', 'replicas', 'default', `${replicas}`, '--wait', '--timeout', '120'];
  const { code, stdout, stderr } = await run(process.execPath, [TALUS, ...words, '--pm', cluster.pmAddress]);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, new RegExp(`${replicas} replicas wished, every slot has them`));
}

async function replicasOfNodes(): Promise<readonly number[]> {
  return Promise.all(NODES.map((node) => cluster.metric(node, 'talus_replicas')));
}

test('from three to five and back, twice, under load, without a client error', async () => {
  const load = new Load(balancer.port, 'grow', BUSY);
  await load.progress(500);
  for (const _ of [1, 2]) {
    await changeTo(5);
    assert.deepEqual(
      await replicasOfNodes(),
      NODES.map(() => SLOTS),
    );
    await load.progress(500);
    await changeTo(3);
    await load.progress(500);
  }
  await load.stop();
  assert.deepEqual(load.errors, []);
  await load.assertAllThere();
  const isGone = await waitUntil(async () => sum(await replicasOfNodes()) === 3 * SLOTS, GONE_MS_MAX);
  assert.ok(isGone, `replicas: ${await replicasOfNodes()}`);
  const held = await replicasOfNodes();
  assert.ok(Math.max(...held) - Math.min(...held) <= 1, `even: ${held}`);
});

test('what is on the disks then is three equal copies of each slot, and nothing else', async () => {
  const held = await replicasOfNodes();
  await sleep(IDLE_MS);
  cluster.interrupt();
  await cluster.launcherExit();
  const copies = new Map<string, number>();
  for (const node of NODES) {
    const engine = await openLevelEngine(join(cluster.dataDir, `node-${node}`, 'engine'));
    const stateIds = (await read(engine, nodeAreaRange('state'))).map(([, value]) => value.readUInt32BE());
    assert.equal(stateIds.length, held[node - 1], 'a state for each replica');
    const everything = { from: stateRange(1).from, to: Buffer.alloc(5, 0xff) };
    const strange = (await read(engine, everything)).filter(
      ([key]) => !stateIds.includes(key.readUInt32BE()),
    );
    assert.equal(strange.length, 0, 'no row of a state that no replica has');
    for (const stateId of stateIds) {
      const digest = await digestOf(engine, stateId);
      copies.set(digest, (copies.get(digest) ?? 0) + 1);
    }
    await engine.close();
  }
  assert.equal(sum([...copies.values()]), 3 * SLOTS);
  assert.ok(
    [...copies.values()].every((count) => count % 3 === 0),
    `${[...copies.values()]}`,
  );
});

async function digestOf(engine: Engine, stateId: number): Promise<string> {
  const hash = createHash('sha1');
  for (const [key, value] of await read(engine, stateRange(stateId))) {
    // How far it got, and when, is each replica's own affair.
    if (!key.equals(metaKey(stateId))) hash.update(keyWithoutState(key)).update(value);
  }
  return hash.digest('hex');
}

async function read(engine: Engine, range: EngineRange): Promise<(readonly [Buffer, Buffer])[]> {
  const cursor = engine.iterate(range);
  const rows: (readonly [Buffer, Buffer])[] = [];
  for (let page = await cursor.next(1000); page.length > 0; page = await cursor.next(1000))
    rows.push(...page);
  await cursor.close();
  return rows;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
