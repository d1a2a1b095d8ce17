/**
 * `npm run sim -- --seeds N [--from FIRST] | --seed S`: random seeds, or one again with its story.
 *
 * Each seed runs twice and must leave the same trace. A failing one is printed with the command that plays it again.
 */
import { parseArgs } from 'node:util';
import { RunFailure, type RunResult, simulate } from './simulate.js';

interface Options {
  readonly first: number;
  readonly count: number;
  readonly loud: boolean;
}

function optionsOf(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      seed: { type: 'string' },
      quiet: { type: 'boolean' },
    },
  });
  const number = (name: 'seeds' | 'from' | 'seed', fallback: number): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    if (!/^\d{1,15}$/.test(text)) throw new Error(`--${name}: ${JSON.stringify(text)} is not a whole number`);
    return Number(text);
  };
  if (values.seed !== undefined) return { first: number('seed', 0), count: 1, loud: values.quiet !== true };
  return { first: number('from', 1), count: number('seeds', 100), loud: false };
}

async function main(argv: readonly string[]): Promise<number> {
  const options = optionsOf(argv);
  const totals = new Totals();
  const startedMs = performance.now();
  let failures = 0;
  for (let seed = options.first; seed < options.first + options.count; seed++) {
    try {
      const first = await simulate(seed, options.loud ? (line) => console.log(line) : undefined);
      const second = await simulate(seed);
      if (first.traceHash !== second.traceHash)
        throw new Error(`two runs differ: ${first.traceHash}, ${second.traceHash}`);
      totals.add(first);
    } catch (why) {
      failures++;
      const words = (why as Error).message.split('\n');
      console.log(`seed ${seed} failed: ${words[0]}    npm run sim -- --seed ${seed}`);
      if (options.count === 1) console.log(wholeStory(why));
    }
  }
  totals.print(options.count, failures, (performance.now() - startedMs) / 1000);
  return failures === 0 ? 0 : 1;
}

function wholeStory(why: unknown): string {
  if (!(why instanceof RunFailure)) return String((why as Error).stack);
  return [why.message, (why.cause as Error).stack ?? '', why.report].join('\n');
}

class Totals {
  private events = 0;
  private virtualMs = 0;
  private undecided = 0;
  private readonly counters = new Map<string, number>();

  add(result: RunResult): void {
    this.events += result.events;
    this.virtualMs += result.virtualMs;
    this.undecided += result.undecided;
    for (const [what, times] of result.counters)
      this.counters.set(what, (this.counters.get(what) ?? 0) + times);
  }

  print(seeds: number, failures: number, seconds: number): void {
    const rate = Math.round((2 * this.events) / seconds);
    console.log(
      `${seeds} seeds twice in ${seconds.toFixed(1)} s, ${failures} failed; ${this.events} events (${rate}/s), ` +
        `${(this.virtualMs / 3_600_000).toFixed(3)} virtual hours, ${this.undecided} keys undecided, Node ${process.version}`,
    );
    for (const [what, times] of [...this.counters].sort()) console.log(`  ${what.padEnd(24)} ${times}`);
  }
}

process.exitCode = await main(process.argv.slice(2));
