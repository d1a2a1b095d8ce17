/**
 * A real Redis of one test's own: a process on a free loopback port that keeps nothing, and one connection to it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReplyDecoder } from '../../src/resp/decoder.js';
import type { Reply } from '../../src/resp/reply.js';
import { requireDebian } from './require-debian.js';

const CONNECT_ATTEMPTS = 200;
const CONNECT_PAUSE_MS = 25;

export class RealRedis {
  private readonly decoder = new ReplyDecoder();
  private readonly waiting: ((reply: Reply) => void)[] = [];

  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    private readonly socket: Socket,
  ) {
    socket.on('data', (chunk) => this.received(chunk));
  }

  static async start(): Promise<RealRedis> {
    const program = requireDebian('redis-server');
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'talus-conformance-'));
    const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
    const child = spawn(program, options, { stdio: 'ignore' });
    try {
      return new RealRedis(child, folder, await connected(port));
    } catch (thrown) {
      child.kill('SIGKILL');
      throw thrown;
    }
  }

  /** Replies come in the order of the calls. */
  send(argv: readonly Buffer[]): Promise<Reply> {
    const parts = argv.flatMap((word) => [Buffer.from(`$${word.length}\r\n`), word, Buffer.from('\r\n')]);
    this.socket.write(Buffer.concat([Buffer.from(`*${argv.length}\r\n`), ...parts]));
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  async stop(): Promise<void> {
    this.socket.destroy();
    const exited = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await exited;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private received(chunk: Buffer): void {
    this.decoder.feed(chunk);
    for (let reply = this.decoder.next(); reply !== undefined; reply = this.decoder.next()) {
      this.waiting.shift()!(reply);
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return address.port;
}

async function connected(port: number): Promise<Socket> {
  for (let attempt = 0; attempt < CONNECT_ATTEMPTS; attempt++) {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      await sleep(CONNECT_PAUSE_MS);
    }
  }
  throw new Error(`redis-server did not listen on ${port}`);
}
