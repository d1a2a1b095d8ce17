/**
 * `rank`: what is asked for by rank or by position costs as much in a million as in ten thousand, nearly.
 *
 * One client, one call at a time, at the node that leads the key's slot. Two figures of each call: the time that the server spent
 * on it (the handler's run, or the application of the whole entry, by loop-probe.ts), which the goals speak of, and the round trip
 * as the client felt it, beside PING and SET, which cost the same without any collection, and beside redis-server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchCluster } from './bench-cluster.js';
import { PeerRedis } from './peer-redis.js';
import { command, errorsOf, type PipelinedClient, type Word } from './pipeline.js';
import { mergedCounts, quantileOfCounts } from './probes.js';
import { quantile } from './report.js';
import type { StorageBench } from './storage.js';

const SMALL = 10_000;
const LARGE = 1_000_000;
const LARGE_MIN = 20_000;
const SLOTS = 16;
/** A slot's share holds the largest key, so that what is measured is warm. */
const POOL_BYTES = 4 * 2 ** 30;
const WARM_CALLS = 500;
const CALLS = 5000;
const CALLS_MIN = 500;
const ELEMENTS_A_COMMAND = 500;
const BUILDERS = 4;
const SERVER_P99_MS_MAX = 1;
const GROWTH_MAX = 3;

interface Call {
  readonly name: string;
  /** By which the server's own time is kept. */
  readonly command: string;
  words(size: number, at: number): readonly Word[];
}

const spread = (size: number, at: number): number => (at * 7919 + 13) % size;
const inTheMiddle = (size: number, at: number): number => Math.floor(size / 2) + ((at * 31) % 1000) - 500;

const CALLS_BY_RANK: readonly Call[] = [
  {
    name: 'ZADD',
    command: 'ZADD',
    words: (size, at) => ['ZADD', `z:${size}`, spread(size, at * 3) + 0.5, `member:${spread(size, at)}`],
  },
  {
    name: 'ZRANK',
    command: 'ZRANK',
    words: (size, at) => ['ZRANK', `z:${size}`, `member:${spread(size, at)}`],
  },
  {
    name: 'ZRANGE of 10 by index',
    command: 'ZRANGE',
    words: (size, at) => ['ZRANGE', `z:${size}`, spread(size, at), spread(size, at) + 9],
  },
  {
    name: 'LINDEX in the middle',
    command: 'LINDEX',
    words: (size, at) => ['LINDEX', `l:${size}`, inTheMiddle(size, at)],
  },
  {
    name: 'LRANGE of 10 in the middle',
    command: 'LRANGE',
    words: (size, at) => ['LRANGE', `l:${size}`, inTheMiddle(size, at), inTheMiddle(size, at) + 9],
  },
  { name: 'SRANDMEMBER', command: 'SRANDMEMBER', words: (size) => ['SRANDMEMBER', `s:${size}`] },
];

const REFERENCES: readonly Call[] = [
  { name: 'PING', command: 'PING', words: () => ['PING'] },
  { name: 'SET', command: 'SET', words: (size, at) => ['SET', `plain:${size}`, at] },
];

/** Where the calls go: for a cluster, to the node that leads the key. */
interface Target {
  clientOf(key: string): PipelinedClient;
  /** The server's own times of that command since they were last asked, in microseconds; undefined where it has none. */
  serverP99Us(command: string): Promise<number | undefined>;
  /** What was built is at rest. */
  settled(): Promise<void>;
}

interface Timed {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverP99Us: number | undefined;
}

export async function runRank(bench: StorageBench): Promise<void> {
  const large = Math.max(LARGE_MIN, Math.round(LARGE * bench.scale));
  const calls = Math.max(CALLS_MIN, Math.round(CALLS * bench.scale));
  const startMs = performance.now();
  const ours = await ofTalus([SMALL, large], calls);
  bench.report.line(`talus built and asked in ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  const theirs = await ofRedis([SMALL, large], calls);
  const rows: string[][] = [];
  for (const { name } of [...REFERENCES, ...CALLS_BY_RANK]) {
    const [small, big] = [ours.get(`${name} ${SMALL}`)!, ours.get(`${name} ${large}`)!];
    const peer = theirs.get(`${name} ${large}`)!;
    const [us, smallUs] = [big.serverP99Us, small.serverP99Us];
    const server = us === undefined || Number.isNaN(us) ? '-' : `${smallUs} / ${us} us`;
    const trips = `${small.p50Ms.toFixed(2)} / ${big.p50Ms.toFixed(2)}`;
    const slowTrips = `${small.p99Ms.toFixed(2)} / ${big.p99Ms.toFixed(2)}`;
    const theirTrips = `${peer.p50Ms.toFixed(2)} / ${peer.p99Ms.toFixed(2)}`;
    rows.push([name, server, trips, slowTrips, theirTrips]);
    bench.report.line(
      `${name.padEnd(26)} server p99 ${server}; round trip p50 ${trips} ms, p99 ${slowTrips} ms; redis p50 / p99 ${theirTrips} ms`,
    );
    if (us === undefined || REFERENCES.some((one) => one.name === name)) continue;
    bench.report.goal(`${name} in ${large}, p99 at the server`, us / 1000, SERVER_P99_MS_MAX, 'ms');
    bench.report.goal(`${name}: ${large} as a multiple of ${SMALL}`, us / smallUs!, GROWTH_MAX, 'times');
  }
  bench.save(
    [
      `${SMALL} / ${large} elements, warm, ${calls} calls each, one client, one at a time, at the slot's leader`,
      'at the server: the run of the handler, for a write the application of its entry; its round trip holds a sync of a majority',
      'redis-server: appendfsync always, one copy; its figures are for the larger size',
    ],
    ['call', 'p99 at the server', 'round trip p50 ms', 'round trip p99 ms', 'redis p50 / p99 ms'],
    rows,
  );
}

async function ofTalus(sizes: readonly number[], calls: number): Promise<Map<string, Timed>> {
  const environment = { TALUS_POOL_BYTES: `${POOL_BYTES}` };
  const cluster = await BenchCluster.start({ slots: SLOTS, environment });
  try {
    const clients = await cluster.clients();
    const timed = await measure(sizes, calls, clients, {
      clientOf: (key) => clients[cluster.leaderOf(key) - 1]!,
      serverP99Us: async (name) => {
        // Of all nodes: a read runs at the leader, wherever that is by now, an entry on every replica.
        const probes = await cluster.probeAll();
        return quantileOfCounts(mergedCounts(probes.map(({ runs }) => runs[name])), 0.99);
      },
      settled: () => cluster.written(),
    });
    for (const client of clients) client.close();
    return timed;
  } finally {
    await cluster.stop();
  }
}

async function ofRedis(sizes: readonly number[], calls: number): Promise<Map<string, Timed>> {
  const peer = await PeerRedis.start();
  try {
    const client = await peer.client();
    const timed = await measure(sizes, calls, [client], {
      clientOf: () => client,
      serverP99Us: async () => undefined,
      settled: () => sleep(1000),
    });
    client.close();
    return timed;
  } finally {
    await peer.stop();
  }
}

/** By `<call> <size>`. */
async function measure(
  sizes: readonly number[],
  calls: number,
  clients: readonly PipelinedClient[],
  target: Target,
): Promise<Map<string, Timed>> {
  for (const size of sizes) for (const kind of ['z', 'l', 's'] as const) await build(kind, size, target);
  await target.settled();
  const found = new Map<string, Timed>();
  for (const call of [...REFERENCES, ...CALLS_BY_RANK]) {
    for (const size of sizes) found.set(`${call.name} ${size}`, await time(call, size, calls, target));
  }
  const errors = errorsOf(clients);
  if (errors !== '') throw new Error(`calls by rank: ${errors}`);
  return found;
}

async function time(call: Call, size: number, calls: number, target: Target): Promise<Timed> {
  const key = String(call.words(size, 0)[1] ?? '');
  const client = target.clientOf(key);
  for (let at = 0; at < WARM_CALLS; at++) await client.send(command(...call.words(size, at)));
  await target.serverP99Us(call.command);
  const times: number[] = [];
  for (let at = 0; at < calls; at++) times.push(await client.send(command(...call.words(size, at))));
  const serverP99Us = await target.serverP99Us(call.command);
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), serverP99Us };
}

async function build(kind: 'z' | 'l' | 's', size: number, target: Target): Promise<void> {
  const key = `${kind}:${size}`;
  let at = 0;
  await target.clientOf(key).run(BUILDERS, () => {
    if (at >= size) return undefined;
    const numbers = Array.from({ length: Math.min(ELEMENTS_A_COMMAND, size - at) }, (_, i) => at + i);
    at += numbers.length;
    if (kind === 'z') return command('ZADD', key, ...numbers.flatMap((n) => [n, `member:${n}`]));
    if (kind === 'l') return command('RPUSH', key, ...numbers.map((n) => `element:${n}`));
    return command('SADD', key, ...numbers.map((n) => `member:${n}`));
  });
}
