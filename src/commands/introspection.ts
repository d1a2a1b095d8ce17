/**
 * COMMAND: the table, told to clients in Redis' layout.
 *
 * Rows are made by a function because the table that they tell of holds them, too. Left out: arguments in COMMAND DOCS
 * (rows don't describe their syntax) and key specs that differ by option.
 */
import { array, bulk, integer, map, NULL, type Reply, simple } from '../resp/reply.js';
import { isWord } from './arguments.js';
import { type Args, CommandError, type CommandRow, type LocalRow, type RowBase } from './command.js';
import { syntaxError } from './errors.js';
import { globMatches } from './glob.js';
import type { Catalogue } from './lookup.js';
import { helpReply } from './text.js';
import { traits } from './traits.js';

const SHARED = { group: 'server', ...traits('connection', ['loading', 'stale']) } as const;
const PER_COMMAND = 'O(N) where N is the number of commands to look up';

export function commandRow(catalogue: () => Catalogue): LocalRow {
  return {
    name: 'command',
    summary: 'Returns detailed information about all commands.',
    since: '2.8.13',
    complexity: 'O(N) where N is the total number of commands',
    arity: -1,
    ...SHARED,
    subcommands: [
      countRow(catalogue),
      docsRow(catalogue),
      getkeysRow(catalogue),
      helpRow,
      infoRow(catalogue),
      listRow(catalogue),
    ],
    local: () => array(catalogue().rows.map(infoReply)),
  };
}

function countRow(catalogue: () => Catalogue): LocalRow {
  return {
    name: 'command|count',
    summary: 'Returns a count of commands.',
    since: '2.8.13',
    complexity: 'O(1)',
    arity: 2,
    ...SHARED,
    local: () => integer(catalogue().rows.length),
  };
}

function infoRow(catalogue: () => Catalogue): LocalRow {
  return {
    name: 'command|info',
    summary: 'Returns information about one, multiple or all commands.',
    since: '2.8.13',
    complexity: PER_COMMAND,
    arity: -2,
    ...SHARED,
    local(_session, args) {
      if (args.length === 2) return array(catalogue().rows.map(infoReply));
      return array(args.slice(2).map((name) => infoReply(catalogue().named(name.toString()))));
    },
  };
}

function infoReply(row: CommandRow | undefined): Reply {
  if (row === undefined) return NULL;
  const { first, last, step } = row.keys ?? { first: 0, last: 0, step: 0 };
  return array([
    bulk(row.name),
    integer(row.arity),
    simpleSet(row.flags),
    integer(first),
    integer(last),
    integer(step),
    simpleSet(row.categories.map((category) => `@${category}`)),
    array(tips(row).map((tip) => bulk(tip))),
    array(keySpecs(row)),
    array((row.subcommands ?? []).map(infoReply)),
  ]);
}

function simpleSet(words: readonly string[]): Reply {
  return { kind: 'set', items: words.map(simple) };
}

/** `concat` is Redis' unspoken default. */
function tips({ policy }: RowBase): string[] {
  if (policy === undefined) return [];
  const response = policy.response === 'concat' ? [] : [`response_policy:${policy.response}`];
  return [`request_policy:${policy.request}`, ...response];
}

function keySpecs(row: CommandRow): Reply[] {
  if (row.keys === undefined) return [];
  const { first, last, step } = row.keys;
  const range = { lastkey: last < 0 ? last : last - first, keystep: step, limit: 0 };
  return [
    map([
      [bulk('flags'), simpleSet('write' in row ? ['RW', 'access', 'update'] : ['RO', 'access'])],
      [bulk('begin_search'), spec('index', { index: first })],
      [bulk('find_keys'), spec('range', range)],
    ]),
  ];
}

function spec(type: string, fields: Readonly<Record<string, number>>): Reply {
  const entries = Object.entries(fields).map(([name, value]) => [bulk(name), integer(value)] as const);
  return map([
    [bulk('type'), bulk(type)],
    [bulk('spec'), map(entries)],
  ]);
}

function docsRow(catalogue: () => Catalogue): LocalRow {
  return {
    name: 'command|docs',
    summary: 'Returns documentary information about one, multiple or all commands.',
    since: '7.0.0',
    complexity: PER_COMMAND,
    arity: -2,
    ...SHARED,
    local(_session, args) {
      const named = args.slice(2).map((name) => catalogue().named(name.toString()));
      const rows = args.length === 2 ? catalogue().rows : named.filter((row) => row !== undefined);
      return docsReply(rows);
    },
  };
}

function docsReply(rows: readonly CommandRow[]): Reply {
  return map(rows.map((row) => [bulk(row.name), docReply(row)] as const));
}

function docReply(row: CommandRow): Reply {
  const fields: (readonly [Reply, Reply])[] = [
    [bulk('summary'), bulk(row.summary)],
    [bulk('since'), bulk(row.since)],
    [bulk('group'), bulk(row.group)],
    [bulk('complexity'), bulk(row.complexity)],
  ];
  if (row.subcommands !== undefined) fields.push([bulk('subcommands'), docsReply(row.subcommands)]);
  return map(fields);
}

function listRow(catalogue: () => Catalogue): LocalRow {
  return {
    name: 'command|list',
    summary: 'Returns a list of command names.',
    since: '7.0.0',
    complexity: 'O(N) where N is the total number of commands',
    arity: -2,
    ...SHARED,
    local(_session, args) {
      const chosen = listFilter(args);
      const rows = catalogue().rows.flatMap((row) => [row, ...(row.subcommands ?? [])]);
      return array(rows.filter(chosen).map((row) => bulk(row.name)));
    },
  };
}

/** FILTERBY MODULE finds nothing: there are no modules. */
function listFilter(args: Args): (row: CommandRow) => boolean {
  if (args.length === 2) return () => true;
  if (args.length !== 5 || !isWord(args[2]!, 'filterby')) throw syntaxError();
  const value = args[4]!;
  if (isWord(args[3]!, 'module')) return () => false;
  if (isWord(args[3]!, 'aclcat')) return (row) => row.categories.some((name) => isWord(value, name));
  if (!isWord(args[3]!, 'pattern')) throw syntaxError();
  return (row) => globMatches(value, Buffer.from(row.name), { ignoreCase: true });
}

function getkeysRow(catalogue: () => Catalogue): LocalRow {
  return {
    name: 'command|getkeys',
    summary: 'Extracts the key names from an arbitrary command.',
    since: '2.8.13',
    complexity: 'O(N) where N is the number of arguments to the command',
    arity: -3,
    ...SHARED,
    local: (_session, args) => array(keysOfCommand(catalogue(), args.slice(2))),
  };
}

function keysOfCommand(catalogue: Catalogue, argv: Args): Reply[] {
  const row = catalogue.find(argv);
  if (row === undefined) throw new CommandError('ERR Invalid command specified');
  if (row.keys === undefined) throw new CommandError('ERR The command has no key arguments');
  if (row.arity >= 0 ? argv.length !== row.arity : argv.length < -row.arity) {
    throw new CommandError('ERR Invalid number of arguments specified for command');
  }
  const { first, last, step } = row.keys;
  const end = last < 0 ? argv.length + last : last;
  return argv.filter((_, at) => at >= first && at <= end && (at - first) % step === 0).map(bulk);
}

const helpRow: LocalRow = {
  name: 'command|help',
  summary: 'Returns helpful text about the different subcommands.',
  since: '5.0.0',
  complexity: 'O(1)',
  arity: 2,
  ...SHARED,
  local: () =>
    helpReply('command', [
      '(no subcommand)',
      '    Return details about all commands.',
      'COUNT',
      '    Return the total number of commands in this server.',
      'LIST',
      '    Return a list of all commands in this server.',
      'INFO [<command-name> ...]',
      '    Return details about multiple commands.',
      '    If no command names are given, details for all commands are returned.',
      'DOCS [<command-name> ...]',
      '    Return documentation details about multiple commands.',
      '    If no command names are given, documentation details for all',
      '    commands are returned.',
      'GETKEYS <full-command>',
      '    Return the keys from a full command.',
    ]),
};
