/**
 * The proof of the simulator: bugs put into a copy of the program on purpose, each of which the random worlds must find.
 *
 * A bug is a file `bugs/NAME.patch`: what it is, then edits of the TypeScript source as a diff without line numbers: `@@ path`, then
 * lines that stay (blank), go (-) and come (+). What stays and goes must be there exactly once, or the bank is out of date. A copy
 * lies below `dist/`, so that it finds the same packages; it is compiled as the original is, and its worlds run in a process of
 * their own (bug-hunt.ts), which ends at the first find.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Edit {
  /** Below the package. */
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

export interface Bug {
  readonly name: string;
  /** One sentence. */
  readonly what: string;
  readonly edits: readonly Edit[];
}

export interface Find {
  readonly bug: Bug;
  /** undefined: not found. */
  readonly seed: number | undefined;
  /** What the run said, or why there was no run. */
  readonly message: string;
  readonly seconds: number;
}

export const SEEDS_MAX = 500;

/** The compiled file may lie in any output folder below the package. */
export const packageRoot = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
})();

const BUGS = join(packageRoot, 'test/sim/bugs');
const COPIED = ['src', 'test/sim', 'jepsen-style', 'package.json'];
/** Of the compiler's house rules, those that a bug may break. */
const LENIENT = ['--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];

export function readBugs(): readonly Bug[] {
  const names = readdirSync(BUGS).filter((name) => name.endsWith('.patch'));
  return names
    .sort()
    .map((name) => parseBug(name.slice(0, -'.patch'.length), readFileSync(join(BUGS, name), 'utf8')));
}

export function parseBug(name: string, text: string): Bug {
  const [what = '', ...hunks] = text.split(/^@@ /m);
  const edits = hunks.map((hunk): Edit => {
    const [path = '', ...lines] = hunk.trimEnd().split('\n');
    const side = (marks: string): string =>
      lines.flatMap((line) => (marks.includes(line[0] ?? ' ') ? [`${line.slice(1)}\n`] : [])).join('');
    return { path, from: side(' -'), to: side(' +') };
  });
  return { name, what: what.trim(), edits };
}

/** Why the bug does not fit the source any more; empty when it does. */
export function misfits({ name, edits }: Bug): readonly string[] {
  return edits.flatMap(({ path, from }) => {
    const times = readFileSync(join(packageRoot, path), 'utf8').split(from).length - 1;
    return times === 1 ? [] : [`${name}: found ${times} times in ${path}:\n${from}`];
  });
}

/** A copy of the program for one bug after the other; each worker has its own. */
export class BuggyCopy {
  private readonly folder: string;

  constructor(number: number) {
    this.folder = join(packageRoot, 'dist', 'bugs', String(number));
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
    for (const path of COPIED) cpSync(join(packageRoot, path), join(this.folder, path), { recursive: true });
    const { compilerOptions } = JSON.parse(readFileSync(join(packageRoot, 'tsconfig.json'), 'utf8'));
    writeFileSync(
      join(this.folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, include: ['src', 'test/sim', 'jepsen-style/checkers'] }),
    );
  }

  /** Puts the bug in, looks for it, takes it out. */
  async hunt(bug: Bug, seedsMax = SEEDS_MAX): Promise<Find> {
    const startedMs = performance.now();
    const ended = (seed: number | undefined, message: string): Find => {
      return { bug, seed, message, seconds: (performance.now() - startedMs) / 1000 };
    };
    const [misfit] = misfits(bug);
    if (misfit !== undefined) return ended(undefined, misfit);
    try {
      for (const edit of bug.edits) this.apply(edit);
      const tsc = join(packageRoot, 'node_modules/typescript/bin/tsc');
      const built = await run([tsc, '-p', this.folder, ...LENIENT]);
      if (built.status !== 0) return ended(undefined, `does not compile: ${built.output}`);
      const hunt = await run([join(this.folder, 'dist/test/sim/bug-hunt.js'), String(seedsMax)]);
      const found = /^found (\d+) (.*)$/m.exec(hunt.output);
      if (found !== null) return ended(Number(found[1]), found[2]!);
      return ended(
        undefined,
        hunt.status === 0 ? `in ${seedsMax} seeds` : `the hunt broke off: ${hunt.output}`,
      );
    } finally {
      for (const { path } of bug.edits) cpSync(join(packageRoot, path), join(this.folder, path));
    }
  }

  private apply({ path, from, to }: Edit): void {
    const file = join(this.folder, path);
    const text = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      text.replace(from, () => to),
    );
  }
}

function run(args: readonly string[]): Promise<{ readonly status: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      resolve({ status, output: signal === null ? output : `${output}ended by ${signal}` });
    });
  });
}

/** All of them, `copies` at a time; each find is handed on as it comes. */
export async function huntAll(
  bugs: readonly Bug[],
  copies: number,
  found: (find: Find) => void,
): Promise<readonly Find[]> {
  const left = [...bugs];
  const finds: Find[] = [];
  const work = async (number: number): Promise<void> => {
    const copy = new BuggyCopy(number);
    for (let bug = left.shift(); bug !== undefined; bug = left.shift()) {
      const find = await copy.hunt(bug);
      finds.push(find);
      found(find);
    }
  };
  await Promise.all(Array.from({ length: copies }, (_, number) => work(number)));
  return finds.sort((a, b) => (a.bug.name < b.bug.name ? -1 : 1));
}

/** Which judge a failure's words come from. */
const JUDGES: readonly (readonly [words: RegExp, judge: string])[] = [
  [/is committed, on disk only/, 'durability at commit'],
  [/on its disk|its disk says|its engine holds/, 'save, then say'],
  [/both \d+ and \d+ lead/, 'one leader a term'],
  [/voted for/, 'one vote a term'],
  [/follows another log elsewhere/, 'log matching'],
  [/is committed here and is another/, 'one committed log'],
  [/a read at \d+ was asked/, 'reads at their index'],
  [/commits up to/, 'commit by counting'],
  [/leads term .* without entry/, 'leader completeness'],
  [/a leader cut its own log|the log was cut/, 'leader append-only, commit kept'],
  [/falls back|applied \d+, committed is/, 'monotone cursors'],
  [/was applied as|applied first|applied \d+ after/, 'state-machine safety'],
  [/slot time goes back/, 'slot time'],
  [/is in the log|was refused|was acknowledged/, 'ledger of writes'],
  [/not linearizable/, 'linearizability'],
  [/which it (wrote later|had overwritten)|session's order/, 'session order'],
  [/half of an MSET/, 'atomicity'],
  [/alive after its time/, 'expiry'],
  [/elsewhere, .* on machine|a row of state|keys came or went|state of no replica/, 'equal replicas'],
  [/a lease of term/, 'leases'],
  [/is wished again/, 'member ids'],
  [/^waited|still refused|not settled/, 'liveness'],
  [/did not end/, 'endless loop'],
  [/stopped: |stays shut|is damaged/, "the program's own alarm"],
  [/at most .* are allowed|events wait/, 'bounds'],
  [
    /increments answered|acknowledged, .* possible|a word twice|is lost|never asked for/,
    'exact counters and logs',
  ],
];

export function judgeOf(message: string): string {
  return JUDGES.find(([words]) => words.test(message))?.[1] ?? 'other';
}

export function rowOf({ bug, seed, message, seconds }: Find): string {
  const what = seed === undefined ? `NOT FOUND: ${message.split('\n')[0]}` : judgeOf(message);
  return `| ${bug.name} | ${seed ?? '-'} | ${what} | ${seconds.toFixed(0)} s |`;
}
