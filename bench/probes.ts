/**
 * The other end of loop-probe.ts: the environment that takes it into node processes, and what it says, as quantiles.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signal, waitUntil } from '../jepsen-style/processes.js';
import type { ProbeDump } from './loop-probe.js';

const ANSWER_MS_MAX = 30_000;

export class Probes {
  constructor(private readonly folder: string) {
    process.once('exit', () => this.remove());
  }

  get environment(): Readonly<Record<string, string>> {
    const module = fileURLToPath(new URL('./loop-probe.js', import.meta.url));
    const given = process.env.NODE_OPTIONS ?? '';
    return { TALUS_PROBE: this.folder, NODE_OPTIONS: `${given} --import file://${module}`.trim() };
  }

  /** What the process has counted since it was last asked. */
  async read(pid: number): Promise<ProbeDump> {
    const before = this.last(pid)?.sequence ?? 0;
    signal(pid, 'SIGUSR2');
    const isThere = await waitUntil(() => (this.last(pid)?.sequence ?? 0) > before, ANSWER_MS_MAX);
    if (!isThere) throw new Error(`process ${pid} says nothing of its event loop`);
    return this.last(pid)!;
  }

  /** When nobody writes any more. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private last(pid: number): ProbeDump | undefined {
    try {
      return JSON.parse(readFileSync(join(this.folder, `${pid}.json`), 'utf8')) as ProbeDump;
    } catch {
      return undefined;
    }
  }
}

/** Counts of several processes as those of one. */
export function mergedCounts(
  all: readonly (Readonly<Record<string, number>> | undefined)[],
): Readonly<Record<string, number>> {
  const sum = new Map<string, number>();
  for (const counts of all) {
    for (const [value, count] of Object.entries(counts ?? {})) sum.set(value, (sum.get(value) ?? 0) + count);
  }
  return Object.fromEntries(sum);
}

/** The value below which `share` of all counts lie: the upper end of its step. */
export function quantileOfCounts(
  counts: Readonly<Record<string, number>> | undefined,
  share: number,
): number {
  const sorted = Object.entries(counts ?? {})
    .map(([value, count]) => [Number(value), count] as const)
    .sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [value, count] of sorted) {
    seen += count;
    if (seen >= total * share) return value + 1;
  }
  return Number.NaN;
}
