/**
 * A lie on purpose: a TCP proxy before one node that answers one GET with a value that was overwritten.
 *
 * It proves the harness, not the cluster: a run with the plant must fail. The lie is certain to be one: the
 * value's SET was acknowledged, then another SET of the key was sent and acknowledged, all through this proxy,
 * and only a GET that is sent after that is answered falsely. Values are unique, so nobody wrote it again.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Address, encodeCommand } from './resp-client.js';
import { RespParser, type RespReply } from './resp-parser.js';

interface KeyMemory {
  /** Acknowledged first, and whatever was acknowledged after having been sent later than that. */
  old: string | undefined;
  isOverwritten: boolean;
}

interface Command {
  readonly name: string;
  readonly key: string;
  readonly value: string;
  /** What the proxy knew of the key when the command passed. */
  readonly hadOld: boolean;
  readonly wasOverwritten: boolean;
}

export class StaleReadProxy {
  private readonly memory = new Map<string, KeyMemory>();
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private lies = 0;

  static async start(target: Address, liesMax = 1): Promise<StaleReadProxy> {
    const proxy = new StaleReadProxy(target, liesMax);
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(
    private readonly target: Address,
    private readonly liesMax: number,
  ) {
    this.server = createServer({ noDelay: true }, (client) => this.serve(client));
  }

  get address(): Address {
    const bound = this.server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the proxy is not listening');
    return { host: '127.0.0.1', port: bound.port };
  }

  /** How many replies were false. */
  get planted(): number {
    return this.lies;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private serve(client: Socket): void {
    const upstream = connect({ host: this.target.host, port: this.target.port, noDelay: true });
    const waiting: Command[] = [];
    const commands = new RespParser();
    const replies = new RespParser();
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      const end = (): void => {
        this.sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      };
      socket.on('error', end).on('close', end);
    }
    client.on('data', (chunk) => {
      commands.push(chunk);
      for (let next = commands.next(); next; next = commands.next()) waiting.push(this.passing(next));
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      replies.push(chunk);
      let answer = '';
      for (let next = replies.next(); next; next = replies.next())
        answer += this.answer(waiting.shift(), next);
      client.write(answer);
    });
  }

  private passing(request: RespReply): Command {
    const words = request.kind === 'array' ? request.items : [];
    const [name = '', key = '', value = ''] = words.map((word) => (word.kind === 'bulk' ? word.text : ''));
    const memory = this.memory.get(key);
    return {
      name: name.toUpperCase(),
      key,
      value,
      hadOld: memory?.old !== undefined,
      wasOverwritten: memory?.isOverwritten === true,
    };
  }

  private answer(command: Command | undefined, reply: RespReply): string {
    if (command?.name === 'SET' && reply.kind === 'simple') this.remember(command);
    if (command?.name === 'GET' && command.wasOverwritten && this.lies < this.liesMax) {
      this.lies++;
      return encodeReply({ kind: 'bulk', text: this.memory.get(command.key)?.old ?? '' });
    }
    return encodeReply(reply);
  }

  private remember({ key, value, hadOld }: Command): void {
    const memory = this.memory.get(key) ?? { old: undefined, isOverwritten: false };
    this.memory.set(key, memory);
    if (memory.old === undefined) memory.old = value;
    else if (hadOld) memory.isOverwritten = true;
  }
}

/** RESP2. Nulls become `$-1`: the commands of the harness have no null arrays. */
function encodeReply(reply: RespReply): string {
  switch (reply.kind) {
    case 'simple':
      return `+${reply.text}\r\n`;
    case 'error':
      return `-${reply.text}\r\n`;
    case 'integer':
      return `:${reply.value}\r\n`;
    case 'bulk':
      return encodeCommand([reply.text]).slice('*1\r\n'.length);
    case 'null':
      return '$-1\r\n';
    case 'array':
      return `*${reply.items.length}\r\n${reply.items.map(encodeReply).join('')}`;
  }
}
