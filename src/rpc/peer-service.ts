/**
 * The node's one gRPC server: the peer service, health (`grpc.health.v1`), and on request reflection.
 *
 * Listening beyond loopback needs a token or mutual TLS (credentials.ts). Health answers anyone who reaches the port.
 */
import { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { PeerCall } from './accepted-peers.js';
import type { Security } from './credentials.js';
import { peerMethods } from './frames.js';
import { listenGrpc } from './grpc-listener.js';
import type { GrpcTransport } from './grpc-transport.js';
import { endpointOptions } from './limits.js';
import { loadProto } from './proto.js';

export interface PeerServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly security: Security;
  readonly transport: GrpcTransport;
  /** Lets `grpcurl` list the services. Off unless set. */
  readonly reflection?: boolean;
}

export interface PeerServer {
  readonly port: number;
  /** What health answers; SERVING from the start. */
  setServing(serving: boolean): void;
  /** Stops listening and ends every connection. The transport is closed by its owner, before. */
  close(): Promise<void>;
}

const SERVICE_NAME = 'talus.peer.v1.PeerService';

/** Rejects with an Error of one line that names host and port when it can't listen there. */
export async function startPeerServer(options: PeerServerOptions): Promise<PeerServer> {
  const { host, port, security, transport } = options;
  const server = new Server(endpointOptions(transport.limits));
  server.addService(peerMethods, {
    Control: (call: PeerCall) => transport.accept('Control', call),
    BinlogSync: (call: PeerCall) => transport.accept('BinlogSync', call),
    Forward: (call: PeerCall) => transport.accept('Forward', call),
    Snapshot: (call: PeerCall) => transport.accept('Snapshot', call),
  });
  const health = new HealthImplementation({ '': 'SERVING', [SERVICE_NAME]: 'SERVING' });
  health.addToServer(server);
  if (options.reflection) new ReflectionService(loadProto('talus/peer/v1/peer.proto')).addToServer(server);
  const { windowBytes } = transport.limits;
  const listener = await listenGrpc(server, { host, port, security, what: 'the peer port', windowBytes });
  return {
    port: listener.port,
    setServing: (serving) => {
      for (const name of ['', SERVICE_NAME]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
    },
    close: () => listener.close(),
  };
}
