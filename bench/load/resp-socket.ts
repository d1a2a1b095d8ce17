/**
 * One connection of a load: bytes out, a count of replies in. Bare, so that little of the machine goes to the generator: one
 * buffer that all reads go to, no reply kept.
 */
import { connect, type Socket } from 'node:net';
import { encodeCommand } from './commands.js';
import type { LoadPlan, Target } from './plan.js';
import { ReplyScanner } from './reply-scanner.js';

const READ_BYTES = 65_536;
/** Reads are handed on before the next one begins: connections can share. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

export class RespSocket {
  /** Set before the first write. */
  onReplies: (count: number) => void = () => {};
  readonly scanner = new ReplyScanner();

  /** Greeted, and ready for commands. Rejects when a greeting is refused. */
  static async open(target: Target, plan: LoadPlan, broken: (why: Error) => void): Promise<RespSocket> {
    const opened = new RespSocket(target, broken);
    for (const words of plan.greeting ?? []) {
      const answered = new Promise<void>((resolve) => {
        opened.onReplies = () => resolve();
      });
      opened.write(Buffer.from(encodeCommand(words)));
      await answered;
      const { firstError } = opened.scanner;
      if (firstError !== undefined) throw new Error(`${words.join(' ')}: ${firstError}`);
    }
    return opened;
  }

  private readonly socket: Socket;
  private ended = false;

  private constructor({ host, port }: Target, broken: (why: Error) => void) {
    const onread = {
      buffer: readBuffer,
      callback: (bytes: number): boolean => {
        const replies = this.scanner.feed(readBuffer, bytes);
        if (replies > 0) this.onReplies(replies);
        return true;
      },
    };
    this.socket = connect({ host, port, noDelay: true, onread });
    this.socket.on('error', (why) => broken(new Error(`${host}:${port}: ${why.message}`)));
    this.socket.on('close', () => {
      if (!this.ended) broken(new Error(`${host}:${port} closed the connection`));
    });
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  close(): void {
    this.ended = true;
    this.socket.destroy();
  }
}
