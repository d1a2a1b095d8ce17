/**
 * The one list of commands, and the questions that gate, router and docs ask of it.
 *
 * A request's road: `gate` (known? arguments counted?), then the caller's own checks (password, table), then `refusal` (the
 * row's `parse`): Redis answers a missing password before it looks at a command's options, and so do we.
 */
import { error, type Reply } from '../resp/reply.js';
import { clientRow } from './client.js';
import { clusterRows } from './cluster.js';
import {
  type Args,
  CommandError,
  type CommandRow,
  type LocalRow,
  type ReadRow,
  type WriteRow,
} from './command.js';
import { configRow } from './config.js';
import { connectionRows } from './connection.js';
import { debugRow } from './debug.js';
import { quoted, wrongArity } from './errors.js';
import { expiryRows } from './expiry.js';
import { genericRows, tableRows } from './generic.js';
import { hashRows } from './hash.js';
import { commandRow } from './introspection.js';
import { listRows } from './list.js';
import { makeCatalogue } from './lookup.js';
import { numberRows } from './number.js';
import { scanRows } from './scan.js';
import { serverRows } from './server.js';
import { setRows } from './set.js';
import { sortedSetRows } from './sorted-set.js';
import { sortedSetRangeRows } from './sorted-set-range.js';
import { stringRows } from './string.js';
import { stringManyRows } from './string-many.js';
import { stringRangeRows } from './string-range.js';
import { waitRows } from './wait.js';
import { zaddRows } from './zadd.js';

/** Every command, containers with their subcommands inside; sorted by name. */
export const commandTable: readonly CommandRow[] = [
  ...stringRows,
  ...stringManyRows,
  ...stringRangeRows,
  ...numberRows,
  ...hashRows,
  ...setRows,
  ...zaddRows,
  ...sortedSetRows,
  ...sortedSetRangeRows,
  ...listRows,
  ...genericRows,
  ...expiryRows,
  ...scanRows,
  ...tableRows,
  ...waitRows,
  ...connectionRows,
  clientRow,
  ...serverRows,
  configRow,
  debugRow,
  commandRow(() => catalogue),
  ...clusterRows,
].sort((one, other) => (one.name < other.name ? -1 : 1));

const catalogue = makeCatalogue(commandTable);

/** The row that argv names, a subcommand's own where there is one. argv is not empty. */
export function findRow(argv: Args): CommandRow | undefined {
  return catalogue.find(argv);
}

export function isRead(row: CommandRow): row is ReadRow {
  return 'read' in row;
}

export function isWrite(row: CommandRow): row is WriteRow {
  return 'write' in row;
}

export function isLocal(row: CommandRow): row is LocalRow {
  return 'local' in row;
}

/** The keys among `argv`, in order; argv has passed the gate. */
export function keysOf(row: CommandRow, argv: Args): Buffer[] {
  const range = row.keys;
  if (range === undefined) return [];
  const last = range.last < 0 ? argv.length + range.last : range.last;
  const keys: Buffer[] = [];
  for (let at = range.first; at <= last && at < argv.length; at += range.step) keys.push(argv[at]!);
  return keys;
}

export type Gated =
  | { readonly kind: 'row'; readonly row: CommandRow }
  | { readonly kind: 'refused'; readonly reply: Reply };

/** Known command, right count of arguments; else Redis' words for what is wrong. */
export function gate(argv: Args): Gated {
  const row = catalogue.find(argv);
  if (row === undefined) return { kind: 'refused', reply: error(unknownCommand(argv)) };
  const fits = row.arity >= 0 ? argv.length === row.arity : argv.length >= -row.arity;
  return fits ? { kind: 'row', row } : { kind: 'refused', reply: error(wrongArity(row.name)) };
}

/** What the row's `parse` has against the arguments. */
export function refusal(row: CommandRow, argv: Args): Reply | undefined {
  try {
    row.parse?.(argv);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof CommandError) return error(thrown.message);
    throw thrown;
  }
}

const SHOWN_BYTES_MAX = 128;

function unknownCommand(argv: Args): string {
  const container = catalogue.container(argv);
  if (container !== undefined) {
    return `ERR unknown subcommand '${quoted(argv[1]!)}'. Try ${container.name.toUpperCase()} HELP.`;
  }
  let shown = '';
  for (let at = 1; at < argv.length && shown.length < SHOWN_BYTES_MAX; at++) {
    shown += `'${quoted(argv[at]!, SHOWN_BYTES_MAX - shown.length)}' `;
  }
  return `ERR unknown command '${quoted(argv[0]!)}', with args beginning with: ${shown}`;
}
