/**
 * `npm run bench -- reads`: GET by lease beside GET by read index.
 *
 * Two clusters alike but for the setting `reads`, side by side, one loaded at a time and in turn: what the machine does meanwhile
 * then falls on both. What counts is the ratio of the medians.
 */
import { parseArgs } from 'node:util';
import { run } from '../test/cluster/processes.js';
import { TALUS, TalusCluster } from '../test/cluster/talus-cluster.js';
import { type Load, requestsPerSecond } from './redis-benchmark.js';
import { quantile, Report, type Verdict } from './report.js';

const LOADS: readonly Load[] = [
  { name: 'GET, 1 connection', command: 'get', clients: 1, pipeline: 1, requests: 4_000 },
  { name: 'GET, 50 connections', command: 'get', clients: 50, pipeline: 1, requests: 100_000 },
  { name: 'GET, 50 x 16 pipelined', command: 'get', clients: 50, pipeline: 16, requests: 400_000 },
];
const FILL: Load = { name: 'fill', command: 'set', clients: 50, pipeline: 16, requests: 100_000 };

export async function runReads(args: readonly string[]): Promise<Verdict> {
  const { values } = parseArgs({ args: [...args], options: { rounds: { type: 'string', default: '5' } } });
  const report = new Report('reads');
  const hasSetting = / --reads /.test((await run(process.execPath, [TALUS, 'node', '--help'])).stdout);
  if (!hasSetting) report.line('this node has no setting reads: by index only');
  const clusters: TalusCluster[] = [];
  try {
    for (const reads of hasSetting ? ['index', 'lease'] : ['index']) {
      clusters.push(await TalusCluster.start({ environment: { TALUS_READS: reads } }));
    }
    for (const cluster of clusters) await requestsPerSecond(FILL, cluster.port);
    for (const load of LOADS) await compare(report, load, clusters, Number(values.rounds));
  } finally {
    for (const cluster of clusters) await cluster.stop();
  }
  if (hasSetting) report.holds('GET by lease was measured beside GET by index', true);
  else report.skipped('GET by lease: there is no such setting yet');
  return report.finish();
}

async function compare(
  report: Report,
  load: Load,
  clusters: readonly TalusCluster[],
  rounds: number,
): Promise<void> {
  const rates = clusters.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, { port }] of clusters.entries()) rates[at]!.push(await requestsPerSecond(load, port));
  }
  const [index, lease] = rates.map((list) => quantile(list, 0.5));
  const byLease =
    lease === undefined ? '' : `, by lease ${lease.toFixed(0)}/s, ratio ${(lease / index!).toFixed(2)}`;
  report.line(`${load.name.padEnd(24)} by index ${index!.toFixed(0)}/s${byLease}`);
  report.detail(
    `  rounds: ${rates.map((list) => list.map((rate) => rate.toFixed(0)).join(' ')).join(' | ')}`,
  );
}
