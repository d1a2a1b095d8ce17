/**
 * The way from node to node, where it can be broken: before each node's peer port stands a TCP proxy, whose port the node advertises.
 *
 * All peers of a node dial the one address that it advertises, so a proxy knows whom a connection leads to and not whence it
 * comes. A reset is a real one (RST to both ends, what was on its way is lost), and the next attempt gets through at once: what
 * breaks is the stream, never the node and never the network.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Proxy {
  readonly server: Server;
  readonly sockets: Set<Socket>;
}

export class PeerProxies {
  private resets = 0;

  /** Node 1 is reached through the first port, and so on. */
  static async start(
    links: readonly { readonly port: number; readonly target: number }[],
  ): Promise<PeerProxies> {
    const proxies = await Promise.all(links.map(({ port, target }) => listen(port, target)));
    return new PeerProxies(proxies);
  }

  private constructor(private readonly proxies: readonly Proxy[]) {}

  /** Connections that were reset since the start. */
  get resetCount(): number {
    return this.resets;
  }

  /** Resets every connection that leads to one of these nodes. */
  reset(nodes: readonly number[]): void {
    for (const node of nodes) {
      const { sockets } = this.proxies[node - 1]!;
      this.resets += sockets.size / 2;
      for (const socket of sockets) socket.resetAndDestroy();
    }
  }

  close(): void {
    for (const { server, sockets } of this.proxies) {
      server.close();
      for (const socket of sockets) socket.destroy();
    }
  }
}

function listen(port: number, target: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true, noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      // A node that is down: the dialler is to see a broken connection, as it would without the proxy.
      from.on('error', () => to.resetAndDestroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve({ server, sockets }));
  });
}
