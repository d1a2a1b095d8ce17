/**
 * The listening end: sockets, plain or TLS, each with its Connection. The only file here that knows the network.
 *
 * A client that shuts its sending side still gets its answers. A client too many is told so and turned away. When
 * we close, what the client still sends is read and thrown away for a moment, because closing a socket with
 * unread bytes resets it, and a reset may overtake the last reply. Authentication, protected mode and what the
 * requests mean are the handler's business.
 */
import net from 'node:net';
import tls from 'node:tls';
import type { Env } from '../env.js';
import type { ByteStream } from './byte-stream.js';
import { Connection, type RequestHandler } from './connection.js';
import type { ConnectionLimits } from './limits.js';
import { Turns } from './turns.js';
import { ReplyWriter } from './writer.js';

export interface RespServerOptions {
  readonly host: string;
  /** 0: any free one, see `port`. */
  readonly port: number;
  readonly maxClients: number;
  readonly limits: ConnectionLimits;
  /** Given: TLS only. */
  readonly tls?: tls.TlsOptions;
  readonly env: Pick<Env, 'after' | 'defer' | 'log'>;
  /** Connection ids, unique over the listeners of a process. */
  readonly nextConnectionId: () => number;
  readonly writer?: ReplyWriter;
  readonly open: (connection: Connection) => RequestHandler;
}

/** Since the start; for INFO and metrics. */
export interface RespCounters {
  readonly connectionsAccepted: number;
  readonly connectionsRejected: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly requests: number;
}

const BACKLOG_CONNECTIONS = 511;
/** Redis' tcp-keepalive. */
const KEEP_ALIVE_MS = 300_000;
const TLS_HANDSHAKE_MS = 10_000;
/** How long a socket that we close is read on for the sake of its last reply. */
const LINGER_MS = 1_000;
const REFUSAL = '-ERR max number of clients reached\r\n';

const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is already in use',
  EACCES: 'no permission for this port',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'the host name is unknown',
};

export class RespServer {
  private readonly options: RespServerOptions;
  private readonly listener: net.Server;
  private readonly writer: ReplyWriter;
  private readonly turns: Turns;
  /** Every accepted socket, also those in a TLS handshake: they count against `maxClients`. */
  private readonly sockets = new Set<net.Socket>();
  private readonly live = new Set<Connection>();
  private accepted = 0;
  private rejected = 0;
  /** What closed connections counted. */
  private readonly gone = { bytesReceived: 0, bytesSent: 0, requests: 0 };
  private whenEmpty: (() => void) | undefined;

  constructor(options: RespServerOptions) {
    this.options = options;
    this.writer = options.writer ?? new ReplyWriter();
    this.turns = new Turns((run) => options.env.defer(run), undefined, queueMicrotask);
    this.listener = this.createListener();
  }

  /** Rejects with one line that names the address and the reason. */
  listen(): Promise<void> {
    const { host, port } = this.options;
    return new Promise((resolve, reject) => {
      const failed = (failure: NodeJS.ErrnoException): void => reject(listenError(host, port, failure));
      this.listener.once('error', failed);
      this.listener.listen({ host, port, backlog: BACKLOG_CONNECTIONS }, () => {
        this.listener.off('error', failed);
        // From here on: accept failed, for want of file descriptors. The clients that we have are served on.
        this.listener.on('error', (failure) =>
          this.options.env.log.warn('accept failed', { reason: failure.message }),
        );
        resolve();
      });
    });
  }

  /** The port listened on, or 0. */
  get port(): number {
    const address = this.listener.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  connections(): IterableIterator<Connection> {
    return this.live.values();
  }

  get connectionCount(): number {
    return this.live.size;
  }

  counters(): RespCounters {
    const total = { ...this.gone };
    for (const connection of this.live) addCounts(total, connection);
    return { connectionsAccepted: this.accepted, connectionsRejected: this.rejected, ...total };
  }

  /** Closes the listener; connections live on. */
  stopAccepting(): void {
    if (this.listener.listening) this.listener.close();
  }

  /** Stops accepting, lets every connection answer what it took up, and cuts what is left after `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    this.stopAccepting();
    for (const connection of this.live) connection.closeAfterReplies();
    if (this.sockets.size === 0) return;
    const emptied = new Promise<void>((resolve) => {
      this.whenEmpty = resolve;
    });
    const deadline = this.options.env.after(drainMs, () => this.cutAll());
    await emptied;
    deadline.cancel();
  }

  private cutAll(): void {
    for (const connection of this.live) connection.kill();
    for (const socket of this.sockets) socket.destroy();
  }

  private createListener(): net.Server {
    const common = {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    };
    const secure = this.options.tls;
    const listener =
      secure === undefined
        ? net.createServer(common)
        : tls.createServer({ handshakeTimeout: TLS_HANDSHAKE_MS, ...secure, ...common });
    // The raw socket, before any handshake.
    listener.on('connection', (socket: net.Socket) => this.admit(socket));
    if (secure !== undefined) {
      listener.on('secureConnection', (socket: tls.TLSSocket) => this.serve(socket));
      listener.on('tlsClientError', (_failure, socket: tls.TLSSocket) => socket.destroy());
    }
    return listener;
  }

  private admit(socket: net.Socket): void {
    const secure = this.options.tls !== undefined;
    socket.on('error', ignore);
    if (this.sockets.size >= this.options.maxClients) {
      this.rejected += 1;
      if (secure) socket.destroy();
      else this.refuse(socket);
      return;
    }
    this.accepted += 1;
    this.track(socket);
    if (!secure) this.serve(socket);
  }

  private refuse(socket: net.Socket): void {
    socket.write(REFUSAL);
    closeGently(socket, this.options.env);
  }

  private track(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.once('close', () => {
      this.sockets.delete(socket);
      if (this.sockets.size === 0) this.whenEmpty?.();
    });
  }

  private serve(socket: net.Socket): void {
    const { env, limits, nextConnectionId, open } = this.options;
    socket.on('error', ignore);
    const stream = new SocketStream(socket, env);
    const connection = new Connection(
      stream,
      {
        id: nextConnectionId(),
        remoteAddress: endpoint(socket.remoteAddress, socket.remotePort),
        localAddress: endpoint(socket.localAddress, socket.localPort),
        limits,
        turns: this.turns,
        writer: this.writer,
      },
      open,
    );
    this.live.add(connection);
    stream.drained = () => connection.drained();
    socket.on('data', (chunk: Buffer) => connection.received(chunk));
    socket.once('end', () => connection.ended());
    socket.once('close', () => this.forget(connection));
  }

  private forget(connection: Connection): void {
    connection.closed();
    this.live.delete(connection);
    addCounts(this.gone, connection);
  }
}

/**
 * A socket as the connection sees it. It does not wait for the socket's `drain`, which comes only after more than
 * the high-water mark was unsent, while the connection's own mark may be lower.
 */
class SocketStream implements ByteStream {
  /** Set before the first write. */
  drained: () => void = () => {};
  private readonly socket: net.Socket;
  private readonly env: Pick<Env, 'after'>;
  private readonly written = (): void => {
    if (this.socket.writableLength === 0) this.drained();
  };

  constructor(socket: net.Socket, env: Pick<Env, 'after'>) {
    this.socket = socket;
    this.env = env;
  }

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes, this.written);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    closeGently(this.socket, this.env);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Sends what was written, says goodbye, and reads on until the client says it too (then Node closes the socket). */
function closeGently(socket: net.Socket, env: Pick<Env, 'after'>): void {
  socket.end(() => {
    const deadline = env.after(LINGER_MS, () => socket.destroy());
    socket.once('close', () => deadline.cancel());
  });
  socket.resume();
}

function addCounts(
  total: { bytesReceived: number; bytesSent: number; requests: number },
  from: Connection,
): void {
  total.bytesReceived += from.bytesReceived;
  total.bytesSent += from.bytesSent;
  total.requests += from.requests;
}

function endpoint(host: string | undefined, port: number | undefined): string {
  const name = host ?? '?';
  return `${name.includes(':') ? `[${name}]` : name}:${port ?? 0}`;
}

function listenError(host: string, port: number, failure: NodeJS.ErrnoException): Error {
  const code = failure.code ?? failure.message;
  const reason = LISTEN_REASONS[code];
  return new Error(
    `cannot listen on ${endpoint(host, port)}: ${reason === undefined ? code : `${reason} (${code})`}`,
  );
}

/** `close` follows every socket error, and says all that is to be known. */
function ignore(): void {}
