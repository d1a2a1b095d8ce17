/**
 * A run of power cuts, in rounds: load, the cut in the midst of it, the nodes back, load again; then all stand still, what the round
 * wrote is read back through every node, and the replicas are compared. So a loss is told of the cut that made it.
 *
 * Older keys are looked at by samples in each round, and all of them after the last.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../src/random.js';
import type { Nemesis, Strike } from './nemesis.js';
import { differences } from './replicas.js';
import { type CheckResult, fail, pass } from './report.js';
import { readBack, type Workload, type WorkloadContext } from './workloads/workload.js';

export interface CutRun {
  readonly workload: Workload;
  readonly context: WorkloadContext;
  readonly nemesis: Nemesis;
  readonly random: Random;
  readonly print: (line: string) => void;
}

const LOAD_MS_MIN = 800;
const LOAD_MS_SPREAD = 1500;
const LOAD_AFTER_MS = 800;
/** What is still under way when the clients have ended lands, or is lost. */
const SETTLE_MS = 500;
const OLDER_KEYS_A_ROUND = 1000;

/** Every check's result; it goes on after a failed round, whose writes are still to be judged with the history. */
export async function runCuts(run: CutRun, strikes: readonly Strike[]): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  const known = new Set<string>();
  for (const [at, strike] of strikes.entries()) {
    await oneRound(run, strike);
    const keys = newKeys(run, known);
    const round = `cut ${at + 1} (${strike.kind})`;
    results.push(...(await compare(run, keys, round)));
    run.print(`${round}: ${keys.length} keys read back, replicas compared`);
  }
  results.push(...(await compare(run, [...known], 'at the end')));
  const failed = results.filter(({ verdict }) => verdict !== 'pass');
  if (failed.length > 0) return failed;
  return [
    pass('read-back', `${known.size} keys through each node, and after each of ${strikes.length} cuts`),
    pass('replicas', `alike after each of ${strikes.length} cuts, and in all keys at the end`),
  ];
}

async function oneRound({ workload, context, nemesis, random }: CutRun, strike: Strike): Promise<void> {
  let isOver = false;
  const clients = workload.drive(context, () => isOver);
  // It is awaited below; until then a failure must not end the process.
  clients.catch(() => {});
  try {
    await sleep(LOAD_MS_MIN + random.float() * LOAD_MS_SPREAD);
    await nemesis.strike(strike);
    await sleep(LOAD_AFTER_MS);
  } finally {
    isOver = true;
    await clients;
  }
  await sleep(SETTLE_MS);
}

/** Those of the round, and some older ones. */
function newKeys({ workload, random }: CutRun, known: Set<string>): string[] {
  const older = [...known];
  const keys = new Set(workload.keys().filter((key) => !known.has(key)));
  for (const key of keys) known.add(key);
  const sample = Math.min(OLDER_KEYS_A_ROUND, older.length);
  for (let i = 0; i < sample; i++) keys.add(older[random.below(older.length)]!);
  return [...keys];
}

async function compare({ context }: CutRun, keys: readonly string[], when: string): Promise<CheckResult[]> {
  const back = await readBack(context, keys);
  const found = await differences(context.nodes, keys);
  if (found.length === 0) return [back];
  return [back, fail('replicas', `${when}: replicas differ`, found.join('\n'))];
}
