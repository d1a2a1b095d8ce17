/**
 * One client connection of the simulated world: bytes into the real parser, bytes out of the real encoder, cut anywhere on the way.
 *
 * It is the ByteStream of the server's Connection and the client's socket in one. Each direction is a queue in order; of what the
 * server wrote before it died the client may still read everything. Events of the server's side belong to the server's life.
 */
import type { Random } from '../../src/random.js';
import type { ByteStream } from '../../src/resp/byte-stream.js';
import { Connection, type ConnectionOptions, type RequestHandler } from '../../src/resp/connection.js';
import { ReplyDecoder } from '../../src/resp/decoder.js';
import type { Reply } from '../../src/resp/reply.js';
import { Turns } from '../../src/resp/turns.js';
import type { Scheduler } from './scheduler.js';
import type { ProcessLife } from './sim-env.js';

export interface ClientEvents {
  reply(reply: Reply): void;
  /** Nothing more comes. Once. */
  closed(): void;
}

export interface ClientOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly life: ProcessLife;
  readonly connectionId: number;
  readonly limits: ConnectionOptions['limits'];
  readonly delayUsMax: number;
  open(connection: Connection): RequestHandler;
}

/** A client notices a dead server at most so late. */
const NOTICE_US_MAX = 20_000;

export class ClientConnection implements ByteStream {
  unsentBytes = 0;
  private server: Connection | undefined;
  private readonly toServer: Buffer[] = [];
  private readonly toClient: Buffer[] = [];
  private readonly decoder = new ReplyDecoder();
  private paused = false;
  private stalled = 0;
  private ending = false;
  /** The client hears no more. */
  private over = false;

  constructor(
    private readonly options: ClientOptions,
    private readonly events: ClientEvents,
  ) {
    this.atServer('client connect', () => this.accept());
  }

  // --- the client's side -------------------------------------------------------------------------------------

  send(bytes: Buffer): void {
    for (const piece of this.pieces(bytes)) {
      this.toServer.push(piece);
      this.atServer('client bytes', () => this.arrive(), piece.length);
    }
  }

  /** The client goes away without a word. */
  abort(): void {
    this.over = true;
    this.atServer('client gone', () => this.server?.closed());
  }

  /** The server's process died. */
  serverDied(): void {
    const afterUs = this.options.delayUsMax + this.options.random.below(NOTICE_US_MAX);
    this.options.scheduler.after(afterUs, 'client notices', undefined, () => this.finish());
  }

  // --- the server's ByteStream -------------------------------------------------------------------------------

  write(bytes: Buffer): void {
    this.toClient.push(bytes);
    this.unsentBytes += bytes.length;
    this.atClient('client reply', () => this.read(), bytes.length);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    for (; this.stalled > 0; this.stalled--) this.atServer('client bytes', () => this.arrive());
  }

  end(): void {
    this.ending = true;
    if (this.toClient.length === 0) this.endBoth();
  }

  destroy(): void {
    this.toClient.length = 0;
    this.endBoth();
  }

  // --- inside ------------------------------------------------------------------------------------------------

  /** The connection stands before its first bytes are read, whichever event comes first. */
  private accept(): void {
    if (this.server !== undefined) return;
    const { connectionId, limits, life } = this.options;
    const [remoteAddress, localAddress] = ['127.0.0.1:50000', '127.0.0.1:9221'];
    const options = {
      id: connectionId,
      remoteAddress,
      localAddress,
      limits,
      turns: new Turns((run) => life.defer(run)),
    };
    this.server = new Connection(this, options, (connection) => this.options.open(connection));
  }

  private arrive(): void {
    this.accept();
    if (this.paused) {
      this.stalled++;
      return;
    }
    const piece = this.toServer.shift();
    if (piece !== undefined) this.server!.received(piece);
  }

  private read(): void {
    const bytes = this.toClient.shift();
    if (bytes === undefined) return;
    this.unsentBytes -= bytes.length;
    if (this.unsentBytes === 0) this.atServer('client drained', () => this.server!.drained());
    if (!this.over) this.decode(bytes);
    if (this.ending && this.toClient.length === 0) this.endBoth();
  }

  private decode(bytes: Buffer): void {
    this.decoder.feed(bytes);
    for (let reply = this.decoder.next(); reply !== undefined; reply = this.decoder.next()) {
      if (!this.over) this.events.reply(reply);
    }
  }

  private endBoth(): void {
    this.atServer('client gone', () => this.server!.closed());
    this.atClient('client closed', () => this.finish());
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    this.events.closed();
  }

  private atServer(kind: string, run: () => void, size = 0): void {
    const { scheduler, random, delayUsMax, life } = this.options;
    scheduler.after(random.below(delayUsMax), kind, life, run, size);
  }

  private atClient(kind: string, run: () => void, size = 0): void {
    const { scheduler, random, delayUsMax } = this.options;
    scheduler.after(random.below(delayUsMax), kind, undefined, run, size);
  }

  /** Now and then cut in two anywhere. */
  private pieces(bytes: Buffer): Buffer[] {
    const { random } = this.options;
    if (bytes.length < 2 || random.below(4) !== 0) return [bytes];
    const cut = 1 + random.below(bytes.length - 1);
    return [bytes.subarray(0, cut), bytes.subarray(cut)];
  }
}
