/**
 * `npm run sim -- --seeds N [--from FIRST] [--workers W] [--short]`: random seeds, each twice, which must leave the same trace;
 * `npm run sim -- --seed S [--faults 3,7] [--clients 1] [--commands 40] [--short]`: one again with its story;
 * `npm run sim -- --seed S --shrink [--shrink-seconds N]`: the smallest run found that still fails in the same way.
 *
 * A failing one is printed with the command that plays it again; the first ones of a batch are made smaller, too.
 */
import { parseArgs } from 'node:util';
import { jobsOf, type Report, runBatch } from './batch.js';
import { SEEDS_FOR_ALL, unmet } from './coverage.js';
import { type Smaller, shrink } from './shrink.js';
import { RunFailure, type RunOptions, simulate } from './simulate.js';
import { Totals } from './totals.js';

interface Options extends RunOptions {
  readonly first: number;
  readonly count: number;
  readonly workers: number | undefined;
  readonly shrink: boolean;
  readonly shrinkSeconds: number;
}

const OPTIONS = {
  seeds: { type: 'string' },
  from: { type: 'string' },
  seed: { type: 'string' },
  workers: { type: 'string' },
  faults: { type: 'string' },
  clients: { type: 'string' },
  commands: { type: 'string' },
  short: { type: 'boolean' },
  shrink: { type: 'boolean' },
  'shrink-seconds': { type: 'string' },
} as const;

/** An empty list of faults or clients. */
const NONE = 'none';
/** Failures of a batch that are made smaller, and the time for each. */
const SHRUNK_MAX = 3;
const SHRINK_SECONDS = 40;

function optionsOf(argv: readonly string[]): Options & { readonly single: boolean } {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  const single = values.seed !== undefined;
  return {
    single,
    first: number('from', values.seed ?? values.from ?? '1'),
    count: single ? 1 : number('seeds', values.seeds ?? '100'),
    workers: values.workers === undefined ? undefined : number('workers', values.workers),
    form: values.short ? 'short' : 'long',
    shrink: values.shrink === true,
    shrinkSeconds: number('shrink-seconds', values['shrink-seconds'] ?? String(SHRINK_SECONDS)),
    ...(values.faults !== undefined && { faults: numbers('faults', values.faults) }),
    ...(values.clients !== undefined && { clients: numbers('clients', values.clients) }),
    ...(values.commands !== undefined && { commands: number('commands', values.commands) }),
  };
}

function number(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new Error(`--${name}: ${JSON.stringify(text)} is not a whole number`);
  return Number(text);
}

function numbers(name: string, list: string): number[] {
  return list === NONE ? [] : list.split(',').map((text) => number(name, text));
}

function listOf(numbers: readonly number[]): string {
  return numbers.length === 0 ? NONE : numbers.join(',');
}

/** The command that plays a run again. */
export function commandOf(seed: number, options: RunOptions): string {
  const words = ['npm run sim --', `--seed ${seed}`];
  if (options.form === 'short') words.push('--short');
  if (options.faults !== undefined) words.push(`--faults ${listOf(options.faults)}`);
  if (options.clients !== undefined) words.push(`--clients ${listOf(options.clients)}`);
  if (options.commands !== undefined) words.push(`--commands ${options.commands}`);
  return words.join(' ');
}

async function single(seed: number, options: RunOptions): Promise<number> {
  const say = (line: string): void => console.log(line);
  try {
    const first = await simulate(seed, { ...options, say });
    const second = await simulate(seed, options);
    if (first.traceHash !== second.traceHash)
      throw new Error(`two runs differ: ${first.traceHash}, ${second.traceHash}`);
    for (const line of first.faults) say(line);
    say(`seed ${seed}: ${first.events} events, ${first.virtualMs} ms, trace ${first.traceHash}, in order`);
    return 0;
  } catch (why) {
    say(`${(why as Error).stack}`);
    if (why instanceof RunFailure) say([...why.faults, (why.cause as Error).stack, why.report].join('\n'));
    say(sentenceOf(seed, (why as Error).message, options));
    return 1;
  }
}

/** Prints the smallest run found; 1 when there is one, because a failing run is a failure however small. */
async function smaller(seed: number, options: Smaller, seconds: number): Promise<number> {
  const shrunk = await shrink(seed, options, seconds);
  if (shrunk === undefined) {
    console.log(`seed ${seed} does not fail`);
    return 0;
  }
  const { options: found, report, runs } = shrunk;
  console.log(`  smaller, after ${runs} runs: ${sentenceOf(seed, report.message, found)}`);
  for (const line of report.faults) console.log(`    ${line}`);
  return 1;
}

async function many({ first, count, workers, form = 'long', shrinkSeconds }: Options): Promise<number> {
  const totals = new Totals(form);
  const failed: number[] = [];
  const startedMs = performance.now();
  const take = (report: Report): boolean => {
    totals.add(report);
    if (report.kind === 'failed') {
      failed.push(report.seed);
      console.log(sentenceOf(report.seed, report.message, { form }));
    }
    return false;
  };
  await runBatch({ jobs: jobsOf(first, count, { form }), ...(workers && { workers }), take });
  print(totals, (performance.now() - startedMs) / 1000);
  const missed = unmet(totals.counters);
  const mustMeetAll = form === 'long' && count >= SEEDS_FOR_ALL;
  if (missed.length > 0) console.log(`${mustMeetAll ? 'too little: ' : ''}never met: ${missed.join('; ')}`);
  for (const seed of failed.slice(0, SHRUNK_MAX)) await smaller(seed, { form }, shrinkSeconds);
  const enough = totals.shortcomings().length === 0 && !(mustMeetAll && missed.length > 0);
  return totals.failures === 0 && enough ? 0 : 1;
}

function print(totals: Totals, wallSeconds: number): void {
  const { user, system } = process.cpuUsage();
  for (const line of totals.lines(wallSeconds, (user + system) / 1e6)) console.log(line);
  for (const [what, times] of [...totals.counters].sort()) console.log(`  ${what.padEnd(40)} ${times}`);
  for (const line of totals.shortcomings()) console.log(`too little: ${line}`);
}

function sentenceOf(seed: number, message: string, options: RunOptions): string {
  return `seed ${seed} failed: ${firstLine(message)}    ${commandOf(seed, options)}`;
}

function firstLine(text: string): string {
  return text.split('\n')[0]!;
}

const { single: isSingle, first, ...given } = optionsOf(process.argv.slice(2));
const { workers: _, count: _1, shrink: wantsSmaller, shrinkSeconds, ...run } = given;
if (!isSingle) process.exitCode = await many({ first, ...given });
else if (wantsSmaller) process.exitCode = await smaller(first, run, shrinkSeconds);
else process.exitCode = await single(first, run);
