/**
 * Processes as the operating system sees them: started, signalled by pid, waited for.
 *
 * A signal goes only to a process that the harness started or that a process of its own wrote a pid file for,
 * and, where /proc can tell, only while that pid still belongs to such a process: pids are used again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const POLL_MS = 20;

/** The folder of the package named talus: compiled code may lie at any depth below it. */
export function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'talus') {
      return folder;
    }
    if (folder === dirname(folder)) throw new Error('no package.json of talus above this file');
  }
}

/** Starts a program whose output is appended to `logFile`. */
export function spawnLogged(program: string, args: readonly string[], logFile: string): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    return spawn(program, args, { cwd: packageRoot(), stdio: ['ignore', log, log] });
  } finally {
    closeSync(log);
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return !isZombie(pid);
}

/** Dead, and only waiting for its parent to ask how it ended. */
function isZombie(pid: number): boolean {
  const stat = readProcessFile(pid, 'stat');
  return stat?.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'Z';
}

/** True unless /proc says that the pid belongs to a program with none of `marks` in its command line. */
export function mayBeOurs(pid: number, marks: readonly string[]): boolean {
  const commandLine = readProcessFile(pid, 'cmdline');
  return commandLine === undefined || marks.some((mark) => commandLine.includes(mark));
}

function readProcessFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return undefined;
  }
}

/** False when it is already gone. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

export async function waitForExit(pid: number, timeoutMs: number): Promise<boolean> {
  return waitUntil(() => !isAlive(pid), timeoutMs);
}

/** Asks until the answer is yes; false when the time is over. */
export async function waitUntil(
  question: () => boolean | Promise<boolean>,
  timeoutMs: number,
  pollMs = POLL_MS,
): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await question())) {
    if (performance.now() > deadlineMs) return false;
    await sleep(pollMs);
  }
  return true;
}
