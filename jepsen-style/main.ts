/**
 * `npm run jepsen`: reads the options, makes one run a workload, prints a line a check, and says it all again
 * in the exit code: 0 passed, 1 failed, 2 invalid.
 *
 * The process that records and the clients live here, in one thread: one clock, one order.
 */
import { resolve } from 'node:path';
import { whyNoDisks } from './disks.js';
import { readHistory } from './history.js';
import { OptionError, type Options, parseOptions, USAGE } from './options.js';
import { type CheckResult, EXIT_CODES, formatResult, overallVerdict } from './report.js';
import { newWorkload, Run } from './run.js';

const print = (line: string): void => console.log(line);

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, Date.now() % 1_000_000);
  if (options.help) {
    print(USAGE);
    return EXIT_CODES.pass;
  }
  const noDisks = options.nemesis === 'power' && options.check === undefined ? whyNoDisks() : undefined;
  if (noDisks !== undefined) {
    print(`SKIPPED: no disks here whose power could be cut: ${noDisks}`);
    return EXIT_CODES.invalid;
  }
  const results =
    options.check === undefined ? await runAll(options) : await judgeAgain(options, options.check);
  const verdict = overallVerdict(results);
  print(verdict === 'pass' ? 'passed' : verdict === 'fail' ? 'FAILED' : 'INVALID: nothing was shown');
  return EXIT_CODES[verdict];
}

async function runAll(options: Options): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  for (const name of options.workloads) {
    const folder = resolve(options.folder, `${stamp}-${name}-seed-${options.seed}`);
    const run = new Run(options, newWorkload(name), folder, print);
    const release = stopOnSignal(run);
    const found = await run.judge();
    release();
    printResults(found);
    if (overallVerdict(found) !== 'pass' || options.keep) print(`history, logs and data: ${folder}`);
    results.push(...found);
  }
  return results;
}

async function judgeAgain(options: Options, path: string): Promise<CheckResult[]> {
  const history = await readHistory(path);
  const isCounted = history.operations.some((operation) => operation.f === 'increment');
  const name =
    options.workloads.length === 1 ? options.workloads[0]! : isCounted ? 'set-counter' : 'register';
  const results = newWorkload(name).judge(history);
  printResults(results);
  return results;
}

function printResults(results: readonly CheckResult[]): void {
  for (const result of results) {
    print(formatResult(result));
    if (result.detail) print(result.detail.replace(/^/gm, '        '));
  }
}

/** Ctrl-C leaves no process behind; the history stays. */
function stopOnSignal(run: Run): () => void {
  const stop = (): void => {
    run.stop().finally(() => process.exit(EXIT_CODES.invalid));
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, stop);
  return () => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, stop);
  };
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof OptionError ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = EXIT_CODES.invalid;
}
