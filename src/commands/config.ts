/**
 * CONFIG: the node's settings, to read.
 *
 * Settings come from the configuration file, flags and environment at start. CONFIG SET is refused in Redis' own form for
 * settings that are fixed at run time, so that clients which try to set one see a definite answer.
 * CONFIG RESETSTAT is accepted and resets nothing: the counters belong to the metrics, which must not go backwards.
 */
import { bulk, error, map, OK, type Reply } from '../resp/reply.js';
import type { Args, LocalRow } from './command.js';
import { quoted, SYNTAX_ERROR } from './errors.js';
import { globMatches } from './glob.js';
import type { Session } from './session.js';
import { helpReply } from './text.js';
import { CONNECTION_FLAGS, traits } from './traits.js';

const ADMIN = traits([], ['admin', ...CONNECTION_FLAGS]);

const get = {
  name: 'config|get',
  summary: 'Returns the effective values of configuration parameters.',
  since: '2.0.0',
  group: 'server',
  complexity: 'O(N) when N is the number of configuration parameters provided',
  arity: -3,
  ...ADMIN,
  local: getConfig,
} as const satisfies LocalRow;

function getConfig(session: Session, args: Args): Reply {
  const patterns = args.slice(2);
  const wanted = session.node.config().filter(([name]) => {
    const text = Buffer.from(name);
    return patterns.some((pattern) => globMatches(pattern, text, { ignoreCase: true }));
  });
  return map(wanted.map(([name, value]) => [bulk(name), bulk(value)] as const));
}

const set = {
  name: 'config|set',
  summary: 'Refused: configuration parameters are fixed at run time.',
  since: '2.0.0',
  group: 'server',
  complexity: 'O(N) when N is the number of configuration parameters provided',
  arity: -4,
  ...ADMIN,
  local: refuseSet,
} as const satisfies LocalRow;

function refuseSet(session: Session, args: Args): Reply {
  const known = new Set(session.node.config().map(([name]) => name.toLowerCase()));
  const names = args.filter((_, at) => at >= 2 && at % 2 === 0).map((name) => quoted(name));
  const unknown = args.length % 2 === 1 ? names[0] : names.find((name) => !known.has(name.toLowerCase()));
  if (unknown !== undefined) {
    return error(`ERR Unknown option or number of arguments for CONFIG SET - '${unknown}'`);
  }
  return error(
    `ERR CONFIG SET failed (possibly related to argument '${names[0]}') - can't set immutable config: ` +
      'settings are read-only at run time',
  );
}

const resetstat = {
  name: 'config|resetstat',
  summary: 'Accepted; statistics are metrics that never go backwards.',
  since: '2.0.0',
  group: 'server',
  complexity: 'O(1)',
  arity: 2,
  ...ADMIN,
  local: () => OK,
} as const satisfies LocalRow;

const help = {
  name: 'config|help',
  summary: 'Returns helpful text about the different subcommands.',
  since: '5.0.0',
  group: 'server',
  complexity: 'O(1)',
  arity: 2,
  ...traits([], ['loading', 'stale']),
  local: () =>
    helpReply('config', [
      'GET <pattern>',
      '    Return parameters matching the glob-like <pattern> and their values.',
      'SET <directive> <value>',
      '    Refused: settings are read-only at run time.',
      'RESETSTAT',
      '    Accepted; statistics are metrics that never go backwards.',
    ]),
} as const satisfies LocalRow;

export const configRow: LocalRow = {
  name: 'config',
  summary: 'A container for server configuration commands.',
  since: '2.0.0',
  group: 'server',
  complexity: 'Depends on subcommand.',
  arity: -2,
  ...traits([], []),
  subcommands: [get, help, resetstat, set],
  local: () => error(SYNTAX_ERROR),
};
