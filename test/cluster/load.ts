/**
 * Clients as they are behind a balancer: connect, some commands, disconnect, connect again. Nothing is tried twice; every error is
 * kept, and every acknowledged write is remembered.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../jepsen-style/processes.js';
import { RespClient } from '../../jepsen-style/resp-client.js';

/** `pauseMs` between two connections. */
export interface Habits {
  readonly clients: number;
  readonly commands: number;
  readonly pauseMs: number;
}

export const BUSY: Habits = { clients: 12, commands: 20, pauseMs: 0 };
/** Most of the time nobody is connected, and a node must not take that for "all have left". */
export const QUIET: Habits = { clients: 2, commands: 2, pauseMs: 20 };

const TIMEOUT_MS = 15_000;
const PROGRESS_MS_MAX = 60_000;
/** A client that cannot connect does not hammer. */
const RECONNECT_MS = 20;

export class Load {
  /** Each with the milliseconds since `mark`. */
  readonly errors: { readonly atMs: number; readonly text: string }[] = [];
  readonly acknowledged = new Map<string, string>();
  private done = 0;
  private markMs = performance.now();
  private over = false;
  private readonly running: Promise<unknown>;

  constructor(
    private readonly port: number,
    private readonly prefix: string,
    private readonly habits: Habits,
  ) {
    this.running = Promise.all(Array.from({ length: habits.clients }, (_, client) => this.drive(client)));
  }

  mark(): void {
    this.markMs = performance.now();
  }

  /** Resolves when the clients have done this many commands more. */
  async progress(commands: number): Promise<void> {
    const from = this.done;
    const isDone = await waitUntil(() => this.done >= from + commands, PROGRESS_MS_MAX);
    assert.ok(isDone, `stuck: ${JSON.stringify(this.errors.slice(0, 5))}`);
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.running;
  }

  /** Every acknowledged write is read back. */
  async assertAllThere(): Promise<void> {
    const client = await RespClient.connect({ host: '127.0.0.1', port: this.port }, TIMEOUT_MS);
    for (const [key, value] of this.acknowledged) {
      const got = await client.call('GET', key);
      assert.deepEqual(got, { kind: 'ok', reply: { kind: 'bulk', text: value } }, key);
    }
    client.close();
  }

  private async drive(client: number): Promise<void> {
    for (let round = 0; !this.over; round++) {
      try {
        const connection = await RespClient.connect({ host: '127.0.0.1', port: this.port }, TIMEOUT_MS);
        await this.use(connection, `${this.prefix}:${client}:${round}`);
        connection.close();
      } catch (error) {
        this.failed(`connect: ${(error as Error).message}`);
        await sleep(RECONNECT_MS);
      }
      if (this.habits.pauseMs > 0) await sleep(this.habits.pauseMs);
    }
  }

  private async use(connection: RespClient, name: string): Promise<void> {
    for (let i = 0; i < this.habits.commands; i += 2) {
      const [key, value] = [`${name}:${i}`, `${name} ${i}`];
      const set = await connection.call('SET', key, value);
      if (set.kind !== 'ok') return this.failed(`SET: ${set.error}`);
      this.acknowledged.set(key, value);
      const get = await connection.call('GET', key);
      if (get.kind !== 'ok') return this.failed(`GET: ${get.error}`);
      if (get.reply.kind !== 'bulk' || get.reply.text !== value)
        this.failed(`GET ${key}: ${JSON.stringify(get.reply)}`);
      this.done += 2;
    }
  }

  private failed(text: string): void {
    this.errors.push({ atMs: Math.round(performance.now() - this.markMs), text });
  }
}
