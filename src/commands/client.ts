/**
 * CLIENT: what the connection says of itself.
 *
 * A connection sees only itself: other clients may belong to other tables, and operators have metrics. NO-EVICT and NO-TOUCH
 * are accepted because their promise holds anyway: nothing is evicted, and reads leave no mark on keys.
 */
import { bulk, error, integer, NULL, OK, type Reply } from '../resp/reply.js';
import { integerArgument, isWord } from './arguments.js';
import { type Args, CommandError, type LocalRow } from './command.js';
import { quoted, SYNTAX_ERROR } from './errors.js';
import type { Session } from './session.js';
import { helpReply, textReply } from './text.js';
import { CONNECTION_FLAGS, traits } from './traits.js';

const PLAIN = traits('connection', CONNECTION_FLAGS);
const ADMIN = traits('connection', ['admin', ...CONNECTION_FLAGS]);

const id = {
  name: 'client|id',
  summary: 'Returns the unique client ID of the connection.',
  since: '5.0.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: 2,
  ...PLAIN,
  local: (session) => integer(session.id),
} as const satisfies LocalRow;

const getname = {
  name: 'client|getname',
  summary: 'Returns the name of the connection.',
  since: '2.6.9',
  group: 'connection',
  complexity: 'O(1)',
  arity: 2,
  ...PLAIN,
  local: (session) => (session.name === '' ? NULL : bulk(session.name)),
} as const satisfies LocalRow;

const setname = {
  name: 'client|setname',
  summary: 'Sets the connection name.',
  since: '2.6.9',
  group: 'connection',
  complexity: 'O(1)',
  arity: 3,
  ...PLAIN,
  local(session, args) {
    session.name = clientName(args[2]!);
    return OK;
  },
} as const satisfies LocalRow;

/** CLIENT LIST separates fields by spaces: a name must not hold any. */
export function clientName(bytes: Buffer): string {
  if (!isPrintable(bytes)) {
    throw new CommandError('ERR Client names cannot contain spaces, newlines or special characters.');
  }
  return bytes.toString('latin1');
}

function isPrintable(bytes: Buffer): boolean {
  return bytes.every((byte) => byte >= 33 && byte <= 126);
}

const setinfo = {
  name: 'client|setinfo',
  summary: 'Sets information specific to the client or connection.',
  since: '7.2.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: 4,
  ...PLAIN,
  local: setInfo,
} as const satisfies LocalRow;

function setInfo(session: Session, args: Args): Reply {
  const attribute = args[2]!;
  const isName = isWord(attribute, 'lib-name');
  if (!isName && !isWord(attribute, 'lib-ver')) {
    return error(`ERR Unrecognized option '${quoted(attribute)}'`);
  }
  if (!isPrintable(args[3]!)) {
    return error(`ERR ${quoted(attribute)} cannot contain spaces, newlines or special characters.`);
  }
  session[isName ? 'libName' : 'libVersion'] = args[3]!.toString('latin1');
  return OK;
}

const info = {
  name: 'client|info',
  summary: 'Returns information about the connection.',
  since: '6.2.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: 2,
  ...PLAIN,
  local: (session) => textReply(`${session.describe()}\n`),
} as const satisfies LocalRow;

const list = {
  name: 'client|list',
  summary: 'Lists the connection itself.',
  since: '2.4.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: -2,
  ...ADMIN,
  local: (session, args) => textReply(isListed(session, args) ? `${session.describe()}\n` : ''),
} as const satisfies LocalRow;

const OTHER_TYPES = ['master', 'replica', 'slave', 'pubsub'];

function isListed(session: Session, args: Args): boolean {
  if (args.length === 2) return true;
  if (args.length === 4 && isWord(args[2]!, 'type')) return isOwnType(args[3]!);
  if (args.length > 3 && isWord(args[2]!, 'id')) return args.slice(3).map(clientId).includes(session.id);
  throw new CommandError(SYNTAX_ERROR);
}

function isOwnType(type: Buffer): boolean {
  if (isWord(type, 'normal')) return true;
  if (OTHER_TYPES.some((name) => isWord(type, name))) return false;
  throw new CommandError(`ERR Unknown client type '${quoted(type)}'`);
}

function clientId(bytes: Buffer): number {
  return Number(integerArgument(bytes, 'ERR Invalid client ID'));
}

function onOrOff(_session: Session, args: Args): Reply {
  return isWord(args[2]!, 'on') || isWord(args[2]!, 'off') ? OK : error(SYNTAX_ERROR);
}

const noEvict = {
  name: 'client|no-evict',
  summary: 'Sets the client eviction mode of the connection; nothing is evicted here.',
  since: '7.0.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: 3,
  ...ADMIN,
  local: onOrOff,
} as const satisfies LocalRow;

const noTouch = {
  name: 'client|no-touch',
  summary: 'Controls whether commands affect the last access of keys; none is kept here.',
  since: '7.2.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: 3,
  ...PLAIN,
  local: onOrOff,
} as const satisfies LocalRow;

const help = {
  name: 'client|help',
  summary: 'Returns helpful text about the different subcommands.',
  since: '5.0.0',
  group: 'connection',
  complexity: 'O(1)',
  arity: 2,
  ...traits('connection', ['loading', 'stale']),
  local: () =>
    helpReply('client', [
      'GETNAME',
      '    Return the name of the current connection.',
      'ID',
      '    Return the ID of the current connection.',
      'INFO',
      '    Return information about the current client connection.',
      'LIST [options ...]',
      '    Return information about this connection.',
      'NO-EVICT (ON|OFF)',
      '    Accepted; nothing is evicted.',
      'NO-TOUCH (ON|OFF)',
      '    Accepted; no last access of keys is kept.',
      'SETINFO <option> <value>',
      '    Set client meta attr. Options are LIB-NAME and LIB-VER.',
      'SETNAME <name>',
      '    Assign the name <name> to the current connection.',
    ]),
} as const satisfies LocalRow;

export const clientRow: LocalRow = {
  name: 'client',
  summary: 'A container for client connection commands.',
  since: '2.4.0',
  group: 'connection',
  complexity: 'Depends on subcommand.',
  arity: -2,
  ...traits([], []),
  subcommands: [getname, help, id, info, list, noEvict, noTouch, setinfo, setname],
  local: () => error(SYNTAX_ERROR),
};
