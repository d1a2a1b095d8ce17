/**
 * `npm run bench -- quiet`: full load and no faults, and nobody is elected.
 *
 * `redis-benchmark` with 50 connections, plain and pipelined, GET and SET in turn, through each node in turn, for ten minutes. The
 * terms of all slots must be those of the beginning: a leader that is too busy to be heard would be replaced. How long the nodes'
 * event loops stood still says how near they came.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { settledLeaders } from '../test/cluster/leaders.js';
import { run } from '../test/cluster/processes.js';
import { TALUS, TalusCluster } from '../test/cluster/talus-cluster.js';
import { type Load, requestsPerSecond } from './redis-benchmark.js';
import { quantile, Report, type Verdict } from './report.js';

const LOADS: readonly Load[] = [
  { name: 'SET, 50 connections', command: 'set', clients: 50, pipeline: 1, requests: 20_000 },
  { name: 'GET, 50 connections', command: 'get', clients: 50, pipeline: 1, requests: 40_000 },
  { name: 'SET, 50 x 16 pipelined', command: 'set', clients: 50, pipeline: 16, requests: 80_000 },
  { name: 'GET, 50 x 16 pipelined', command: 'get', clients: 50, pipeline: 16, requests: 150_000 },
];
const LAG_METRIC = 'nodejs_eventloop_lag_max_seconds';
const SLOTS = 16;
const NODES = [1, 2, 3];
/** PM lets a leader rest for ten seconds, and looks every second. */
const RESTING_MS = 15_000;

export async function runQuiet(args: readonly string[]): Promise<Verdict> {
  const { values } = parseArgs({ args: [...args], options: { minutes: { type: 'string', default: '10' } } });
  const report = new Report('quiet');
  const cluster = await TalusCluster.start({ args: ['--slots', `${SLOTS}`] });
  try {
    await settledLeaders(cluster.addresses[0]!, SLOTS);
    const before = await restingTerms(cluster);
    await Promise.all(NODES.map((node) => cluster.metric(node, LAG_METRIC)));
    const lagsMs = await load(cluster, report, Number(values.minutes) * 60_000);
    const after = await terms(cluster);
    const moved = before.filter((term, slot) => after[slot] !== term).length;
    report.line(`longest stand-still of an event loop: ${lagsMs.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    report.detail(`terms before ${before.join(' ')}\nterms after  ${after.join(' ')}`);
    report.holds(
      `${moved} of ${before.length} slots had an election in ${values.minutes} minutes`,
      moved === 0,
    );
  } finally {
    await cluster.stop();
  }
  return report.finish();
}

/** The longest stand-still of each node's event loop, by its own metric, which starts afresh each time it is read. */
async function load(cluster: TalusCluster, report: Report, forMs: number): Promise<number[]> {
  const lagsMs = NODES.map(() => 0);
  const rates = LOADS.map((): number[] => []);
  const endMs = performance.now() + forMs;
  for (let turn = 0; performance.now() < endMs; turn++) {
    const kind = turn % LOADS.length;
    const node = NODES[Math.floor(turn / LOADS.length) % NODES.length]!;
    rates[kind]!.push(await requestsPerSecond(LOADS[kind]!, cluster.port + node - 1));
    for (const [at, one] of NODES.entries()) {
      lagsMs[at] = Math.max(lagsMs[at]!, (await cluster.metric(one, LAG_METRIC)) * 1000);
    }
  }
  for (const [at, { name }] of LOADS.entries()) {
    const measured = rates[at]!;
    if (measured.length === 0) report.skipped(`${name}: the time was over before its turn came`);
    else
      report.line(`${name.padEnd(24)} ${quantile(measured, 0.5).toFixed(0)}/s, median of ${measured.length}`);
  }
  return lagsMs;
}

/** PM spreads the leaders once they have led for ten seconds; that is no election that a load has caused. */
async function restingTerms(cluster: TalusCluster): Promise<number[]> {
  for (let before = await terms(cluster); ; ) {
    await sleep(RESTING_MS);
    const after = await terms(cluster);
    if (after.join() === before.join()) return after;
    before = after;
  }
}

async function terms(cluster: TalusCluster): Promise<number[]> {
  const outcome = await run(process.execPath, [TALUS, 'status', '--json', '--pm', cluster.pmAddress]);
  if (outcome.code !== 0) throw new Error(outcome.stderr);
  const status = JSON.parse(outcome.stdout) as {
    readonly tables: readonly { readonly slots: readonly { readonly term: number }[] }[];
  };
  return status.tables[0]!.slots.map(({ term }) => term);
}
