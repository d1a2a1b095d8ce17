/**
 * From a command's name to its row, on the hot path of every request.
 *
 * Names are kept in lower and in upper case, as nearly all clients send them; only other spellings are folded first.
 * A name longer than any that is known is refused before a string is made of it.
 */
import type { Args, CommandRow } from './command.js';

export interface Catalogue {
  readonly rows: readonly CommandRow[];
  /**
   * The row that argv names: of the subcommand where the command is a container and one is given. Undefined for unknown names,
   * also for a known container with an unknown subcommand.
   */
  find(argv: Args): CommandRow | undefined;
  /** By full name in any case: `get`, `config|get`. */
  named(name: string): CommandRow | undefined;
  /** The row of argv[0] alone. */
  container(argv: Args): CommandRow | undefined;
}

type Names = ReadonlyMap<string, CommandRow>;

export function makeCatalogue(rows: readonly CommandRow[]): Catalogue {
  const names = nameMap(rows, (row) => row.name);
  const within = new Map<CommandRow, Names>();
  const full = new Map<string, CommandRow>();
  for (const row of rows) {
    full.set(row.name, row);
    if (row.subcommands === undefined) continue;
    within.set(row, nameMap(row.subcommands, subcommandName));
    for (const inner of row.subcommands) full.set(inner.name, inner);
  }
  return {
    rows,
    find(argv) {
      const row = lookUp(names, argv[0]);
      if (row?.subcommands === undefined || argv.length === 1) return row;
      return lookUp(within.get(row)!, argv[1]);
    },
    named: (name) => full.get(name.toLowerCase()),
    container: (argv) => lookUp(names, argv[0]),
  };
}

/** `get` of `config|get`. */
export function subcommandName(row: CommandRow): string {
  return row.name.slice(row.name.indexOf('|') + 1);
}

function nameMap(rows: readonly CommandRow[], nameOf: (row: CommandRow) => string): Names {
  const names = new Map<string, CommandRow>();
  for (const row of rows) {
    names.set(nameOf(row), row);
    names.set(nameOf(row).toUpperCase(), row);
  }
  return names;
}

const NAME_BYTES_MAX = 32;

function lookUp(names: Names, word: Buffer | undefined): CommandRow | undefined {
  if (word === undefined || word.length > NAME_BYTES_MAX) return undefined;
  const name = word.toString('latin1');
  return names.get(name) ?? names.get(asciiLower(name));
}

/** Not toLowerCase: that folds letters beyond ASCII, too. */
function asciiLower(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
