/**
 * `drop`: a key with 10 million members is deleted, and what the other clients feel of it until its pages are gone.
 *
 * The others ask at a fixed pace, on every slot, that of the large key included. The members are added in the order in which a set
 * keeps them, because that is quick; the key is the same. Redis deletes it in one go, in its only thread.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../jepsen-style/processes.js';
import { hash32 } from '../src/slot/keys.js';
import { BenchCluster } from './bench-cluster.js';
import { untilQuiet } from './cpu.js';
import { OTHERS_PER_SECOND, Others, type OthersFigures, othersLine } from './others.js';
import { PeerRedis } from './peer-redis.js';
import { command, errorsOf, type PipelinedClient } from './pipeline.js';
import { quantileOfCounts } from './probes.js';
import type { StorageBench } from './storage.js';

const MEMBERS = 10_000_000;
const SLOTS = 16;
const KEY = 'large';
const MEMBERS_A_COMMAND = 1000;
const COMMANDS_OUT = 8;
const BEFORE_MS = 10_000;
const RECLAIMED_MS_MAX = 600_000;
const POLL_MS = 200;
const OTHERS_P99_MS_MAX = 20;
const CONNECTIONS = 9;
/** Of Redis, which may be writing its log anew. */
const QUIET_LOOK_MS = 2000;
const QUIET_MS_MAX = 60_000;

interface Dropped {
  readonly before: OthersFigures;
  readonly during: OthersFigures;
  readonly answeredMs: number;
  readonly goneMs: number;
  readonly loopP999Ms: number | undefined;
}

export async function runDrop(bench: StorageBench): Promise<void> {
  const members = Math.round(MEMBERS * bench.scale);
  const { report } = bench;
  const ours = await ofTalus(bench, members);
  const theirs = await ofRedis(members);
  report.line(`others before ${othersLine(ours.before)}; redis ${othersLine(theirs.before)}`);
  report.line(
    `DEL answered after ${ours.answeredMs.toFixed(1)} ms, pages gone after ${(ours.goneMs / 1000).toFixed(1)} s; redis ${theirs.answeredMs.toFixed(0)} ms`,
  );
  report.line(`others meanwhile ${othersLine(ours.during)}; redis ${othersLine(theirs.during)}`);
  report.line(`event loop p99.9 meanwhile ${ours.loopP999Ms} ms`);
  report.goal("other clients' p99 until the pages are gone", ours.during.p99Ms, OTHERS_P99_MS_MAX, 'ms');
  const row = (name: string, { before, during, answeredMs, goneMs }: Dropped): string[] => [
    name,
    answeredMs.toFixed(1),
    (goneMs / 1000).toFixed(1),
    before.p99Ms.toFixed(1),
    during.p99Ms.toFixed(1),
    during.maxMs.toFixed(0),
  ];
  bench.save(
    [
      `a set of ${members} members; others: ${OTHERS_PER_SECOND} requests/s, half GET, half SET, counted from when they were due`,
      `3 replicas on 3 nodes, ${SLOTS} slots, pool-bytes by default; "gone": no replica has pages left to remove`,
    ],
    ['server', 'DEL ms', 'gone after s', "others' p99 before ms", "others' p99 meanwhile ms", 'max ms'],
    [row('talus', ours), row('redis-server', theirs)],
  );
}

async function ofTalus(bench: StorageBench, members: number): Promise<Dropped> {
  const cluster = await BenchCluster.start({ slots: SLOTS, environment: {} });
  try {
    const client = await cluster.client(cluster.leaderOf(KEY));
    const startMs = performance.now();
    await build(client, members);
    bench.report.line(`built in ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
    await cluster.written();
    const isGone = async (): Promise<boolean> => {
      const left = await Promise.all(
        cluster.nodes.map((node) => cluster.talus.metric(node, 'talus_reclaiming')),
      );
      return left.every((count) => count === 0);
    };
    const clients = await Promise.all(
      Array.from({ length: CONNECTIONS }, (_, at) => cluster.client(1 + (at % cluster.nodes.length))),
    );
    await cluster.probeAll();
    const dropped = await drop(client, clients, isGone, async () => {
      await cluster.probeAll();
    });
    const probes = await cluster.probeAll();
    client.close();
    return {
      ...dropped,
      loopP999Ms: Math.max(...probes.map(({ delays }) => quantileOfCounts(delays, 0.999))),
    };
  } finally {
    await cluster.stop();
  }
}

async function ofRedis(members: number): Promise<Dropped> {
  const peer = await PeerRedis.start();
  try {
    const client = await peer.client();
    await build(client, members);
    await untilQuiet([peer.pid], QUIET_LOOK_MS, QUIET_MS_MAX);
    const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => peer.client()));
    const dropped = await drop(
      client,
      clients,
      async () => true,
      async () => {},
    );
    client.close();
    return { ...dropped, loopP999Ms: undefined };
  } finally {
    await peer.stop();
  }
}

async function drop(
  client: PipelinedClient,
  clients: readonly PipelinedClient[],
  isGone: () => Promise<boolean>,
  begins: () => Promise<void>,
): Promise<Omit<Dropped, 'loopP999Ms'>> {
  const others = new Others(clients);
  // The first requests find everything cold: connections, code, keys.
  await sleep(BEFORE_MS / 2);
  others.take();
  await sleep(BEFORE_MS);
  const before = others.take();
  await begins();
  const startMs = performance.now();
  const answeredMs = await client.send(command('DEL', KEY));
  // Not before the checkpoint that names the pages as garbage.
  await sleep(BEFORE_MS / 10);
  if (!(await waitUntil(isGone, RECLAIMED_MS_MAX, POLL_MS)))
    throw new Error('pages are left of a key that is gone');
  const goneMs = performance.now() - startMs;
  await sleep(BEFORE_MS / 10);
  const during = others.take();
  await others.stop();
  return { before, during, answeredMs, goneMs };
}

async function build(client: PipelinedClient, members: number): Promise<void> {
  const order = inHashOrder(members);
  let at = 0;
  await client.run(COMMANDS_OUT, () => {
    if (at >= members) return undefined;
    const some = order.subarray(at, at + MEMBERS_A_COMMAND);
    at += some.length;
    return command('SADD', KEY, ...Array.from(some, (packed) => memberOf(packed % MEMBERS_MAX)));
  });
  const errors = errorsOf([client]);
  if (errors !== '') throw new Error(`SADD: ${errors}`);
}

/** Above any number of members: the number and the greater part of the hash fit a double together. */
const MEMBERS_MAX = 2 ** 24;
const HASH_SHARE = 2 ** 4;

const memberOf = (number: number): string => `member:${number}`;

/** Each member's number below its hash. */
function inHashOrder(members: number): Float64Array {
  const packed = new Float64Array(members);
  for (let number = 0; number < members; number++) {
    const hash = Math.floor(hash32(Buffer.from(memberOf(number))) / HASH_SHARE);
    packed[number] = hash * MEMBERS_MAX + number;
  }
  return packed.sort();
}
