/**
 * The processes that `talus start` made: started, watched, stopped together.
 *
 * A Ctrl-C in the terminal reaches them too, but they leave it to the parent, who stops them in order (process.ts); and each ends by
 * itself when its standard input ends, which it does when the parent dies however it dies. They stay in the parent's session: Linux
 * gives each session an equal share of the cores, whatever the priorities in it, so that one node's compaction would be as
 * important as another node's event loop.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../rpc/package-root.js';

/** glibc would give each of the 16 threads that work for LevelDB and the log a heap of its own, which keeps what was freed there. */
const MALLOC_ARENA_MAX = '2';

/** Node's own number of them. */
const V8_WORKERS_MAX = 4;

/**
 * V8's helpers for a process that shares `cores` with others like it: they mark and sweep the heap for a tenth of a second every few
 * seconds, and four of them take two cores from all event loops meanwhile (docs/performance.md).
 */
export function v8Workers(cores: number, processes: number): number {
  return Math.max(1, Math.min(Math.floor(cores / processes), V8_WORKERS_MAX));
}

/**
 * Of V8's young generation, half: what lives on when it is full is copied, and all that a node loads and writes lives on. With V8's 16 MiB that
 * is a pause of up to 50 ms where three nodes share two cores, and 24 MiB more for each of them.
 */
const SEMI_SPACE_MIB_MAX = 8;

/** V8's flags for one of `processes` on `cores`; those that `given` (NODE_OPTIONS) names are the operator's. */
export function v8Flags(cores: number, processes: number, given: string): readonly string[] {
  const flags = { 'v8-pool-size': v8Workers(cores, processes), 'max-semi-space-size': SEMI_SPACE_MIB_MAX };
  return Object.entries(flags).flatMap(([name, value]) =>
    new RegExp(`--${name.replaceAll('-', '[-_]')}\\b`).test(given) ? [] : [`--${name}=${value}`],
  );
}

/** How long a child may take to stop before it is killed. */
const STOP_MS = 15_000;

export class ChildProcesses {
  /** Resolves with what the first child that died said. */
  readonly failure: Promise<Error>;
  private readonly children = new Map<string, ChildProcess>();
  private fail!: (why: Error) => void;
  private report: ((name: string, how: string) => void) | undefined;
  private stopping = false;

  private readonly flags: readonly string[];

  /** `processes`: how many of them will be at work. */
  constructor(
    private readonly environment: NodeJS.ProcessEnv,
    processes: number,
  ) {
    this.flags = v8Flags(availableParallelism(), processes, environment.NODE_OPTIONS ?? '');
    this.failure = new Promise((resolve) => {
      this.fail = resolve;
    });
  }

  start(name: string, args: readonly string[]): void {
    const child = spawn(process.execPath, [...this.flags, join(packageRoot(), 'bin', 'talus.js'), ...args], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: {
        MALLOC_ARENA_MAX,
        ...this.environment,
        TALUS_STOP_WITH_STDIN: '1',
        TALUS_STOPPED_BY_PARENT: '1',
      },
    });
    this.children.set(name, child);
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4096);
    });
    // `close` and not `exit`: its last words have been read by then.
    child.on('close', (code, signal) => {
      this.children.delete(name);
      if (this.stopping) return;
      const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
      const words = said
        .trim()
        .split('\n')
        .at(-1)
        ?.replace(/^talus: /, '');
      this.fail(new Error(`${name}: ${words || how}`));
      this.report?.(name, words ? `${how} (${words})` : how);
    });
  }

  /** From now on a death is news, not a failed start. */
  reportDeaths(report: (name: string, how: string) => void): void {
    this.report = report;
  }

  /** Asks all to stop, waits, and kills what does not. */
  async stop(): Promise<void> {
    this.stopping = true;
    const ends = [...this.children.values()].map(
      (child) => new Promise<void>((resolve) => child.once('close', () => resolve())),
    );
    for (const child of this.children.values()) child.kill('SIGTERM');
    const killer = setTimeout(() => {
      for (const child of this.children.values()) child.kill('SIGKILL');
    }, STOP_MS);
    await Promise.all(ends);
    clearTimeout(killer);
  }
}
