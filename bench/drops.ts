/**
 * `npm run bench -- drops`: how long clients wait for a write when the node that leads their slots falls silent.
 *
 * No process dies and no connection breaks: from one moment to the next all packets between the leader's node and its peers are
 * dropped, in both directions, and nobody is told. Clients write through the others. Then the network heals, the node finds its
 * way back, and the next one is cut off. The network is one of namespaces; where there can be none this is skipped.
 */
import { spawnSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { waitUntil } from '../jepsen-style/processes.js';
import { HURRIED } from '../test/cluster/gap-writer.js';
import { NamespaceCluster } from '../test/cluster/namespace-cluster.js';
import { whyNoNamespaces } from '../test/cluster/namespaces.js';
import { Gaps } from './gaps.js';
import { EXIT, Report, type Verdict } from './report.js';

const SLOTS = 16;
const MAX_MS_MAX = 4000;
const BETWEEN_DROPS_MS = 10_000;
const BACK_MS_MAX = 60_000;

export async function runDrops(args: readonly string[]): Promise<Verdict> {
  const { values } = parseArgs({
    args: [...args],
    options: { drops: { type: 'string', default: '10' }, inside: { type: 'boolean', default: false } },
  });
  if (values.inside) return measure(Number(values.drops));
  const why = whyNoNamespaces();
  if (why === undefined) return again(values.drops);
  const report = new Report('drops');
  report.skipped(`longest gap when packets are dropped: no network namespaces here (${why})`);
  return report.finish();
}

/** In a network namespace of its own, which holds all that is made in it, and goes with it. */
function again(drops: string): Verdict {
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const words = ['--net', process.execPath, main, 'drops', '--inside', '--drops', drops];
  const { status } = spawnSync('unshare', words, { stdio: 'inherit' });
  return (Object.keys(EXIT) as Verdict[]).find((verdict) => EXIT[verdict] === status) ?? 'missed';
}

async function measure(drops: number): Promise<Verdict> {
  const report = new Report('drops');
  const gaps = new Gaps(report);
  const cluster = await NamespaceCluster.start(SLOTS);
  // The names of namespaces are the machine's: they would outlive this process.
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => void cluster.stop().finally(() => process.exit(EXIT.missed)));
  }
  const lag = monitorEventLoopDelay({ resolution: 5 });
  lag.enable();
  try {
    for (let drop = 1; drop <= drops; drop++) {
      const startMs = performance.now();
      await cutOnce(cluster, gaps, `drop ${drop}`);
      await sleep(Math.max(0, BETWEEN_DROPS_MS - (performance.now() - startMs)));
    }
  } finally {
    await cluster.stop();
  }
  gaps.summarise(lag.max / 1e6);
  report.goal('longest gap of a drop, max', gaps.maxMs, MAX_MS_MAX, 'ms');
  return report.finish();
}

async function cutOnce(cluster: NamespaceCluster, gaps: Gaps, what: string): Promise<void> {
  const node = await gaps.ofOne(cluster, SLOTS, HURRIED, (victim) => cluster.network.cut(victim), what);
  cluster.network.heal();
  const isBack = await waitUntil(() => cluster.knowsLeaders(node), BACK_MS_MAX, 100);
  if (!isBack) throw new Error(`node-${node} does not find its way back in ${BACK_MS_MAX} ms`);
}
