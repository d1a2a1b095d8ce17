/** A ByteStream that sends when it is told to, a handler that answers when it is told to, and a hand-cranked defer. */
import type { ByteStream } from '../../src/resp/byte-stream.js';
import type { RequestHandler } from '../../src/resp/connection.js';
import { Connection } from '../../src/resp/connection.js';
import type { ConnectionLimits } from '../../src/resp/limits.js';
import { DEFAULT_CONNECTION_LIMITS } from '../../src/resp/limits.js';
import { bulk, type Reply } from '../../src/resp/reply.js';
import { Turns } from '../../src/resp/turns.js';

export class FakeStream implements ByteStream {
  readonly writes: Buffer[] = [];
  unsentBytes = 0;
  paused = false;
  ended = false;
  destroyed = false;
  /** Counts what is written as unsent until `take`. */
  holding = false;

  write(bytes: Buffer): void {
    this.writes.push(bytes);
    if (this.holding) this.unsentBytes += bytes.length;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  get text(): string {
    return Buffer.concat(this.writes).toString('latin1');
  }
}

export interface Asked {
  readonly argv: readonly string[];
  readonly answer: (reply: Reply | undefined) => void;
}

export interface Bench {
  readonly stream: FakeStream;
  readonly connection: Connection;
  /** Requests handed to the handler, in order. */
  readonly asked: Asked[];
  readonly closings: { count: number };
  send(text: string): void;
  /** Runs what was deferred, until nothing is. */
  settle(): void;
  /** Runs only what is deferred now; false when nothing was. */
  oneTurn(): boolean;
  /** The client reads all that was written. */
  clientReads(): void;
}

export type Script = (asked: Asked, connection: Connection) => 'go' | 'hold' | undefined;

/** By default each request waits for a later answer; names that start with `hold` hold. */
export function bench(limits: Partial<ConnectionLimits> = {}, script: Script = () => undefined): Bench {
  const stream = new FakeStream();
  const asked: Asked[] = [];
  const closings = { count: 0 };
  let deferred: (() => void)[] = [];
  const oneTurn = (): boolean => {
    const due = deferred;
    deferred = [];
    for (const run of due) run();
    return due.length > 0;
  };
  const settle = (): void => {
    while (oneTurn());
  };
  const open = (connection: Connection): RequestHandler => ({
    execute: (argv, answer) => {
      const one: Asked = { argv: argv.map(String), answer };
      asked.push(one);
      return script(one, connection) ?? (one.argv[0]!.startsWith('hold') ? 'hold' : 'go');
    },
    closed: () => {
      closings.count += 1;
    },
  });
  const connection = new Connection(
    stream,
    {
      id: 1,
      remoteAddress: '127.0.0.1:50000',
      localAddress: '127.0.0.1:9221',
      limits: { ...DEFAULT_CONNECTION_LIMITS, ...limits },
      turns: new Turns((run) => void deferred.push(run)),
    },
    open,
  );
  const clientReads = (): void => {
    stream.unsentBytes = 0;
    connection.drained();
  };
  return {
    stream,
    connection,
    asked,
    closings,
    send: (text) => connection.received(Buffer.from(text)),
    settle,
    oneTurn,
    clientReads,
  };
}

/** Answers at once with the request's own name. */
export const echo: Script = ({ argv, answer }) => {
  answer(bulk(argv[0]!));
  return 'go';
};
