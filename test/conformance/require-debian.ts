/**
 * Programs that tests compare with or run beside: found, installed from Debian where that is allowed, or asked for.
 *
 * A comparison that can't run fails and says what is missing; it never passes by not running.
 */
import { spawnSync } from 'node:child_process';

export type DebianPackage = 'redis-server' | 'redis-tools' | 'etcd-server';

/** Debian's name of the program that a package is wanted for. */
const PROGRAMS: Readonly<Record<DebianPackage, string>> = {
  'redis-server': 'redis-server',
  'redis-tools': 'redis-cli',
  'etcd-server': 'etcd',
};

/** The path of the package's program. Throws an Error that says what to install. */
export function requireDebian(name: DebianPackage): string {
  const program = PROGRAMS[name];
  const found = findProgram(program);
  if (found !== undefined) return found;
  const problem = install(name);
  const installed = findProgram(program);
  if (installed !== undefined) return installed;
  throw new Error(`${program} is needed and missing (${problem}): apt-get install ${name}`);
}

function findProgram(program: string): string | undefined {
  const { status, stdout } = spawnSync('sh', ['-c', 'command -v "$0"', program], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** Answers why it could not. RUNLEVEL=1 keeps the package from starting a service of its own. */
function install(name: DebianPackage): string {
  if (process.getuid?.() !== 0) return 'not root, so nothing was installed';
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', name]]) {
    const { status, error, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' });
    if (status !== 0) return `apt-get ${args[0]}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
  }
  return 'the package has no such program';
}
