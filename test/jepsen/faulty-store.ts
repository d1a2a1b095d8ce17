/**
 * A little server of GET, SET, DEL and INCR that is honest, or lies in one named way now and then.
 *
 * It is what the harness must see through. It listens on several ports over one map, as nodes of a cluster do.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { RespParser, type RespReply } from '../../jepsen-style/resp-parser.js';

export type Fault =
  | 'none'
  | 'lost write'
  | 'stale read'
  | 'increment twice'
  | 'refused, yet done'
  | 'swapped reply';

const LIE_EVERY = 7;

export class FaultyStore {
  private readonly data = new Map<string, string>();
  private readonly older = new Map<string, string>();
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();
  private commands = 0;

  constructor(private readonly fault: Fault) {}

  async listen(port = 0): Promise<{ host: string; port: number }> {
    const server = createServer({ noDelay: true }, (socket) => this.serve(socket));
    this.servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const bound = server.address();
    return { host: '127.0.0.1', port: typeof bound === 'object' && bound ? bound.port : 0 };
  }

  close(): void {
    for (const server of this.servers) server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private serve(socket: Socket): void {
    const parser = new RespParser();
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      parser.push(chunk);
      let replies = '';
      for (let next = parser.next(); next; next = parser.next()) replies += this.execute(wordsOf(next));
      socket.write(replies);
    });
  }

  private execute([name = '', key = '', value = '']: string[]): string {
    const lies = ++this.commands % LIE_EVERY === 0;
    switch (name) {
      case 'GET': {
        const stale = lies && this.fault === 'stale read' ? this.older.get(key) : undefined;
        if (lies && this.fault === 'swapped reply') return '+OK\r\n';
        return bulk(stale ?? this.data.get(key));
      }
      case 'SET':
        if (!(lies && this.fault === 'lost write')) this.put(key, value);
        return lies && this.fault === 'refused, yet done' ? '-CLUSTERDOWN no leader\r\n' : '+OK\r\n';
      case 'DEL':
        return `:${this.data.delete(key) ? 1 : 0}\r\n`;
      case 'INCR': {
        const step = lies && this.fault === 'increment twice' ? 2 : 1;
        const next = Number(this.data.get(key) ?? 0) + step;
        this.put(key, `${next}`);
        return `:${next}\r\n`;
      }
      default:
        return '-ERR unknown command\r\n';
    }
  }

  private put(key: string, value: string): void {
    const before = this.data.get(key);
    if (before !== undefined) this.older.set(key, before);
    this.data.set(key, value);
  }
}

function wordsOf(request: RespReply): string[] {
  return request.kind === 'array' ? request.items.map((item) => (item.kind === 'bulk' ? item.text : '')) : [];
}

function bulk(text: string | undefined): string {
  return text === undefined ? '$-1\r\n' : `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}
