/**
 * One real etcd on loopback, for runs whose metadata must survive or lose it.
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from './ports.js';
import { isAlive, signal, spawnLogged, waitForExit, waitUntil } from './processes.js';

const READY_MS_MAX = 20_000;
const STOP_MS_MAX = 10_000;

export class Etcd {
  static async start(folder: string, program = '/usr/bin/etcd'): Promise<Etcd> {
    if (!existsSync(program))
      throw new Error(`${program} is not there: install etcd, or give --metadata etcd://host:port`);
    const port = await freePorts([0, 1]);
    const client = `http://127.0.0.1:${port}`;
    const peer = `http://127.0.0.1:${port + 1}`;
    const args = ['--name', 'jepsen', '--data-dir', join(folder, 'etcd')];
    args.push('--listen-client-urls', client, '--advertise-client-urls', client);
    args.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer);
    args.push('--initial-cluster', `jepsen=${peer}`);
    const logFile = join(folder, 'etcd.log');
    const child = spawnLogged(program, args, logFile);
    child.on('error', () => {});
    const etcd = new Etcd(child, port);
    if (!(await waitUntil(() => answers(client), READY_MS_MAX, 100))) {
      await etcd.stop();
      throw new Error(`etcd did not become healthy:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
    }
    return etcd;
  }

  private constructor(
    private readonly child: ChildProcess,
    private readonly port: number,
  ) {}

  /** As `talus start --metadata` takes it. */
  get metadata(): string {
    return `etcd://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    const { pid } = this.child;
    if (pid === undefined || !isAlive(pid)) return;
    signal(pid, 'SIGTERM');
    if (!(await waitForExit(pid, STOP_MS_MAX))) signal(pid, 'SIGKILL');
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`);
    return response.ok && (await response.text()).includes('true');
  } catch {
    return false;
  }
}
