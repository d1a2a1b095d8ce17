/**
 * A TCP balancer in front of the nodes, as LVS or HAProxy would be set up: round robin over the nodes whose /readyz says so,
 * asked every 100 ms. A connection stays where it was put; nothing is tried twice.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Backend {
  readonly port: number;
  readonly httpPort: number;
}

const CHECK_MS = 100;
const CHECK_TIMEOUT_MS = 1000;

export class Balancer {
  private readonly ready = new Set<Backend>();
  private readonly sockets = new Set<Socket>();
  private turn = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly server: Server;

  static async start(backends: readonly Backend[]): Promise<Balancer> {
    const balancer = new Balancer(backends);
    await balancer.check();
    await new Promise<void>((resolve) => balancer.server.listen(0, '127.0.0.1', resolve));
    return balancer;
  }

  private constructor(private readonly backends: readonly Backend[]) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.carry(socket));
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  /** RESP ports of the nodes that get new connections. */
  get readyPorts(): readonly number[] {
    return [...this.ready].map(({ port }) => port).sort();
  }

  close(): void {
    clearTimeout(this.timer);
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private async check(): Promise<void> {
    await Promise.all(this.backends.map((backend) => this.checkOne(backend)));
    this.timer = setTimeout(() => void this.check(), CHECK_MS);
  }

  private async checkOne(backend: Backend): Promise<void> {
    const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
    const ok = await fetch(`http://127.0.0.1:${backend.httpPort}/readyz`, { signal }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
    if (ok) this.ready.add(backend);
    else this.ready.delete(backend);
  }

  private carry(client: Socket): void {
    const backends = this.backends.filter((backend) => this.ready.has(backend));
    const backend = backends[this.turn++ % Math.max(1, backends.length)];
    if (backend === undefined) return void client.resetAndDestroy();
    const upstream = connect({ port: backend.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(from);
      from.on('error', () => to.resetAndDestroy());
      from.on('close', () => this.sockets.delete(from));
      from.pipe(to);
    }
  }
}
