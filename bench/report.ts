/**
 * What a measurement says: its figures on the screen and in `.out/<name>.txt` (BENCH_OUT names another folder), its goals at the end, one line each, and all of it
 * once more in the exit code: 0 every goal met, 1 one missed, 2 nothing shown.
 *
 * What could not run is SKIPPED with its reason, and is never taken for a goal that was met.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../src/rpc/package-root.js';

export const EXIT = { met: 0, missed: 1, skipped: 2 } as const;
export type Verdict = keyof typeof EXIT;

export class Report {
  readonly file: string;
  readonly goals: { readonly verdict: Verdict; readonly text: string }[] = [];

  constructor(readonly name: string) {
    const folder = process.env.BENCH_OUT ?? join(packageRoot(), '.out');
    mkdirSync(folder, { recursive: true });
    this.file = join(folder, `${name}.txt`);
    writeFileSync(this.file, '');
    this.line(`${name}: ${machine()}`);
  }

  line(text: string): void {
    console.log(text);
    this.detail(text);
  }

  /** For the file only. */
  detail(text: string): void {
    appendFileSync(this.file, `${text}\n`);
  }

  goal(what: string, value: number, limit: number, unit: string): void {
    const digits = Number.isInteger(limit) && limit >= 10 ? 0 : 1;
    const shown = `${value.toFixed(digits)} ${unit}, goal below ${limit} ${unit}`;
    this.goals.push({ verdict: value < limit ? 'met' : 'missed', text: `${what}: ${shown}` });
  }

  /** At least `least`; `aim` is what it should be in the end, and is told beside. */
  ratioAtLeast(what: string, value: number, least: number, aim: number): void {
    const shown = `${value.toFixed(2)}x, goal at least ${least}x${aim > least ? `, aim ${aim}x` : ''}`;
    this.goals.push({ verdict: value >= least ? 'met' : 'missed', text: `${what}: ${shown}` });
  }

  atLeast(what: string, value: number, limit: number, unit: string): void {
    const shown = `${value.toFixed(0)} ${unit}, goal at least ${limit} ${unit}`;
    this.goals.push({ verdict: value >= limit ? 'met' : 'missed', text: `${what}: ${shown}` });
  }

  /** A goal without a number. */
  holds(what: string, isSo: boolean): void {
    this.goals.push({ verdict: isSo ? 'met' : 'missed', text: what });
  }

  skipped(why: string): void {
    this.goals.push({ verdict: 'skipped', text: why });
  }

  /** Prints the goals and says how they went, all in all. */
  finish(): Verdict {
    for (const { verdict, text } of this.goals) this.line(`${verdict.toUpperCase().padEnd(8)}${text}`);
    if (this.goals.some(({ verdict }) => verdict === 'missed')) return 'missed';
    return this.goals.every(({ verdict }) => verdict === 'met') ? 'met' : 'skipped';
  }
}

export function machine(): string {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} x ${cpus()[0]?.model}, ${memory}, Node ${process.version}`;
}

/** `share` 0.5 is the median; the higher of two where it falls between them. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function distribution(values: readonly number[], unit: string): string {
  const at = (share: number): string => quantile(values, share).toFixed(0);
  return `p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, max ${at(1)} ${unit} (${values.length})`;
}
