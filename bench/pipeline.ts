/**
 * A client that does nothing but keep commands on their way and say how long each took: for loads that have to be large, on a
 * machine that it shares with the nodes.
 *
 * Replies are told apart and not decoded, except errors, which are counted by their first word. Commands are Buffers made
 * beforehand or on the spot (`command`). A connection that ends rejects what waits: a measurement with holes is none.
 */
import { connect, type Socket } from 'node:net';

export type Word = string | Buffer | number;

/** One command as bytes. */
export function command(...words: readonly Word[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, NEWLINE);
  }
  return Buffer.concat(parts);
}

const NEWLINE = Buffer.from('\r\n');
const CR = 0x0d;

/** Finds the ends of replies in a stream of bytes. */
export class ReplyScanner {
  private rest: Buffer = Buffer.alloc(0);
  /** Elements of the reply at hand that are still to come. */
  private owed = 1;
  /** Bytes of a bulk, and its line end, that are still to come. */
  private skip = 0;
  private error = '';

  constructor(private readonly onReply: (error: string) => void) {}

  push(chunk: Buffer): void {
    let bytes = chunk;
    if (this.rest.length > 0) bytes = Buffer.concat([this.rest, chunk]);
    let at = 0;
    for (;;) {
      const skipped = Math.min(this.skip, bytes.length - at);
      this.skip -= skipped;
      at += skipped;
      if (this.skip > 0) break;
      if (skipped > 0) this.ended(0);
      const end = bytes.indexOf(CR, at);
      if (end < 0 || end + 1 >= bytes.length) break;
      this.line(bytes, at, end);
      at = end + 2;
    }
    this.rest = bytes.subarray(at);
  }

  private line(bytes: Buffer, from: number, to: number): void {
    const kind = String.fromCharCode(bytes[from]!);
    const text = bytes.toString('latin1', from + 1, to);
    if (kind === '$' && text !== '-1') {
      this.skip = Number(text) + 2;
      return;
    }
    if (kind === '-') this.error ||= text;
    this.ended(kind === '*' && text !== '-1' ? Number(text) : 0);
  }

  /** One element has ended, and brings `more` of its own. */
  private ended(more: number): void {
    this.owed += more - 1;
    if (this.owed > 0) return;
    const { error } = this;
    this.owed = 1;
    this.error = '';
    this.onReply(error);
  }
}

interface Waiting {
  readonly sinceMs: number;
  readonly done: (tookMs: number) => void;
  readonly failed: (why: Error) => void;
}

export class PipelinedClient {
  /** By first word. */
  readonly errors = new Map<string, number>();
  private waiting: Waiting[] = [];
  private first = 0;
  private outgoing: Buffer[] = [];
  private over: Error | undefined;

  static open(port: number): Promise<PipelinedClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new PipelinedClient(socket)));
    });
  }

  private constructor(private readonly socket: Socket) {
    const scanner = new ReplyScanner((error) => this.answered(error));
    socket.on('data', (chunk) => scanner.push(chunk));
    socket.on('error', (why) => this.end(why));
    socket.on('close', () => this.end(new Error('the connection was closed')));
  }

  /** How many commands have no reply yet. */
  get unanswered(): number {
    return this.waiting.length - this.first;
  }

  /** Resolves with the milliseconds since `sinceMs`, when it should have been sent. */
  send(bytes: Buffer, sinceMs = performance.now()): Promise<number> {
    if (this.over !== undefined) return Promise.reject(this.over);
    if (this.outgoing.length === 0) setImmediate(() => this.flush());
    this.outgoing.push(bytes);
    return new Promise((done, failed) => {
      this.waiting.push({ sinceMs, done, failed });
    });
  }

  /** Keeps `depth` commands on their way until `next` has no more; answers how long each took. */
  async run(depth: number, next: () => Buffer | undefined): Promise<number[]> {
    const times: number[] = [];
    const drive = async (): Promise<void> => {
      for (let bytes = next(); bytes !== undefined; bytes = next()) times.push(await this.send(bytes));
    };
    await Promise.all(Array.from({ length: depth }, drive));
    return times;
  }

  close(): void {
    this.end(new Error('closed here'));
  }

  private flush(): void {
    if (this.over !== undefined) return;
    this.socket.write(this.outgoing.length === 1 ? this.outgoing[0]! : Buffer.concat(this.outgoing));
    this.outgoing = [];
  }

  private answered(error: string): void {
    const asked = this.waiting[this.first++]!;
    if (this.first >= 1024 || this.first === this.waiting.length) {
      this.waiting.splice(0, this.first);
      this.first = 0;
    }
    if (error !== '') this.count(error);
    asked.done(performance.now() - asked.sinceMs);
  }

  private count(error: string): void {
    const word = error.split(' ')[0]!;
    this.errors.set(word, (this.errors.get(word) ?? 0) + 1);
  }

  private end(why: Error): void {
    if (this.over !== undefined) return;
    this.over = why;
    this.socket.destroy();
    for (const { failed } of this.waiting.splice(0).slice(this.first)) failed(why);
    this.first = 0;
  }
}

/** `ERR 3, TRYAGAIN 1` of several clients; empty where there was none. */
export function errorsOf(clients: readonly PipelinedClient[]): string {
  const all = new Map<string, number>();
  for (const { errors } of clients) {
    for (const [word, count] of errors) all.set(word, (all.get(word) ?? 0) + count);
  }
  return [...all].map(([word, count]) => `${word} ${count}`).join(', ');
}
