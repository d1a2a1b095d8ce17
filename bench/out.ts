/**
 * What a run leaves for later: one JSON file below `bench/out/`, with all its rounds and the machine they ran on.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/rpc/package-root.js';
import type { Comparison } from './comparison.js';
import { machine } from './report.js';

export interface Run {
  readonly what: string;
  readonly at: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly options: object;
  readonly comparisons: readonly Comparison[];
  /** Peers that could not be measured, and why. */
  readonly skipped: readonly string[];
}

const FOLDER = join(packageRoot(), 'bench', 'out');

/** Answers the file. */
export function writeRun(run: Omit<Run, 'at' | 'machine' | 'versions'>): string {
  const at = new Date().toISOString();
  mkdirSync(FOLDER, { recursive: true });
  const file = join(FOLDER, `${run.what}-${at.replace(/[:.]/g, '-')}.json`);
  const whole: Run = { ...run, at, machine: machine(), versions: versions() };
  writeFileSync(file, `${JSON.stringify(whole, undefined, 1)}\n`);
  return file;
}

/** The newest of its kind; undefined where there is none. */
export function newestRun(what: string): Run | undefined {
  let names: string[];
  try {
    names = readdirSync(FOLDER);
  } catch {
    return undefined;
  }
  // The names sort by time.
  const newest = names
    .filter((name) => name.startsWith(`${what}-`))
    .sort()
    .at(-1);
  return newest === undefined ? undefined : readRun(join(FOLDER, newest));
}

export function readRun(file: string): Run {
  return JSON.parse(readFileSync(file, 'utf8')) as Run;
}

function versions(): Record<string, string> {
  const first = (program: string, ...args: readonly string[]): string => {
    try {
      return execFileSync(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
        .toString()
        .split('\n')[0]!;
    } catch {
      return 'not here';
    }
  };
  return {
    talus: first('git', '-C', packageRoot(), 'describe', '--always', '--dirty'),
    node: process.version,
    redis: /v=(\S+)/.exec(first('redis-server', '--version'))?.[1] ?? 'not here',
    etcd: first('etcd', '--version').replace('etcd Version: ', ''),
  };
}
