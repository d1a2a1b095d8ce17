/**
 * `npm run bench -- profile --load set50`: where a command's time goes, node by node, under a load of the bench's own.
 *
 * The shipped build, with an agent loaded into each node (profile/agent.ts): one window for the processor, with what the nodes count
 * of themselves meanwhile (syncs, entries a batch, messages), and one for allocations. Sampling costs a little; figures of speed are
 * taken elsewhere. The raw profiles stay in `bench/out/` for Chrome's or VS Code's viewers.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { signal, waitUntil } from '../jepsen-style/processes.js';
import { packageRoot } from '../src/rpc/package-root.js';
import { fill } from './comparison.js';
import { commandsOfMix } from './load/commands.js';
import type { LoadPlan, LoadResult } from './load/plan.js';
import { runLoad } from './load/run.js';
import type { Peer, Via } from './peers/peer.js';
import { TalusServers } from './peers/talus.js';
import type { CpuWindow, HeapWindow } from './profile/agent.js';
import { type Cost, cpuCosts, heapCosts, largest } from './profile/stages.js';
import { Report, type Verdict } from './report.js';

const AGENT = new URL('./profile/agent.js', import.meta.url).href;
const KEYS = 100_000;
const WARM_SECONDS = 5;
const SETTLE_MS = 500;
const WRITTEN_MS_MAX = 30_000;
const FUNCTIONS = 25;
const COUNTERS = [
  'talus_requests_total',
  'talus_binlog_batches_total',
  'talus_binlog_records_total',
  'talus_binlog_entries_total',
  'talus_binlog_written_bytes_total',
  'talus_peer_messages_sent_total',
  'talus_peer_frames_sent_total',
  'talus_peer_sent_bytes_total',
] as const;

type Counts = Readonly<Record<(typeof COUNTERS)[number], number>>;

interface Sample {
  readonly atMs: number;
  readonly counts: Counts;
}

interface Options {
  readonly load: string;
  readonly seconds: number;
  readonly slots: number;
  readonly via: Via;
  readonly value: number;
}

export async function runProfile(args: readonly string[]): Promise<Verdict> {
  const options = optionsOf(args);
  const folder = join(packageRoot(), 'bench', 'out', `profile-${options.load}`);
  // What an earlier run left would be taken for this one's.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const environment = { NODE_OPTIONS: `--import=${AGENT}`, TALUS_PROFILE_DIR: folder };
  const leaders = options.via === 'one' ? 'one' : 'spread';
  const servers = new TalusServers({ slots: options.slots, leaders, environment });
  const report = new Report(`profile-${options.load}`);
  try {
    const peer = (await servers.peer('talus'))!;
    const plan = await planOf(options, peer);
    if (plan.mix !== 'set') await fill(peer, KEYS, plan.valueBytes);
    await runLoad({ ...plan, seconds: WARM_SECONDS });
    await profileOnce(report, servers, plan, folder);
  } finally {
    await servers.stop();
  }
  report.line(`raw profiles in ${folder}`);
  return report.finish();
}

function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      load: { type: 'string', default: 'set50' },
      seconds: { type: 'string', default: '5' },
      slots: { type: 'string', default: '16' },
      via: { type: 'string', default: 'one' },
      value: { type: 'string', default: '64' },
    },
  });
  const numbers = {
    seconds: Number(values.seconds),
    slots: Number(values.slots),
    value: Number(values.value),
  };
  return { load: values.load, via: values.via as Via, ...numbers };
}

/** `set50`, `get200`, `set50x16`: a mix, connections, and commands a write. */
async function planOf({ load, seconds, via, value }: Options, peer: Peer): Promise<LoadPlan> {
  const [, mix = '', connections, pipeline = '1'] = /^([a-z]+|\d+\/\d+)-?(\d+)(?:x(\d+))?$/.exec(load) ?? [];
  if (mix === '')
    throw new Error(`--load: ${JSON.stringify(load)} is not valid, expected set50, get200, set50x16`);
  commandsOfMix(mix);
  return {
    ...{ protocol: 'resp', mix, wait: false, keys: KEYS, valueBytes: value, warmSeconds: 1, seconds },
    targets: await peer.targets(via),
    connections: Number(connections),
    pipeline: Number(pipeline),
  };
}

async function profileOnce(
  report: Report,
  servers: TalusServers,
  plan: LoadPlan,
  folder: string,
): Promise<void> {
  const nodes = servers.cluster.addresses.map((_, at) => at + 1);
  const before = new Map<number, Sample>();
  const after = new Map<number, Sample>();
  const load = await windowOf(servers, plan, async (isBegin) => {
    for (const node of nodes) (isBegin ? before : after).set(node, await countsOf(servers, node));
  });
  report.line(
    `${plan.mix.toUpperCase()}, ${plan.connections} connections x ${plan.pipeline}: ${load.perSecond.toFixed(0)}/s`,
  );
  await windowOf(servers, plan, async () => {});
  for (const node of nodes) {
    const counts = rates(before.get(node)!, after.get(node)!);
    const cpu = await read<CpuWindow>(folder, `node-${node}-cpu`);
    const heap = await read<HeapWindow>(folder, `node-${node}-heap`);
    tellNode(report, node, cpu, heap, counts, load.perSecond);
    writeFileSync(join(folder, `node-${node}.cpuprofile`), JSON.stringify(cpu.profile));
    writeFileSync(join(folder, `node-${node}.heapprofile`), JSON.stringify(heap.profile));
  }
}

/** A load with a window inside, from its warm time's end almost to its own. */
async function windowOf(
  servers: TalusServers,
  plan: LoadPlan,
  mark: (isBegin: boolean) => Promise<void>,
): Promise<LoadResult> {
  const running = runLoad(plan);
  running.catch(() => {});
  const nodes = servers.cluster.names.filter((name) => name.startsWith('node-'));
  const toggle = (): void => {
    for (const name of nodes) signal(servers.cluster.pidOf(name), 'SIGUSR2');
  };
  await sleep(plan.warmSeconds * 1000 + SETTLE_MS);
  toggle();
  await mark(true);
  await sleep(plan.seconds * 1000 - 2 * SETTLE_MS);
  await mark(false);
  toggle();
  return running;
}

async function countsOf(servers: TalusServers, node: number): Promise<Sample> {
  const url = `http://127.0.0.1:${servers.cluster.httpPort(node)}/metrics`;
  const text = await (await fetch(url)).text();
  const read = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  const counts = Object.fromEntries(COUNTERS.map((name) => [name, read(name)])) as Counts;
  return { atMs: performance.now(), counts };
}

/** What was counted between the two, a second. */
function rates(before: Sample, after: Sample): Counts {
  const seconds = (after.atMs - before.atMs) / 1000;
  const rate = (name: keyof Counts): number => (after.counts[name] - before.counts[name]) / seconds;
  return Object.fromEntries(COUNTERS.map((name) => [name, rate(name)])) as Counts;
}

async function read<T>(folder: string, name: string): Promise<T> {
  const file = join(folder, `${name}.json`);
  if (!(await waitUntil(() => existsSync(file), WRITTEN_MS_MAX, 100)))
    throw new Error(`${file} was not written`);
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}

function tellNode(
  report: Report,
  node: number,
  cpu: CpuWindow,
  heap: HeapWindow,
  counts: Counts,
  perSecond: number,
): void {
  const { elapsedMs, lagMs } = cpu;
  const share = (ms: number): string => `${((ms / elapsedMs) * 100).toFixed(0)} %`;
  const costs = cpuCosts(cpu.profile);
  const commands = (perSecond * elapsedMs) / 1000;
  report.line(
    `\nnode-${node}: user ${share(cpu.userMs)}, system ${share(cpu.systemMs)} of a core, its threads included`,
  );
  report.line(
    `  event loop late by: p50 ${lagMs.p50.toFixed(1)}, p99 ${lagMs.p99.toFixed(1)}, p99.9 ${lagMs.p999.toFixed(1)}, max ${lagMs.max.toFixed(1)} ms (looked at every 2 ms)`,
  );
  report.line(`  collections: ${cpu.collections}, ${share(cpu.collectionMs)} of the time`);
  tellCounts(report, counts, perSecond);
  report.line('  the main thread, by stage:               share   us a command');
  const row = ({ name, amount }: Cost): string =>
    `    ${name.padEnd(36)} ${share(amount / 1000).padStart(6)} ${(amount / commands).toFixed(2).padStart(10)}`;
  for (const cost of largest(costs.stages)) report.line(row(cost));
  report.line('  by function, itself alone:');
  for (const cost of largest(costs.functions, FUNCTIONS)) report.line(row(cost));
  const allocated = heapCosts(heap.profile);
  const commandsThen = (perSecond * heap.elapsedMs) / 1000;
  report.line('  allocated, by stage:                     bytes a command');
  for (const { name, amount } of largest(allocated.stages))
    report.line(`    ${name.padEnd(36)} ${(amount / commandsThen).toFixed(0).padStart(8)}`);
  for (const { name, amount } of largest(allocated.functions, FUNCTIONS))
    report.detail(`    allocated in ${name.padEnd(40)} ${(amount / commandsThen).toFixed(0).padStart(8)}`);
}

function tellCounts(report: Report, counts: Counts, perSecond: number): void {
  const batches = counts.talus_binlog_batches_total;
  const entries = counts.talus_binlog_entries_total;
  const messages = counts.talus_peer_messages_sent_total;
  const of = (value: number, each: number): string => (value / each).toFixed(1);
  report.line(
    `  binlog: ${batches.toFixed(0)} syncs/s, ${of(entries, batches)} entries and ${of(counts.talus_binlog_written_bytes_total, batches)} bytes each, ${of(perSecond, entries)} commands an entry`,
  );
  report.line(
    `  to peers: ${messages.toFixed(0)} messages/s, ${of(counts.talus_peer_frames_sent_total, messages)} frames and ${of(counts.talus_peer_sent_bytes_total, messages)} bytes each`,
  );
}
