/**
 * Figures as files: `bench/out/<name>.json` for whoever makes a page or a comparison of them (storage-page.ts does).
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/rpc/package-root.js';
import { machine, type Verdict } from './report.js';

export interface GoalRow {
  readonly verdict: Verdict;
  readonly text: string;
}

export interface Results {
  readonly name: string;
  readonly machine: string;
  /** UTC, by the second. */
  readonly takenAt: string;
  /** What was set, and what was measured how. */
  readonly settings: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly goals: readonly GoalRow[];
}

export function outFolder(): string {
  const folder = process.env.BENCH_OUT ?? join(packageRoot(), 'bench', 'out');
  mkdirSync(folder, { recursive: true });
  return folder;
}

export function saveResults(results: Omit<Results, 'machine' | 'takenAt'>): void {
  const takenAt = new Date().toISOString().slice(0, 19);
  const text = JSON.stringify({ machine: machine(), takenAt, ...results }, undefined, 2);
  writeFileSync(join(outFolder(), `${results.name}.json`), `${text}\n`);
}

/** undefined where that measurement left nothing. */
export function loadResults(name: string): Results | undefined {
  try {
    return JSON.parse(readFileSync(join(outFolder(), `${name}.json`), 'utf8')) as Results;
  } catch {
    return undefined;
  }
}
