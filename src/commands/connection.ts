/**
 * The connection itself: HELLO, AUTH, SELECT, PING, ECHO, QUIT, RESET.
 *
 * RESP2 is spoken; HELLO 3 is refused with Redis' NOPROTO, after which clients fall back on their own.
 * The user of AUTH names a table (`default` is table 0); what a password opens is the session's to know.
 */
import { array, bulk, error, integer, map, OK, type Reply, simple } from '../resp/reply.js';
import { integerArgument, isWord } from './arguments.js';
import { clientName } from './client.js';
import { type Args, CommandError, type LocalRow } from './command.js';
import { quoted, SYNTAX_ERROR, wrongArity } from './errors.js';
import type { Session } from './session.js';
import { CONNECTION_FLAGS, traits } from './traits.js';

/** The version of Redis whose behaviour the commands follow. Clients choose features by it. */
export const redisVersion = '7.2.6';

const UNAUTHENTICATED = [...CONNECTION_FLAGS, 'fast', 'no_auth', 'allow_busy'] as const;
const FAST = ['loading', 'stale', 'fast'] as const;

const NEEDS_PASSWORD =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> ' +
  'option can be used to authenticate the client and select the RESP protocol version at the same time';

const hello = {
  name: 'hello',
  summary: 'Handshakes with the server.',
  since: '6.0.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: -1,
  ...traits('connection', UNAUTHENTICATED),
  local: runHello,
} as const satisfies LocalRow;

interface HelloOptions {
  readonly credentials: { readonly table: string; readonly password: Buffer } | undefined;
  readonly name: string | undefined;
}

async function runHello(session: Session, args: Args): Promise<Reply> {
  if (args.length > 1) checkProtocol(args[1]!);
  const { credentials, name } = helloOptions(args);
  if (credentials !== undefined) {
    const reply = await session.authenticate(credentials.table, credentials.password);
    if (reply.kind === 'error') return reply;
  }
  if (!session.authenticated) return error(NEEDS_PASSWORD);
  if (name !== undefined) session.name = name;
  return helloReply(session);
}

function checkProtocol(bytes: Buffer): void {
  const version = integerArgument(bytes, 'ERR Protocol version is not an integer or out of range');
  if (version !== 2) throw new CommandError('NOPROTO unsupported protocol version');
}

function helloOptions(args: Args): HelloOptions {
  let options: HelloOptions = { credentials: undefined, name: undefined };
  for (let at = 2; at < args.length; at++) {
    const more = args.length - 1 - at;
    if (isWord(args[at]!, 'auth') && more >= 2) {
      options = { ...options, credentials: { table: args[at + 1]!.toString(), password: args[at + 2]! } };
      at += 2;
    } else if (isWord(args[at]!, 'setname') && more >= 1) {
      options = { ...options, name: clientName(args[at + 1]!) };
      at += 1;
    } else {
      throw new CommandError(`ERR Syntax error in HELLO option '${quoted(args[at]!)}'`);
    }
  }
  return options;
}

function helloReply(session: Session): Reply {
  return map([
    [bulk('server'), bulk('redis')],
    [bulk('version'), bulk(redisVersion)],
    [bulk('proto'), integer(2)],
    [bulk('id'), integer(session.id)],
    [bulk('mode'), bulk('standalone')],
    [bulk('role'), bulk('master')],
    [bulk('modules'), array([])],
  ]);
}

const auth = {
  name: 'auth',
  summary: 'Authenticates the connection, for a table if one is named.',
  since: '1.0.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: -2,
  ...traits('connection', UNAUTHENTICATED),
  local(session, args) {
    if (args.length > 3) return error(SYNTAX_ERROR);
    const table = args.length === 3 ? args[1]!.toString() : undefined;
    return session.authenticate(table, args.at(-1)!);
  },
} as const satisfies LocalRow;

const select = {
  name: 'select',
  summary: 'Changes the selected table, by id or name.',
  since: '1.0.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: 2,
  ...traits('connection', FAST),
  local: (session, args) => session.select(args[1]!.toString()),
} as const satisfies LocalRow;

const ping = {
  name: 'ping',
  summary: "Returns the server's liveliness response.",
  since: '1.0.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: -1,
  ...traits('connection', ['fast']),
  local(_session, args) {
    if (args.length > 2) return error(wrongArity('ping'));
    return args.length === 2 ? bulk(args[1]!) : simple('PONG');
  },
} as const satisfies LocalRow;

const echo = {
  name: 'echo',
  summary: 'Returns the given string.',
  since: '1.0.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: 2,
  ...traits('connection', FAST),
  local: (_session, args) => bulk(args[1]!),
} as const satisfies LocalRow;

const quit = {
  name: 'quit',
  summary: 'Closes the connection.',
  since: '1.0.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: -1,
  ...traits('connection', UNAUTHENTICATED),
  local(session) {
    session.quit();
    return OK;
  },
} as const satisfies LocalRow;

const reset = {
  name: 'reset',
  summary: 'Resets the connection.',
  since: '6.2.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: 1,
  ...traits('connection', UNAUTHENTICATED),
  local(session) {
    session.reset();
    return simple('RESET');
  },
} as const satisfies LocalRow;

export const connectionRows = [hello, auth, select, ping, echo, quit, reset] as const;
