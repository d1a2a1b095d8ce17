/** What the tests with real sockets share: an Env of the real clock, a client that collects bytes, free ports. */
import net from 'node:net';
import type { Env } from '../../src/env.js';
import { silentLog } from '../../src/env.js';

export const realEnv: Pick<Env, 'after' | 'defer' | 'log'> = {
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (run) => void setImmediate(run),
  log: silentLog,
};

export class Client {
  received = '';
  closed = false;
  private wake: () => void = () => {};

  constructor(readonly socket: net.Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
      this.wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  static connect(port: number, allowHalfOpen = false): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Client(socket)));
    });
  }

  /** Resolves when `enough` holds or the connection is closed. */
  async until(enough: (client: Client) => boolean): Promise<string> {
    while (!enough(this) && !this.closed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.received;
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  /** Everything until the other side closed. */
  all(): Promise<string> {
    return this.until(() => false);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address() as net.AddressInfo;
      probe.close(() => resolve(address.port));
    });
  });
}

/** Waits, turn by turn, for what must come; gives up only so that a broken run ends. */
export async function eventually(condition: () => boolean): Promise<void> {
  const giveUp = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > giveUp) throw new Error(`never happened: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
