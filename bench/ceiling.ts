/**
 * The ceiling: what a node could answer if commands cost nothing but their words. The project's own RESP server on a Map, without
 * slots, log, disk or peers.
 *
 *   node dist/bench/ceiling.js <port>
 *
 * It knows the commands that loads are made of, and no more of them than loads use.
 */
import { silentLog } from '../src/env.js';
import type { RequestHandler } from '../src/resp/connection.js';
import { DEFAULT_CONNECTION_LIMITS } from '../src/resp/limits.js';
import { bulk, error, integer, NULL, OK, type Reply, simple } from '../src/resp/reply.js';
import { RespServer } from '../src/resp/server.js';
import { systemEnv } from '../src/system-env.js';

const values = new Map<string, Buffer>();
const counters = new Map<string, number>();

const COMMANDS: Readonly<Record<string, (argv: readonly Buffer[]) => Reply>> = {
  // A copy: an argument is a view of what a socket read, which would be kept whole.
  SET: (argv) => {
    values.set(argv[1]!.toString('latin1'), Buffer.from(argv[2]!));
    return OK;
  },
  GET: (argv) => {
    const value = values.get(argv[1]!.toString('latin1'));
    return value === undefined ? NULL : bulk(value);
  },
  INCR: (argv) => {
    const key = argv[1]!.toString('latin1');
    const value = (counters.get(key) ?? 0) + 1;
    counters.set(key, value);
    return integer(value);
  },
  PING: () => simple('PONG'),
};

const handler: RequestHandler = {
  execute: (argv, answer) => {
    const run = COMMANDS[argv[0]!.toString('latin1').toUpperCase()];
    answer(run === undefined ? error('ERR unknown command') : run(argv));
    return 'go';
  },
  closed: () => {},
};

let connections = 0;
const server = new RespServer({
  host: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  maxClients: 10_000,
  limits: DEFAULT_CONNECTION_LIMITS,
  env: systemEnv(silentLog),
  nextConnectionId: () => ++connections,
  open: () => handler,
});
await server.listen();
console.log(`port ${server.port}: ready`);
