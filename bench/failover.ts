/**
 * `npm run bench -- failover`: how long clients wait for a write when the node that leads their slots is killed.
 *
 * Writers keep every slot busy through the nodes that will survive. Again and again the node that leads most is killed with
 * SIGKILL, and for each slot that it led the longest time between two acknowledged writes around the kill is noted; then it is
 * started again, and the next kill waits until it is back.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { signal, waitUntil } from '../jepsen-style/processes.js';
import { HURRIED, type WriterHabits } from '../test/cluster/gap-writer.js';
import { TalusCluster } from '../test/cluster/talus-cluster.js';
import { Gaps } from './gaps.js';
import { Report, type Verdict } from './report.js';

const SLOTS = 16;
const P50_MS_MAX = 500;
const MAX_MS_MAX = 1500;
const BETWEEN_KILLS_MS = 10_000;
const BACK_MS_MAX = 60_000;

export async function runFailover(args: readonly string[]): Promise<Verdict> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: 'string', default: '20' },
      writers: { type: 'string', default: `${HURRIED.writers}` },
      'pause-ms': { type: 'string', default: `${HURRIED.pauseMs}` },
    },
  });
  const habits = { ...HURRIED, writers: Number(values.writers), pauseMs: Number(values['pause-ms']) };
  const cluster = await TalusCluster.start({ args: ['--slots', `${SLOTS}`] });
  const report = new Report('failover');
  const gaps = new Gaps(report);
  const lag = monitorEventLoopDelay({ resolution: 5 });
  lag.enable();
  try {
    for (let kill = 1; kill <= Number(values.kills); kill++) {
      const startMs = performance.now();
      await killOnce(cluster, gaps, habits, `kill ${kill}`);
      await sleep(Math.max(0, BETWEEN_KILLS_MS - (performance.now() - startMs)));
    }
  } finally {
    await cluster.stop();
  }
  gaps.summarise(lag.max / 1e6);
  report.goal('longest gap of a kill, p50', gaps.p50Ms, P50_MS_MAX, 'ms');
  report.goal('longest gap of a kill, max', gaps.maxMs, MAX_MS_MAX, 'ms');
  return report.finish();
}

async function killOnce(
  cluster: TalusCluster,
  gaps: Gaps,
  habits: WriterHabits,
  what: string,
): Promise<void> {
  const kill = (node: number): void => void signal(cluster.pidOf(`node-${node}`), 'SIGKILL');
  const node = await gaps.ofOne(cluster, SLOTS, habits, kill, what);
  cluster.startAgain(`node-${node}`);
  const isBack = await waitUntil(() => cluster.isReady(node), BACK_MS_MAX, 50);
  if (!isBack) throw new Error(`node-${node} is not back after ${BACK_MS_MAX} ms`);
}
