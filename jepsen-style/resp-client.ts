/**
 * One RESP2 connection that hides nothing: no retry, no reconnect, no redirect.
 *
 * Every command ends in one of three ways, and the difference is what the whole harness rests on:
 *  - `ok`: a reply came;
 *  - `fail`: it certainly did not happen: an error reply, or the bytes never left;
 *  - `unknown`: it may have happened or may yet: a time-out, an end of the stream or a reset after sending, or a
 *    server that says so itself with `-UNCERTAIN`.
 * After a time-out the connection is closed, since replies carry no number and a late one would be taken for
 * the next one's. Commands may be pipelined; what is sent in one turn of the event loop leaves in one write.
 */
import { connect, type Socket } from 'node:net';
import { RespParser, type RespReply } from './resp-parser.js';

export type Outcome =
  | { readonly kind: 'ok'; readonly reply: Exclude<RespReply, { kind: 'error' }> }
  | { readonly kind: 'fail'; readonly error: string }
  | { readonly kind: 'unknown'; readonly error: string };

export interface Address {
  readonly host: string;
  readonly port: number;
}

interface Pending {
  readonly settle: (outcome: Outcome) => void;
  readonly deadlineMs: number;
  isSent: boolean;
}

export class RespClient {
  private readonly parser = new RespParser();
  private readonly pending: Pending[] = [];
  /** Settled entries at the front of `pending`, dropped in bulk. */
  private settled = 0;
  private outgoing = '';
  private timer: NodeJS.Timeout | undefined;
  private endedBy: string | undefined;

  /** Rejects when no connection came about within `timeoutMs`: then nothing was sent. */
  static connect(address: Address, timeoutMs: number): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address.host, port: address.port, noDelay: true });
      const timer = setTimeout(() => socket.destroy(new Error('ETIMEDOUT')), timeoutMs);
      socket.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeAllListeners('error');
        resolve(new RespClient(socket, timeoutMs));
      });
    });
  }

  private constructor(
    private readonly socket: Socket,
    private readonly timeoutMs: number,
  ) {
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => this.end(error.code ?? error.message));
    socket.on('end', () => this.end('EOF'));
    socket.on('close', () => this.end('closed'));
  }

  get isOpen(): boolean {
    return this.endedBy === undefined;
  }

  call(...args: readonly string[]): Promise<Outcome> {
    if (this.endedBy !== undefined) {
      return Promise.resolve({ kind: 'fail', error: `not sent: ${this.endedBy}` });
    }
    if (this.outgoing === '') setImmediate(() => this.flush());
    this.outgoing += encodeCommand(args);
    return new Promise((settle) => {
      this.pending.push({ settle, deadlineMs: performance.now() + this.timeoutMs, isSent: false });
      this.timer ??= setTimeout(() => this.checkDeadline(), this.timeoutMs);
    });
  }

  close(): void {
    this.end('closed here');
  }

  private flush(): void {
    if (this.endedBy !== undefined) return;
    for (let index = this.pending.length - 1; index >= this.settled; index--) {
      if (this.pending[index]!.isSent) break;
      this.pending[index]!.isSent = true;
    }
    this.socket.write(this.outgoing);
    this.outgoing = '';
  }

  private receive(chunk: Buffer): void {
    this.parser.push(chunk);
    try {
      for (let reply = this.parser.next(); reply; reply = this.parser.next()) this.settleNext(reply);
    } catch (error) {
      this.end(`protocol: ${(error as Error).message}`);
    }
  }

  private settleNext(reply: RespReply): void {
    const pending = this.pending[this.settled];
    if (!pending?.isSent) throw new Error('a reply that nobody asked for');
    this.settled++;
    if (this.settled >= 64 || this.settled === this.pending.length) {
      this.pending.splice(0, this.settled);
      this.settled = 0;
    }
    pending.settle(outcomeOf(reply));
  }

  /** All wait equally long, so that the oldest is the first to be late. */
  private checkDeadline(): void {
    this.timer = undefined;
    const oldest = this.pending[this.settled];
    if (!oldest) return;
    const leftMs = oldest.deadlineMs - performance.now();
    if (leftMs <= 0) this.end('timeout');
    else this.timer = setTimeout(() => this.checkDeadline(), Math.ceil(leftMs));
  }

  private end(reason: string): void {
    if (this.endedBy !== undefined) return;
    this.endedBy = reason;
    clearTimeout(this.timer);
    this.socket.destroy();
    const left = this.pending.splice(0).slice(this.settled);
    this.settled = 0;
    for (const { settle, isSent } of left) {
      settle(isSent ? { kind: 'unknown', error: reason } : { kind: 'fail', error: `not sent: ${reason}` });
    }
  }
}

function outcomeOf(reply: RespReply): Outcome {
  if (reply.kind !== 'error') return { kind: 'ok', reply };
  const isUncertain = reply.text.startsWith('UNCERTAIN');
  return { kind: isUncertain ? 'unknown' : 'fail', error: reply.text };
}

export function encodeCommand(args: readonly string[]): string {
  let text = `*${args.length}\r\n`;
  for (const arg of args) text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
  return text;
}
