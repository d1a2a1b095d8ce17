/**
 * `talus start` as its first user meets it: what it prints, the clients that then work, how it stops, and what it finds again.
 *
 * One cluster lives through the file, in order: the last tests stop it, start it on its data, and kill its launcher.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Cluster, Redis } from 'ioredis';
import { signal, waitForExit, waitUntil } from '../../jepsen-style/processes.js';
import { requireDebian } from '../conformance/require-debian.js';
import { run } from './processes.js';
import { TalusCluster } from './talus-cluster.js';

let cluster: TalusCluster;
let redisCli: string;

before(async () => {
  redisCli = requireDebian('redis-tools');
  // The launcher's own setting, beaten by its flags: in its children's environment it would put them all on one port.
  cluster = await TalusCluster.start({ environment: { TALUS_PORT: '1' } });
});

after(() => cluster?.stop());

async function cli(port: number, ...words: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await run(redisCli, ['-p', `${port}`, ...words]);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  return stdout.trim();
}

/** A plain client that hides nothing: no retry, no reconnect. */
function plainClient(node = 1): Redis {
  return new Redis(cluster.port + node - 1, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

test('it says how to connect, and is ready', () => {
  const { output, port } = cluster;
  assert.match(output, new RegExp(`redis-cli -p ${port}\\b`));
  assert.match(output, new RegExp(`redis-cli -c -p ${port + 100}\\b`));
  assert.match(output, new RegExp(`talus status --pm 127.0.0.1:${cluster.pmPort}`));
  assert.match(output, /ready\n$/);
  assert.deepEqual(cluster.pidFiles(), cluster.names);
});

test('redis-cli sets on one node and gets on another', async () => {
  assert.equal(await cli(cluster.port, 'set', 'a', '1'), 'OK');
  assert.equal(await cli(cluster.port + 1, 'get', 'a'), '1');
  assert.equal(await cli(cluster.port + 2, 'get', 'a'), '1');
});

test('redis-cli -c follows MOVED on the cluster ports', async () => {
  const redirected = await run(redisCli, ['-c', '-p', `${cluster.port + 100}`], {
    input: range(20)
      .map((i) => `set moved:${i} ${i}\nget moved:${i}\n`)
      .join(''),
  });
  const replies = redirected.stdout
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('->'));
  assert.deepEqual(
    replies,
    range(20).flatMap((i) => ['OK', `${i}`]),
  );
  const { stdout } = await run(redisCli, ['-p', `${cluster.port + 100}`], {
    input: range(20)
      .map((i) => `get moved:${i}\n`)
      .join(''),
  });
  assert.match(stdout, /^MOVED \d+ 127\.0\.0\.1:\d+$/m, 'without -c a key led elsewhere is a MOVED');
});

test('a cluster client finds all nodes from one seed', async () => {
  const client = new Cluster([{ host: '127.0.0.1', port: cluster.port + 100 }], {
    clusterRetryStrategy: () => null,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    maxRedirections: 4,
    redisOptions: { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 },
  });
  try {
    const sets = await Promise.all(range(500).map((i) => client.set(`cluster:${i}`, `value ${i}`)));
    assert.ok(sets.every((reply) => reply === 'OK'));
    const values = await Promise.all(range(500).map((i) => client.get(`cluster:${i}`)));
    assert.deepEqual(
      values,
      range(500).map((i) => `value ${i}`),
    );
    const ports = client.nodes('master').map((node) => node.options.port);
    assert.deepEqual(
      ports.sort(),
      [100, 101, 102].map((offset) => cluster.port + offset),
    );
  } finally {
    client.disconnect();
  }
});

test('a plain client: pipelines and commands over many slots', async () => {
  const client = plainClient(1);
  const other = plainClient(2);
  try {
    await client.flushall();
    assert.equal(await other.dbsize(), 0);
    const pipeline = client.pipeline();
    for (const i of range(300)) pipeline.set(`p:${i}`, i).incr(`p:${i}`);
    const replies = await pipeline.exec();
    assert.deepEqual(
      replies,
      range(300).flatMap((i) => [
        [null, 'OK'],
        [null, i + 1],
      ]),
    );
    await client.mset(Object.fromEntries(range(50).map((i) => [`m:${i}`, `${i}`])));
    assert.deepEqual(await other.mget(range(51).map((i) => `m:${i}`)), [...range(50).map(String), null]);
    assert.equal(await other.exists('m:1', 'm:2', 'm:2', 'm:none'), 3);
    assert.equal(await client.dbsize(), 350);
    assert.equal((await client.keys('m:*')).length, 50);
    assert.deepEqual(
      await scanned(other, 'p:*'),
      range(300)
        .map((i) => `p:${i}`)
        .sort(),
    );
    assert.equal(await other.del(...range(60).map((i) => `m:${i}`)), 50);
    assert.equal(await client.dbsize(), 300);
    assert.equal(await client.flushall(), 'OK');
    assert.equal(await other.dbsize(), 0);
    assert.deepEqual(await other.keys('*'), []);
  } finally {
    client.disconnect();
    other.disconnect();
  }
});

async function scanned(client: Redis, match: string): Promise<readonly string[]> {
  const found = new Set<string>();
  for await (const keys of client.scanStream({ match, count: 50 })) for (const key of keys) found.add(key);
  return [...found].sort();
}

test('keys expire, on every node alike', async () => {
  const [first, second] = [plainClient(1), plainClient(3)];
  try {
    await first.set('short', 'life', 'PX', 300);
    assert.equal(await second.set('long', 'life', 'EX', 100), 'OK');
    assert.ok((await first.ttl('long')) > 90);
    assert.equal(await second.ttl('none'), -2);
    assert.equal(await first.persist('long'), 1);
    assert.equal(await second.ttl('long'), -1);
    assert.ok(await waitUntil(async () => (await second.get('short')) === null, 30_000));
    assert.equal(await first.exists('short'), 0, 'a key seen dead stays dead');
    assert.equal(await first.dbsize(), 1);
  } finally {
    first.disconnect();
    second.disconnect();
  }
});

test('redis-benchmark runs to its end', async () => {
  const args = ['-t', 'set,get', '-n', '100000', '-c', '50', '-r', '100000', '-q'];
  const { code, stdout, stderr } = await run('redis-benchmark', ['-p', `${cluster.port}`, ...args]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stdout + stderr, /error/i);
  assert.match(stdout, /SET: [\d.]+ requests per second/);
  assert.match(stdout, /GET: [\d.]+ requests per second/);
});

test('Ctrl-C stops everything, and the next start finds the data', async () => {
  await cli(cluster.port, 'set', 'kept', 'through the night');
  cluster.interrupt();
  assert.deepEqual(await cluster.launcherExit(), { code: 0, signal: null });
  assert.deepEqual(cluster.processes(), []);
  assert.deepEqual(cluster.pidFiles(), []);
  await cluster.launch();
  assert.equal(await cli(cluster.port + 2, 'get', 'kept'), 'through the night');
});

test('a second Ctrl-C ends the launcher, and the others stop in order all the same', async () => {
  const pids = Object.values(cluster.pids());
  cluster.interrupt();
  assert.ok(await waitUntil(async () => !(await cluster.isReady(1)), 30_000, 5), 'node-1 does not stop');
  signal(cluster.launcherPid, 'SIGINT');
  for (const pid of pids) assert.ok(await waitForExit(pid, 30_000), `pid ${pid} lives on`);
  assert.deepEqual(cluster.pidFiles(), []);
  await cluster.launch();
  assert.equal(await cli(cluster.port, 'get', 'kept'), 'through the night');
});

test('when the launcher is killed its processes end by themselves', async () => {
  const pids = Object.values(cluster.pids());
  signal(cluster.launcherPid, 'SIGKILL');
  for (const pid of pids) assert.ok(await waitForExit(pid, 30_000), `pid ${pid} lives on`);
  assert.deepEqual(cluster.pidFiles(), []);
  await cluster.launch();
  assert.equal(await cli(cluster.port, 'get', 'kept'), 'through the night');
});
