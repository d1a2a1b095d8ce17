/**
 * `npm run sim -- --seeds N [--from FIRST] [--workers W] [--short]`: random seeds, each twice, which must leave the same trace;
 * `npm run sim -- --seed S [--faults 3,7] [--clients 1] [--commands 40] [--short]`: one again with its story.
 *
 * A failing one is printed with the command that plays it again.
 */
import { parseArgs } from 'node:util';
import { jobsOf, type Report, runBatch } from './batch.js';
import { RunFailure, type RunOptions, simulate } from './simulate.js';
import { Totals } from './totals.js';

interface Options extends RunOptions {
  readonly first: number;
  readonly count: number;
  readonly workers: number | undefined;
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
} as const;

function optionsOf(argv: readonly string[]): Options & { readonly single: boolean } {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  const single = values.seed !== undefined;
  return {
    single,
    first: number('from', values.seed ?? values.from ?? '1'),
    count: single ? 1 : number('seeds', values.seeds ?? '100'),
    workers: values.workers === undefined ? undefined : number('workers', values.workers),
    form: values.short ? 'short' : 'long',
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
  return list.split(',').flatMap((text) => (text === '' ? [] : [number(name, text)]));
}

/** The command that plays a run again. */
export function commandOf(seed: number, options: RunOptions): string {
  const words = ['npm run sim --', `--seed ${seed}`];
  if (options.form === 'short') words.push('--short');
  if (options.faults !== undefined) words.push(`--faults ${options.faults.join(',')}`);
  if (options.clients !== undefined) words.push(`--clients ${options.clients.join(',')}`);
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
    say(`seed ${seed} failed: ${firstLine((why as Error).message)}    ${commandOf(seed, options)}`);
    return 1;
  }
}

async function many({ first, count, workers, form = 'long' }: Options): Promise<number> {
  const totals = new Totals(form);
  const startedMs = performance.now();
  const take = (report: Report): boolean => {
    totals.add(report);
    if (report.kind === 'failed') {
      const { seed, message } = report;
      console.log(`seed ${seed} failed: ${firstLine(message)}    ${commandOf(seed, { form })}`);
    }
    return false;
  };
  await runBatch({ jobs: jobsOf(first, count, { form }), ...(workers && { workers }), take });
  const { user, system } = process.cpuUsage();
  const wallSeconds = (performance.now() - startedMs) / 1000;
  for (const line of totals.lines(wallSeconds, (user + system) / 1e6)) console.log(line);
  for (const [what, times] of [...totals.counters].sort()) console.log(`  ${what.padEnd(40)} ${times}`);
  const shortcomings = totals.shortcomings();
  for (const line of shortcomings) console.log(`too little: ${line}`);
  return totals.failures === 0 && shortcomings.length === 0 ? 0 : 1;
}

function firstLine(text: string): string {
  return text.split('\n')[0]!;
}

const { single: isSingle, ...options } = optionsOf(process.argv.slice(2));
process.exitCode = await (isSingle ? single(options.first, options) : many(options));
