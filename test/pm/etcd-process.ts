/**
 * A real etcd for tests: Debian's etcd-server on free loopback ports and a folder of its own. It can be killed and started
 * again on the same data.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { requireDebian } from '../conformance/require-debian.js';
import { eventually, temporaryFolder } from './real.js';

export interface EtcdProcess {
  /** `127.0.0.1:port`. */
  readonly address: string;
  start(): Promise<void>;
  kill(): Promise<void>;
}

export async function startEtcd(context: TestContext): Promise<EtcdProcess> {
  const program = requireDebian('etcd-server');
  const folder = await temporaryFolder(context);
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${clientPort}`;
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await ended;
  };
  const start = async (): Promise<void> => {
    child = spawn(program, etcdArguments(folder, url, `http://127.0.0.1:${peerPort}`), { stdio: 'ignore' });
    await eventually('etcd healthy', () => isHealthy(url));
  };
  context.after(kill);
  await start();
  return { address: `127.0.0.1:${clientPort}`, start, kill };
}

function etcdArguments(folder: string, clientUrl: string, peerUrl: string): readonly string[] {
  const settings = {
    name: 'test',
    'data-dir': `${folder}/etcd`,
    'listen-client-urls': clientUrl,
    'advertise-client-urls': clientUrl,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `test=${peerUrl}`,
    'log-level': 'error',
  };
  return Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok;
  } catch {
    return false;
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
