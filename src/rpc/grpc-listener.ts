/**
 * Where a gRPC server listens, by our own TCP listener instead of grpc-js' `bindAsync`.
 *
 * Two things that `bindAsync` does not give: an error that says in one line what the system said, and a close that ends. Its
 * forced shutdown closes each HTTP/2 session politely first, and Node then waits for the other side's FIN, which a silent peer
 * never sends; here the sockets are known, and are destroyed.
 */
import { createServer, type Socket, type Server as TcpServer } from 'node:net';
import type { Server } from '@grpc/grpc-js';
import { hostPort, requireSafeListen, type Security } from './credentials.js';
import { widenConnectionWindows, widenStreamWindows } from './server-window.js';

export interface ListenOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly security: Security;
  /** For messages: `the peer port`. */
  readonly what: string;
  /** HTTP/2's window, a stream and a connection; its own 64 KiB if absent. */
  readonly windowBytes?: number;
}

export interface GrpcListener {
  readonly port: number;
  /** Stops listening and ends every connection, answered or not. */
  close(): Promise<void>;
}

/** Rejects with an Error of one line that names host and port when it can't listen there. */
export async function listenGrpc(server: Server, options: ListenOptions): Promise<GrpcListener> {
  const { host, port, security, what, windowBytes } = options;
  requireSafeListen(security, host, what);
  if (windowBytes !== undefined) widenStreamWindows(server, windowBytes);
  const injector = server.createConnectionInjector(security.serverCredentials);
  if (windowBytes !== undefined) widenConnectionWindows(server, windowBytes);
  const sockets = new Set<Socket>();
  const tcp = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  try {
    return { port: await listen(tcp, host, port), close: () => close(server, tcp, sockets) };
  } catch (error) {
    server.forceShutdown();
    throw new Error(`${what}: cannot listen on ${hostPort(host, port)}: ${reasonOf(error)}`);
  }
}

function listen(tcp: TcpServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    tcp.once('error', reject);
    tcp.listen(port, host.replace(/^\[(.*)\]$/, '$1'), () => {
      tcp.off('error', reject);
      const address = tcp.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function close(server: Server, tcp: TcpServer, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    tcp.close(() => resolve());
    server.forceShutdown();
    for (const socket of sockets) socket.destroy();
  });
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EADDRINUSE':
      return 'the address is in use (EADDRINUSE)';
    case 'EADDRNOTAVAIL':
      return 'no such address on this machine (EADDRNOTAVAIL)';
    case 'EACCES':
      return 'permission denied (EACCES)';
    default:
      return message;
  }
}
