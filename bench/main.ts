/**
 * `npm run bench`: SET and GET of a whole cluster beside a peer, in one run on one machine.
 *
 * Starts three nodes and PM, and a lone `redis-server` that syncs its log at every write (`appendfsync always`), and lets
 * `redis-benchmark` speak to both in turn, several rounds of each figure. What counts is the ratio of the medians: either
 * side's absolute figures move with the machine. The peer is one process with one copy; the cluster keeps three.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/rpc/package-root.js';

interface Load {
  readonly name: string;
  readonly command: 'set' | 'get';
  readonly clients: number;
  readonly pipeline: number;
  readonly requests: number;
}

const LOADS: readonly Load[] = [
  { name: 'SET, 1 connection', command: 'set', clients: 1, pipeline: 1, requests: 4_000 },
  { name: 'SET, 50 connections', command: 'set', clients: 50, pipeline: 1, requests: 60_000 },
  { name: 'SET, 200 connections', command: 'set', clients: 200, pipeline: 1, requests: 100_000 },
  { name: 'SET, 50 x 16 pipelined', command: 'set', clients: 50, pipeline: 16, requests: 400_000 },
  { name: 'GET, 50 connections', command: 'get', clients: 50, pipeline: 1, requests: 100_000 },
];

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    port: { type: 'string', default: '15221' },
    'pm-port': { type: 'string', default: '15900' },
    'peer-port': { type: 'string', default: '16379' },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'talus-bench-'));
const children: ChildProcess[] = [];
try {
  await startCluster();
  await startPeer();
  compare(Number(options.rounds));
} finally {
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(children.map((child) => new Promise((resolve) => child.once('close', resolve))));
  rmSync(folder, { recursive: true, force: true });
}

async function startCluster(): Promise<void> {
  const args = [
    'start',
    '--port',
    options.port,
    '--pm-port',
    options['pm-port'],
    '--data-dir',
    join(folder, 'talus'),
  ];
  await started(spawn(process.execPath, [join(packageRoot(), 'bin', 'talus.js'), ...args]), /ready\n/);
}

async function startPeer(): Promise<void> {
  const args = [
    '--port',
    options['peer-port'],
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
    '--save',
    '',
    '--dir',
    folder,
  ];
  await started(spawn('redis-server', args), /Ready to accept connections/);
}

function started(child: ChildProcess, sign: RegExp): Promise<void> {
  children.push(child);
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (sign.test(said)) resolve();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('error', reject);
    child.once('close', () => reject(new Error(`ended before it was ready: ${said.trim()}`)));
  });
}

function compare(rounds: number): void {
  console.log(
    `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${rounds} rounds, medians, 64-byte values`,
  );
  for (const load of LOADS) {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(perSecond(load, options.port));
      theirs.push(perSecond(load, options['peer-port']));
    }
    const [a, b] = [median(ours), median(theirs)];
    console.log(
      `${load.name.padEnd(24)} talus ${figure(a)}/s   redis, AOF always ${figure(b)}/s   ratio ${(a / b).toFixed(2)}`,
    );
  }
}

function perSecond(load: Load, port: string): number {
  const args = ['-p', port, '-t', load.command, '-n', load.requests, '-c', load.clients, '-P', load.pipeline];
  const words = [...args, '-r', 100_000, '-d', 64, '--csv'].map(String);
  const { stdout, stderr } = spawnSync('redis-benchmark', words, { encoding: 'utf8' });
  const row = stdout.split('\n').find((line) => line.startsWith(`"${load.command.toUpperCase()}"`));
  const rate = Number(row?.split(',')[1]?.replaceAll('"', ''));
  if (!(rate > 0)) throw new Error(`redis-benchmark: ${stderr || stdout}`);
  return rate;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function figure(value: number): string {
  return String(Math.round(value)).padStart(7);
}
