/** Processor time of the servers that are measured, and the wait until they use none. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMs } from '../test/cluster/processes.js';

/** Of all of them together. */
const QUIET_CORES = 0.15;

/** In milliseconds, since they began; NaN where the system does not tell. */
export function cpuOf(pids: readonly number[]): number {
  if (!existsSync('/proc/self/stat')) return Number.NaN;
  return pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
}

/** Checkpoints, compactions, rewrites: what follows a load is not to be counted in the next. False after `msMax`. */
export async function untilQuiet(pids: readonly number[], lookMs: number, msMax: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < msMax; waitedMs += lookMs) {
    const before = cpuOf(pids);
    await sleep(lookMs);
    const cores = (cpuOf(pids) - before) / lookMs;
    if (Number.isNaN(cores) || cores < QUIET_CORES) return true;
  }
  return false;
}
