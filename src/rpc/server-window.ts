/**
 * Wider HTTP/2 windows for what a gRPC server receives.
 *
 * grpc-js takes `grpc-node.flow_control_window` for clients only; a server keeps HTTP/2's 64 KiB a stream and a connection,
 * which caps a link of 1 ms at 64 MB/s and one of 10 ms at 6 MB/s, whatever the wire could do. This reaches for two fields of
 * its Server that are not in its interface; where they are missing, the windows stay as they are and everything else works.
 * A test asks a server for its window, so that an update of grpc-js that moves the fields is noticed.
 */
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

interface ServerInternals {
  readonly commonServerOptions?: { settings?: object };
  readonly http2Servers?: ReadonlyMap<Http2Server, unknown>;
}

/** Of each stream; before the server has a listener. */
export function widenStreamWindows(server: Server, windowBytes: number): void {
  const { commonServerOptions } = server as unknown as ServerInternals;
  if (commonServerOptions === undefined) return;
  commonServerOptions.settings = { ...commonServerOptions.settings, initialWindowSize: windowBytes };
}

/** Of each connection; after the server has its listener. */
export function widenConnectionWindows(server: Server, windowBytes: number): void {
  const { http2Servers } = server as unknown as ServerInternals;
  if (!(http2Servers instanceof Map)) return;
  for (const http2Server of http2Servers.keys() as Iterable<Http2Server>) {
    http2Server.on('session', (session: ServerHttp2Session) => session.setLocalWindowSize(windowBytes));
  }
}
