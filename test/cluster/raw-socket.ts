/**
 * A socket that says what it is told to and keeps what it hears: for clients that do not keep to the protocol.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { waitUntil } from '../../jepsen-style/processes.js';

const WAIT_MS_MAX = 30_000;

export class RawSocket {
  private heard: Buffer[] = [];
  private heardBytes = 0;
  private readonly socket: Socket;
  /** The other side has said goodbye, or the connection is broken. */
  isOver = false;

  static async connect(port: number): Promise<RawSocket> {
    const raw = new RawSocket(port);
    await once(raw.socket, 'connect');
    return raw;
  }

  private constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.socket.on('data', (chunk) => {
      this.heard.push(chunk);
      this.heardBytes += chunk.length;
    });
    const over = (): void => {
      this.isOver = true;
    };
    // A reset is an end like another; `close` follows.
    this.socket.on('error', over).on('end', over).on('close', over);
  }

  get text(): string {
    if (this.heard.length > 1) this.heard = [Buffer.concat(this.heard)];
    return this.heard[0]?.toString('latin1') ?? '';
  }

  get bytes(): number {
    return this.heardBytes;
  }

  write(data: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(data, () => {});
  }

  /** Stops reading: the kernel's buffers fill, and then the server's. */
  stopReading(): void {
    this.socket.pause();
  }

  /** Says goodbye, and still listens. */
  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Resolves when this much was heard. */
  async untilText(pattern: RegExp): Promise<void> {
    const what = (): string => `${pattern}, heard ${JSON.stringify(this.text.slice(-200))}`;
    await this.until(what, () => pattern.test(this.text));
  }

  async untilOver(): Promise<void> {
    await this.until(
      () => 'the end of the connection',
      () => this.isOver,
    );
  }

  /** `what` is asked at the end: it says what has come until then. */
  private async until(what: () => string, condition: () => boolean): Promise<void> {
    if (!(await waitUntil(condition, WAIT_MS_MAX, 5))) throw new Error(`never came: ${what()}`);
  }
}

/** A request as clients send it. */
export function request(...words: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.from(word);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}
