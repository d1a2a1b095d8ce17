/**
 * `install`: a node that was away for longer than the log is kept is filled by snapshots, while the leaders serve.
 *
 * Node 3 is killed, a million keys are written, little log is kept, and node 3 starts again: all of its slots are sent whole. Counted
 * from the first transfer that is under way to the moment when the node holds as many keys as the others.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, signal, waitUntil } from '../jepsen-style/processes.js';
import { BenchCluster } from './bench-cluster.js';
import { OTHERS_PER_SECOND, Others, othersLine } from './others.js';
import { command, errorsOf } from './pipeline.js';
import { quantileOfCounts } from './probes.js';
import { benchmarkKey } from './redis-benchmark.js';
import type { StorageBench } from './storage.js';

const KEYS = 1_000_000;
const VALUE_BYTES = 200;
const SLOTS = 16;
const AWAY = 3;
const KEYS_PER_SECOND_MIN = 50_000;
const LOG_TAIL_BYTES = 1 << 20;
const INSTALLED_MS_MAX = 600_000;
const POLL_MS = 20;
const DEPTH = 64;
const BEFORE_MS = 10_000;

export async function runInstall(bench: StorageBench): Promise<void> {
  const keys = Math.round(KEYS * bench.scale);
  const environment = { TALUS_LOG_TAIL_BYTES: `${LOG_TAIL_BYTES}` };
  const cluster = await BenchCluster.start({ slots: SLOTS, environment });
  try {
    await kill(cluster);
    const startMs = performance.now();
    await load(cluster, keys);
    bench.report.line(`${keys} keys loaded in ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
    await install(bench, cluster, keys);
  } finally {
    await cluster.stop();
  }
}

async function kill(cluster: BenchCluster): Promise<void> {
  const pid = cluster.pid(AWAY);
  signal(pid, 'SIGKILL');
  await waitUntil(() => !isAlive(pid), INSTALLED_MS_MAX);
}

async function load(cluster: BenchCluster, keys: number): Promise<void> {
  const client = await cluster.client(1);
  const value = 'v'.repeat(VALUE_BYTES);
  let number = 0;
  await client.run(DEPTH, () => (number < keys ? command('SET', benchmarkKey(number++), value) : undefined));
  const failed = errorsOf([client]);
  // While the dead node's slots find new leaders some may be refused: they are fewer keys, and no error of the measurement.
  if (failed !== '') process.stdout.write(`while loading: ${failed}\n`);
  client.close();
  await cluster.written([1, 2]);
}

async function install(bench: StorageBench, cluster: BenchCluster, keys: number): Promise<void> {
  const { report } = bench;
  const metric = (node: number, name: string): Promise<number> =>
    cluster.talus.metric(node, name).catch(() => Number.NaN);
  const others = new Others(await Promise.all([1, 2, 1, 2].map((node) => cluster.client(node))));
  // They add keys of their own, and then no more.
  await sleep(BEFORE_MS);
  others.take();
  await sleep(BEFORE_MS);
  const before = others.take();
  const expected = await metric(1, 'talus_keys');
  await Promise.all([1, 2].map((node) => cluster.probe(node)));
  cluster.talus.startAgain(`node-${AWAY}`);
  const isUnderWay = async (): Promise<boolean> => (await metric(AWAY, 'talus_snapshots_active')) > 0;
  if (!(await waitUntil(isUnderWay, INSTALLED_MS_MAX, POLL_MS))) throw new Error('no snapshot begins');
  const startMs = performance.now();
  others.take();
  const isFull = async (): Promise<boolean> => (await metric(AWAY, 'talus_keys')) === expected;
  if (!(await waitUntil(isFull, INSTALLED_MS_MAX, POLL_MS))) throw new Error('the node is not filled');
  const seconds = (performance.now() - startMs) / 1000;
  const during = others.take();
  const probes = await Promise.all([1, 2].map((node) => cluster.probe(node)));
  await others.stop();
  const loopMs = Math.max(...probes.map(({ delays }) => quantileOfCounts(delays, 0.999)));
  const received = await metric(AWAY, 'talus_snapshots_received_total');
  const bytes = await metric(AWAY, 'talus_snapshot_received_bytes_total');
  const rate = expected / seconds;
  report.line(
    `${expected} keys in ${seconds.toFixed(1)} s: ${rate.toFixed(0)} keys/s, ${received} snapshots, ${(bytes / seconds / 2 ** 20).toFixed(0)} MiB/s`,
  );
  report.line(`others before ${othersLine(before)}`);
  report.line(`others meanwhile ${othersLine(during)}; event loop of the senders p99.9 ${loopMs} ms`);
  report.atLeast('snapshot install', rate, KEYS_PER_SECOND_MIN, 'keys/s');
  bench.save(
    [
      `${keys} keys of ${VALUE_BYTES} bytes, ${SLOTS} slots; snapshot-bytes-per-second and -transfers-max by default (64 MiB/s, 2)`,
      `the leaders serve ${OTHERS_PER_SECOND} requests/s meanwhile`,
    ],
    [
      'keys/s',
      'MiB/s',
      'seconds',
      "others' p99 before ms",
      "others' p99 meanwhile ms",
      'event loop p99.9 ms',
    ],
    [
      [
        rate.toFixed(0),
        (bytes / seconds / 2 ** 20).toFixed(0),
        seconds.toFixed(1),
        before.p99Ms.toFixed(1),
        during.p99Ms.toFixed(1),
        `${loopMs}`,
      ],
    ],
  );
}
