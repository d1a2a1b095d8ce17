/**
 * Makes a failing run smaller: fewer faults (delta debugging, Zeller and Hildebrandt 2002), fewer clients, fewer commands.
 *
 * Any change makes another world of the seed, so what is left is not always the least; it is a smaller run that fails in the same way,
 * the numbers in its message aside. The time for it is bounded: what was found until then counts.
 */
import { type Report, runBatch } from './batch.js';
import type { RunOptions } from './simulate.js';
import { scenarioOf } from './swarm.js';

export type Smaller = Omit<RunOptions, 'say'>;

export interface Shrunk {
  readonly options: Smaller;
  readonly report: Extract<Report, { kind: 'failed' }>;
  readonly runs: number;
}

/** What kind of failure it is: its first line, numbers aside. */
export function kindOfFailure(message: string): string {
  return message.split('\n')[0]!.replace(/\d+/g, '#');
}

export function shrink(seed: number, options: Smaller, secondsMax: number): Promise<Shrunk | undefined> {
  return new Shrinker(seed, options, performance.now() + secondsMax * 1000).run();
}

class Shrinker {
  private best: Smaller;
  private report: Shrunk['report'] | undefined;
  private runs = 0;

  constructor(
    private readonly seed: number,
    options: Smaller,
    private readonly untilMs: number,
  ) {
    this.best = options;
  }

  /** undefined: it does not fail at all. */
  async run(): Promise<Shrunk | undefined> {
    if (!(await this.holds({}))) return undefined;
    const scenario = scenarioOf(this.seed, this.best.form);
    const faults = this.best.faults ?? scenario.faults.map(({ number }) => number);
    await this.fewer(faults, (left) => this.holds({ faults: left }));
    const clients = this.best.clients ?? scenario.clients.map((_, i) => i + 1);
    await this.fewer(clients, (left) => this.holds({ clients: left }));
    await this.fewerCommands(this.best.commands ?? scenario.commands);
    return { options: this.best, report: this.report!, runs: this.runs };
  }

  /** Leaves out whole chunks, smaller and smaller ones, of a list; keeps the list that still fails. */
  private async fewer(
    all: readonly number[],
    holds: (left: readonly number[]) => Promise<boolean>,
  ): Promise<void> {
    let left = all;
    for (let chunk = left.length; chunk >= 1; chunk = Math.floor(chunk / 2)) {
      for (let from = 0; from < left.length; ) {
        const without = [...left.slice(0, from), ...left.slice(from + chunk)];
        if (await holds(without)) left = without;
        else from += chunk;
      }
    }
  }

  private async fewerCommands(commands: number): Promise<void> {
    if (!(await this.holds({ commands }))) return;
    let [none, enough] = [0, commands];
    while (enough - none > 1) {
      const half = Math.floor((none + enough) / 2);
      if (await this.holds({ commands: half })) enough = half;
      else none = half;
    }
  }

  /** Takes the change over if the run still fails in the same way. */
  private async holds(change: Smaller): Promise<boolean> {
    if (performance.now() > this.untilMs) return false;
    const options = { ...this.best, ...change };
    const report = await runOnce(this.seed, options);
    this.runs++;
    if (report.kind !== 'failed') return false;
    if (this.report !== undefined && kindOfFailure(report.message) !== kindOfFailure(this.report.message))
      return false;
    this.best = options;
    this.report = report;
    return true;
  }
}

async function runOnce(seed: number, options: Smaller): Promise<Report> {
  const reports: Report[] = [];
  const take = (report: Report): boolean => reports.push(report) > 0;
  await runBatch({ jobs: [{ seed, options, twice: false }], workers: 1, take });
  return reports[0]!;
}
