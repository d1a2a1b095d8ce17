/**
 * One load on several peers, in turns: a round asks each of them once, and the medians over the rounds are compared. What the machine
 * does meanwhile falls on all alike.
 *
 * All peers of a comparison get the same generator: `redis-benchmark` where it can serve every one of them, else the bench's own. The
 * servers of the others stay up and idle; a turn begins when they have gone quiet.
 */
import { cpuOf, untilQuiet } from './cpu.js';
import { commandsOfMix } from './load/commands.js';
import type { LoadPlan, LoadResult } from './load/plan.js';
import { runLoad } from './load/run.js';
import type { Peer, Via } from './peers/peer.js';
import { canServe, runByRedisBenchmark } from './redis-benchmark.js';
import { quantile } from './report.js';

export interface LoadSpec {
  readonly mix: string;
  readonly connections: number;
  readonly pipeline: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly seconds: number;
  readonly via: Via;
  readonly rate?: number | undefined;
  readonly generator: 'auto' | 'own' | 'redis-benchmark';
}

export interface Measured extends LoadResult {
  /** Of all of the peer's processes, in cores, warming up included; NaN where the system does not tell. */
  readonly serverCpu: number;
}

export interface PeerFigures {
  readonly name: string;
  readonly promise: string;
  readonly rounds: readonly Measured[];
  /** Medians. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Comparison {
  readonly load: LoadSpec;
  readonly generator: 'own' | 'redis-benchmark';
  readonly peers: readonly PeerFigures[];
}

const WARM_SECONDS = 1;
/** Of a server that has just been started: until its code is compiled and its buffers have grown. */
const FIRST_SECONDS = 5;
const FILL_CONNECTIONS = 50;
const FILL_PIPELINE = 32;
const FILL_SECONDS_MAX = 600;
const QUIET_LOOK_MS = 250;
const QUIET_MS_MAX = 10_000;

export async function compare(
  load: LoadSpec,
  peers: readonly Peer[],
  rounds: number,
  servers: readonly Peer[] = peers,
): Promise<Comparison> {
  const able = peers.filter((peer) => canDo(peer, load));
  const plans = new Map<Peer, LoadPlan>();
  for (const peer of able) plans.set(peer, await planOf(load, peer));
  const generator = generatorOf(load, [...plans.values()]);
  const results = new Map(able.map((peer) => [peer, [] as Measured[]]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of able) {
      await untilQuiet(
        servers.flatMap((one) => one.pids()),
        QUIET_LOOK_MS,
        QUIET_MS_MAX,
      );
      results.get(peer)!.push(await measure(peer, plans.get(peer)!, generator));
    }
  }
  return { load, generator, peers: able.map((peer) => figuresOf(peer, results.get(peer)!)) };
}

/** A first load that nobody counts: what is measured is a server that has been at work for a while. */
export async function warmUp(load: LoadSpec, peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) {
    if (canDo(peer, load)) await runLoad({ ...(await planOf(load, peer)), seconds: FIRST_SECONDS });
  }
}

/** Every key once, so that reads find something. */
export async function fill(peer: Peer, keys: number, valueBytes: number): Promise<void> {
  const load = { mix: 'fill', keys, valueBytes, pipeline: FILL_PIPELINE, connections: FILL_CONNECTIONS };
  const targets = (await peer.targets('one')).slice(0, 1);
  const { protocol, greeting } = peer;
  const seconds = { warmSeconds: 0, seconds: FILL_SECONDS_MAX };
  await runLoad({ ...load, ...seconds, protocol, targets, wait: false, ...(greeting && { greeting }) });
}

/** etcd knows no pipelining: its calls are streams, and `connections` counts callers. */
function canDo(peer: Peer, load: LoadSpec): boolean {
  const { knows, protocol, mix = load.mix } = peer;
  const isKnown = knows === undefined || commandsOfMix(mix).every(([command]) => knows.includes(command));
  return isKnown && (protocol === 'resp' || load.pipeline === 1);
}

async function planOf(load: LoadSpec, peer: Peer): Promise<LoadPlan> {
  const { connections, pipeline, valueBytes, keys, seconds, rate, via } = load;
  const { protocol, greeting, mix = load.mix } = peer;
  return {
    ...{ protocol, mix, connections, pipeline, valueBytes, keys, seconds, warmSeconds: WARM_SECONDS },
    targets: await peer.targets(via),
    // `redis-benchmark` can serve where nothing waits.
    wait: peer.wait && mix !== 'get',
    ...(rate === undefined ? {} : { rate }),
    ...(greeting === undefined ? {} : { greeting }),
  };
}

function generatorOf(load: LoadSpec, plans: readonly LoadPlan[]): Comparison['generator'] {
  const serves = plans.every((plan) => plan.protocol === 'resp' && canServe(plan));
  if (load.generator === 'redis-benchmark' && !serves)
    throw new Error('--generator redis-benchmark: it knows no WAIT, no etcd, no rate and one address only');
  if (load.generator !== 'auto') return load.generator;
  return serves ? 'redis-benchmark' : 'own';
}

async function measure(peer: Peer, plan: LoadPlan, generator: Comparison['generator']): Promise<Measured> {
  const pids = peer.pids();
  const startMs = performance.now();
  const before = cpuOf(pids);
  const result = await (generator === 'own' ? runLoad(plan) : runByRedisBenchmark(plan));
  const serverCpu = (cpuOf(pids) - before) / (performance.now() - startMs);
  return { ...result, serverCpu };
}

function figuresOf(peer: Peer, rounds: readonly Measured[]): PeerFigures {
  const median = (of: (one: Measured) => number): number => quantile(rounds.map(of), 0.5);
  return {
    name: peer.name,
    promise: peer.promise,
    rounds,
    perSecond: median(({ perSecond }) => perSecond),
    p50Ms: median(({ latencyMs }) => latencyMs.p50),
    p99Ms: median(({ latencyMs }) => latencyMs.p99),
  };
}

/** How fast the first is in units of the second; NaN where one was not measured. */
export function ratio({ peers }: Comparison, of: string, to: string): number {
  const rate = (name: string): number => peers.find((peer) => peer.name === name)?.perSecond ?? Number.NaN;
  return rate(of) / rate(to);
}
