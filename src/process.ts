/**
 * What every Talus process does around its work: its folder, its pid file, its log, its way to stop.
 *
 * What the operator got wrong ends as an Error of one line; the command line prints it and exits with 1.
 */
import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setLogger } from '@grpc/grpc-js';
import { destination, type Logger, pino } from 'pino';
import type { Log } from './env.js';

export interface ProcessFolder {
  readonly log: Log;
  /** Writes what is buffered and removes the pid file. */
  close(): Promise<void>;
}

export interface ProcessFolderOptions {
  readonly dataDir: string;
  readonly process: string;
  readonly logTo: 'file' | 'stderr';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** Makes the folder, refuses one that another live process holds, and opens the log. */
export async function openProcessFolder(options: ProcessFolderOptions): Promise<ProcessFolder> {
  const { dataDir } = options;
  await checkWritable(dataDir);
  refuseLiveOwner(dataDir);
  const pidFile = join(dataDir, 'pid');
  const target = options.logTo === 'file' ? join(dataDir, 'log') : 2;
  const lines = destination({ dest: target, sync: true, append: true });
  // A log that can't be written, for want of room most of all, must not stop what it tells of.
  lines.on('error', () => {});
  const logger = pino({ level: options.logLevel, base: { process: options.process } }, lines);
  const log = logOf(logger);
  // grpc-js would write to stderr what we report ourselves.
  setLogger({ error: (...words: readonly unknown[]) => log.warn('grpc', { words: words.map(String) }) });
  await writeFile(pidFile, `${process.pid}\n`);
  return {
    log,
    close: async () => {
      await rm(pidFile, { force: true });
      logger.flush();
    },
  };
}

/**
 * Resolves at the first SIGTERM, or SIGINT where no parent stops it; a second one ends the process at once. Called once a process.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = (): void => {
      if (asked) process.exit(1);
      asked = true;
      resolve();
    };
    process.on('SIGTERM', stop);
    // Ctrl-C in a terminal, or the terminal's end, reaches the children of `talus start` too: they leave it to their parent.
    if (process.env.TALUS_STOPPED_BY_PARENT !== '1') process.on('SIGINT', stop);
    else for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => {});
    // And end with it, however that one ended; which is no second word where it has told them before.
    if (process.env.TALUS_STOP_WITH_STDIN === '1') process.stdin.on('end', () => asked || stop()).resume();
  });
}

function logOf(logger: Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  };
}

async function checkWritable(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    const probe = join(folder, '.writable');
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    throw new Error(
      `data-dir ${folder} cannot be written: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
    );
  }
}

/** Throws when a live Talus process holds the folder. */
export function refuseLiveOwner(folder: string): void {
  let pid: number;
  try {
    pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    process.kill(pid, 0);
    // Pids are used again: only a process that looks like ours holds the folder.
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('talus')) return;
  } catch {
    return;
  }
  if (pid !== process.pid) throw new Error(`data-dir ${folder} is in use by process ${pid}`);
}
