/**
 * `npm run bench:storage`: more data than memory, large collections, large keys that go, and members that are filled: each line
 * with its goal, and where Redis has the same call, beside `redis-server`.
 *
 *   --only cold,restart,rank,drop,install   some of the lines
 *   --scale 0.1                             a tenth of the data, and of the pool; the goals stay
 *   --folder F                              keep the data of `cold` and `restart` in F: a second run need not load it again
 *
 * Figures of each line go to `bench/out/storage-<line>.json`, of which `node dist/bench/performance-page.js` makes the tables of
 * docs/performance.md.
 */
import { parseArgs } from 'node:util';
import { EXIT, Report, type Verdict } from './report.js';
import { type GoalRow, saveResults } from './results.js';
import { runCold, runRestart } from './storage-cold.js';
import { runDrop } from './storage-drop.js';
import { runInstall } from './storage-install.js';
import { runRank } from './storage-rank.js';

/** What a line needs, and where it leaves its figures. */
export interface StorageBench {
  readonly report: Report;
  readonly scale: number;
  readonly folder: string | undefined;
  /** `rows` beside the goals that were added to the report since the line began. */
  save(settings: readonly string[], columns: readonly string[], rows: readonly (readonly string[])[]): void;
}

const LINES: Readonly<Record<string, (bench: StorageBench) => Promise<void>>> = {
  cold: runCold,
  restart: runRestart,
  rank: runRank,
  drop: runDrop,
  install: runInstall,
};

export async function runStorage(args: readonly string[]): Promise<Verdict> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: Object.keys(LINES).join() },
      scale: { type: 'string', default: '1' },
      folder: { type: 'string' },
    },
  });
  const report = new Report('storage');
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(EXIT.missed));
  for (const name of values.only.split(',')) {
    const line = LINES[name];
    if (line === undefined) throw new Error(`--only ${name}: one of ${Object.keys(LINES).join(', ')}`);
    const before = report.goals.length;
    const goals = (): GoalRow[] => report.goals.slice(before);
    const scale = Number(values.scale);
    report.line(`--- ${name}`);
    await line({
      report,
      scale,
      folder: values.folder,
      save: (settings, columns, rows) => {
        const head = scale === 1 ? settings : [`scale ${scale}: not the full form`, ...settings];
        saveResults({ name: `storage-${name}`, settings: head, columns, rows, goals: goals() });
      },
    });
  }
  return report.finish();
}
