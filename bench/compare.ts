/**
 * `npm run bench -- compare`: SET and GET of a whole cluster beside a peer, in one run on one machine.
 *
 * Starts three nodes and PM, and a lone `redis-server` that syncs its log at every write (`appendfsync always`), and lets
 * `redis-benchmark` speak to both in turn, several rounds of each figure. What counts is the ratio of the medians: either
 * side's absolute figures move with the machine. The peer is one process with one copy; the cluster keeps three.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/rpc/package-root.js';
import { type Load, requestsPerSecond } from './redis-benchmark.js';
import { machine, quantile, type Verdict } from './report.js';

const LOADS: readonly Load[] = [
  { name: 'SET, 1 connection', command: 'set', clients: 1, pipeline: 1, requests: 4_000 },
  { name: 'SET, 50 connections', command: 'set', clients: 50, pipeline: 1, requests: 60_000 },
  { name: 'SET, 200 connections', command: 'set', clients: 200, pipeline: 1, requests: 100_000 },
  { name: 'SET, 50 x 16 pipelined', command: 'set', clients: 50, pipeline: 16, requests: 400_000 },
  { name: 'GET, 50 connections', command: 'get', clients: 50, pipeline: 1, requests: 100_000 },
];

interface Options {
  readonly rounds: string;
  readonly port: string;
  readonly pmPort: string;
  readonly peerPort: string;
}

/** What runs meanwhile, and where it keeps its data. */
interface Held {
  readonly folder: string;
  readonly children: ChildProcess[];
}

/** It has no goal: it is met when it has run. */
export async function runCompare(args: readonly string[]): Promise<Verdict> {
  const options = optionsOf(args);
  const held: Held = { folder: mkdtempSync(join(tmpdir(), 'talus-bench-')), children: [] };
  try {
    await startCluster(held, options);
    await startPeer(held, options);
    await compare(options);
  } finally {
    const { folder, children } = held;
    for (const child of children) child.kill('SIGTERM');
    await Promise.all(children.map((child) => new Promise((resolve) => child.once('close', resolve))));
    rmSync(folder, { recursive: true, force: true });
  }
  return 'met';
}

function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      port: { type: 'string', default: '15221' },
      'pm-port': { type: 'string', default: '15900' },
      'peer-port': { type: 'string', default: '16379' },
    },
  });
  const { rounds, port } = values;
  return { rounds, port, pmPort: values['pm-port'], peerPort: values['peer-port'] };
}

async function startCluster(held: Held, options: Options): Promise<void> {
  const args = [
    'start',
    '--port',
    options.port,
    '--pm-port',
    options.pmPort,
    '--data-dir',
    join(held.folder, 'talus'),
  ];
  await started(held, spawn(process.execPath, [join(packageRoot(), 'bin', 'talus.js'), ...args]), /ready\n/);
}

async function startPeer(held: Held, options: Options): Promise<void> {
  const args = [
    '--port',
    options.peerPort,
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
    '--save',
    '',
    '--dir',
    held.folder,
  ];
  await started(held, spawn('redis-server', args), /Ready to accept connections/);
}

function started({ children }: Held, child: ChildProcess, sign: RegExp): Promise<void> {
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

async function compare(options: Options): Promise<void> {
  const rounds = Number(options.rounds);
  console.log(`${machine()}, ${rounds} rounds, medians, 64-byte values`);
  for (const load of LOADS) {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(await requestsPerSecond(load, options.port));
      theirs.push(await requestsPerSecond(load, options.peerPort));
    }
    const [a, b] = [quantile(ours, 0.5), quantile(theirs, 0.5)];
    console.log(
      `${load.name.padEnd(24)} talus ${figure(a)}/s   redis, AOF always ${figure(b)}/s   ratio ${(a / b).toFixed(2)}`,
    );
  }
}

function figure(value: number): string {
  return String(Math.round(value)).padStart(7);
}
