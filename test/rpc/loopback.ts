/**
 * What the transport's tests share: real transports on real loopback sockets, a record of what their handlers saw, and a TCP
 * proxy that can go silent. Nothing here measures time: tests wait for a condition, and node:test's own limit ends one
 * that never comes true.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type Env, silentLog } from '../../src/env.js';
import { seededRandom } from '../../src/random.js';
import { loadSecurity, type SecurityConfig } from '../../src/rpc/credentials.js';
import { GrpcTransport } from '../../src/rpc/grpc-transport.js';
import type { TransportLimits } from '../../src/rpc/limits.js';
import { type PeerServer, startPeerServer } from '../../src/rpc/peer-service.js';
import type { Boot } from '../../src/rpc/topology.js';
import type { Lane, NodeId, PeerAddress } from '../../src/rpc/transport.js';

let seeds = 0;

/** The real clock and timers; dice by seed, each Env its own. */
export function loopbackEnv(): Env {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    after: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
    defer: (run) => void setImmediate(run),
    random: seededRandom(++seeds),
    log: silentLog,
  };
}

export interface Received {
  readonly from: NodeId;
  readonly lane: Lane;
  readonly text: string;
}

export interface TestNode {
  readonly nodeId: NodeId;
  readonly transport: GrpcTransport;
  readonly server: PeerServer;
  readonly address: PeerAddress;
  /** Whatever the handlers saw, in order: `up 2`, `down 2`, `2 sync hello`. */
  readonly events: string[];
  readonly received: Received[];
  /** A second handler for messages, e.g. one that answers. */
  onMessage: (message: Received) => void;
  close(): Promise<void>;
}

export interface TestNodeOptions {
  readonly clusterId?: string;
  readonly port?: number;
  readonly security?: SecurityConfig;
  readonly limits?: Partial<TransportLimits>;
  readonly boot?: Boot;
  readonly outdated?: (why: string) => void;
}

export async function startNode(nodeId: NodeId, options: TestNodeOptions = {}): Promise<TestNode> {
  const security = loadSecurity(options.security ?? {});
  const transport = new GrpcTransport({
    env: loopbackEnv(),
    identity: { clusterId: options.clusterId ?? 'test', nodeId, ...(options.boot && { boot: options.boot }) },
    security,
    ...(options.outdated && { outdated: options.outdated }),
    limits: { reconnectDelayMaxMs: 200, ...options.limits },
  });
  const server = await startPeerServer({ host: '127.0.0.1', port: options.port ?? 0, security, transport });
  const events: string[] = [];
  const received: Received[] = [];
  const node: TestNode = {
    nodeId,
    transport,
    server,
    address: { nodeId, host: '127.0.0.1', port: server.port },
    events,
    received,
    onMessage: () => {},
    close: async () => {
      await transport.close();
      await server.close();
    },
  };
  transport.handlers = {
    onUp: (peer) => events.push(`up ${peer}`),
    onDown: (peer) => events.push(`down ${peer}`),
    onMessage: (from, lane, message) => {
      const text = message.length > 64 ? `${message.length} bytes` : message.toString();
      events.push(`${from} ${lane} ${text}`);
      received.push({ from, lane, text });
      node.onMessage({ from, lane, text });
    },
  };
  return node;
}

/** Everyone dials everyone, and all are up. */
export async function joinAll(...nodes: readonly TestNode[]): Promise<void> {
  for (const node of nodes) node.transport.setPeers(nodes.map(({ address }) => address));
  const others = nodes.length - 1;
  await eventually(() =>
    nodes.every(({ events }) => events.filter((event) => event.startsWith('up')).length === others),
  );
}

export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

export function ups(node: TestNode): number {
  return node.events.filter((event) => event.startsWith('up')).length;
}

export function downs(node: TestNode): number {
  return node.events.filter((event) => event.startsWith('down')).length;
}

/** What came on a lane, in order. */
export function textsOf(node: TestNode, lane: Lane): string[] {
  return node.received.filter((message) => message.lane === lane).map(({ text }) => text);
}

/** A TCP proxy that passes bytes until told to swallow them: to both ends the other looks alive and silent. */
export class SilentProxy {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.server = server;
  }

  static async to(port: number): Promise<SilentProxy> {
    const server = createServer();
    const proxy = new SilentProxy(server);
    server.on('connection', (near) => proxy.join(near, createConnection(port, '127.0.0.1')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  get connections(): number {
    return this.sockets.size / 2;
  }

  /** Reads nothing more and writes nothing more on what stands now, and keeps the sockets open. */
  silence(): void {
    for (const socket of this.sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  /** Resets what stands now. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** Resets the newest connection and leaves the others. */
  cutOne(): void {
    [...this.sockets].at(-1)?.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private join(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
