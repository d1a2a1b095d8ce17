/**
 * A client as a cautious program would be: it talks to one node, has one command under way per lane, and after
 * an outcome that it can't know goes on as somebody else.
 *
 * Lanes share the connection (a pipeline). Each lane is a process of the history: sequential, and retired at
 * its first unknown outcome. Only the *connection* is tried again, never a command.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Value } from './history.js';
import type { Recorder } from './recorder.js';
import { type Address, RespClient } from './resp-client.js';
import type { RespReply } from './resp-parser.js';

export interface Request {
  readonly f: string;
  readonly key: string;
  readonly value: Value;
  readonly args: readonly string[];
  /** What the reply says, or undefined when it is no reply to this command. */
  readonly valueOf: (reply: RespReply) => Value | undefined;
}

export type Result =
  | { readonly kind: 'ok'; readonly value: Value }
  | { readonly kind: 'fail' | 'unknown' }
  /** No connection, so that nothing was invoked. */
  | { readonly kind: 'unreachable' };

export interface Lane {
  process: number;
}

/** A node in trouble refuses fast and often: it is asked again a little later. */
const PAUSE_MS = 50;

export class PinnedClient {
  private connection: RespClient | undefined;
  private connecting: Promise<void> | undefined;

  /** `node` is the number in the history; `onAnomaly` hears of replies that no command here can have. */
  constructor(
    private readonly recorder: Recorder,
    private readonly node: number,
    private readonly address: Address,
    private readonly timeoutMs: number,
    private readonly onAnomaly: (text: string) => void,
    /** Selected on each new connection; undefined: the default one. */
    private readonly table?: string,
  ) {}

  lane(): Lane {
    return { process: this.recorder.newProcess() };
  }

  async perform(lane: Lane, request: Request): Promise<Result> {
    const connection = await this.connected();
    if (!connection) return { kind: 'unreachable' };
    const { f, key, value, args } = request;
    const invoked = { process: lane.process, node: this.node, f, key };
    this.recorder.invoke(lane.process, this.node, f, key, value);
    const outcome = await connection.call(...args);
    if (outcome.kind === 'fail') {
      this.recorder.complete('fail', invoked, value, outcome.error);
      await sleep(PAUSE_MS);
      return { kind: 'fail' };
    }
    const output = outcome.kind === 'ok' ? request.valueOf(outcome.reply) : undefined;
    if (output !== undefined) {
      this.recorder.complete('ok', invoked, output);
      return { kind: 'ok', value: output };
    }
    const error =
      outcome.kind === 'ok' ? `no reply to ${args[0]}: ${JSON.stringify(outcome.reply)}` : outcome.error;
    if (outcome.kind === 'ok' || error.startsWith('protocol:')) this.onAnomaly(`node ${this.node}: ${error}`);
    this.recorder.complete('info', invoked, value, error);
    lane.process = this.recorder.newProcess();
    await sleep(PAUSE_MS);
    return { kind: 'unknown' };
  }

  close(): void {
    this.connection?.close();
  }

  private async connected(): Promise<RespClient | undefined> {
    if (this.connection?.isOpen) return this.connection;
    this.connecting ??= this.connect().finally(() => {
      this.connecting = undefined;
    });
    await this.connecting;
    return this.connection?.isOpen ? this.connection : undefined;
  }

  private async connect(): Promise<void> {
    try {
      const connection = await RespClient.connect(this.address, this.timeoutMs);
      // Nothing may go to another table: a node that does not know this one yet is as good as down.
      const isHome = this.table === undefined || (await connection.call('SELECT', this.table)).kind === 'ok';
      if (!isHome) connection.close();
      this.connection = isHome ? connection : undefined;
      if (!isHome) await sleep(PAUSE_MS);
    } catch {
      this.connection = undefined;
      await sleep(PAUSE_MS);
    }
  }
}

export const readReply = (reply: RespReply): Value | undefined => {
  if (reply.kind === 'null') return null;
  return reply.kind === 'bulk' ? reply.text : undefined;
};
export const okReply = (reply: RespReply): Value | undefined =>
  reply.kind === 'simple' && reply.text === 'OK' ? 'OK' : undefined;
export const integerReply = (reply: RespReply): Value | undefined =>
  reply.kind === 'integer' ? reply.value : undefined;

export const readRequest = (key: string): Request => ({
  f: 'read',
  key,
  value: null,
  args: ['GET', key],
  valueOf: readReply,
});
