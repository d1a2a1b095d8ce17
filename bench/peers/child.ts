/**
 * A server as a child process: started, known to be ready, and stopped. Its output is kept for the day it does not start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { NotHere } from './peer.js';

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 10_000;
const POLL_MS = 50;
const OUTPUT_KEPT_MAX = 4096;

export class Child {
  private said = '';
  private ended = false;

  /** Resolves when `isReady`; rejects with the last words when it ends first, and with NotHere when there is no such program. */
  static async start(
    program: string,
    args: readonly string[],
    isReady: (said: string) => boolean | Promise<boolean>,
  ): Promise<Child> {
    const child = new Child(program, spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'] }));
    await child.untilReady(isReady);
    return child;
  }

  private constructor(
    private readonly program: string,
    private readonly process: ChildProcess,
  ) {
    const hear = (chunk: Buffer): void => {
      this.said = (this.said + chunk.toString()).slice(-OUTPUT_KEPT_MAX);
    };
    process.stdout?.on('data', hear);
    process.stderr?.on('data', hear);
    process.once('error', (error) => {
      this.said = error.message;
      this.ended = true;
    });
    process.once('close', () => {
      this.ended = true;
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  async stop(): Promise<void> {
    if (this.ended) return;
    this.process.kill('SIGTERM');
    for (let waitedMs = 0; !this.ended && waitedMs < STOP_MS_MAX; waitedMs += POLL_MS) await sleep(POLL_MS);
    if (!this.ended) this.process.kill('SIGKILL');
  }

  private async untilReady(isReady: (said: string) => boolean | Promise<boolean>): Promise<void> {
    for (let waitedMs = 0; waitedMs < READY_MS_MAX; waitedMs += POLL_MS) {
      if (this.ended) {
        if (this.said.includes('ENOENT')) throw new NotHere(`${this.program} is not installed`);
        throw new Error(`${this.program} ended before it was ready: ${this.said.trim()}`);
      }
      if (await isReady(this.said)) return;
      await sleep(POLL_MS);
    }
    await this.stop();
    throw new Error(`${this.program} is not ready after ${READY_MS_MAX} ms: ${this.said.trim()}`);
  }
}
