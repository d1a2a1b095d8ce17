/**
 * `talus table create|list|replicas|drop`.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Command } from 'commander';
import { addClientOptions, integerOption, textTable, withAdmin } from './client.js';
import { plainName, tableJson } from './status.js';
import { registerReplicas } from './table-replicas.js';

interface CreateOptions extends Readonly<Record<string, unknown>> {
  readonly slots?: number;
  readonly replicas?: number;
  readonly mode: string;
  readonly passwordFile?: string;
  readonly passwordPrompt?: boolean;
}

export function registerTable(program: Command): void {
  const table = program.command('table').description('create, list, change and drop tables');
  registerCreate(table);
  registerReplicas(table);
  addClientOptions(table.command('list').description('list tables'))
    .option('--json', 'one JSON document')
    .action(list);
  addClientOptions(table.command('drop <name>').description('drop a table and its data, for good'))
    .option('--yes', 'really')
    .action(drop);
}

function registerCreate(table: Command): void {
  addClientOptions(table.command('create <name>').description('create a table'))
    .option('--slots <number>', '1 to 16384 (default 16)', integerOption('--slots', 1))
    .option(
      '--replicas <number>',
      '1, 3, 5 or 7 (default 3, or what the nodes allow)',
      integerOption('--replicas', 1),
    )
    .option('--mode <quorum|async>', 'when a write is answered', 'quorum')
    .option('--password-file <file>', 'file that holds the password')
    .option('--password-prompt', 'ask for the password')
    .action(create);
}

async function create(name: string, options: CreateOptions): Promise<void> {
  if (options.mode !== 'quorum' && options.mode !== 'async') {
    throw new Error(`--mode: ${JSON.stringify(options.mode)} is not valid, expected quorum or async`);
  }
  const mode = options.mode === 'async' ? 'TABLE_MODE_ASYNC' : 'TABLE_MODE_QUORUM';
  const password = await passwordOf(options);
  const { slots, replicas } = options;
  const made = await withAdmin(options, (client) =>
    client.createTable({ name, mode, password, slots: slots ?? 0, replicas: replicas ?? 0 }),
  );
  process.stdout.write(`table ${made.name} created: ${made.slots} slots x ${made.replicas} replicas\n`);
}

async function list(options: Readonly<Record<string, unknown>>): Promise<void> {
  const tables = await withAdmin(options, (client) => client.listTables());
  if (options.json) {
    process.stdout.write(`${JSON.stringify(tables.map(tableJson))}\n`);
    return;
  }
  const rows = tables.map((table) => [
    table.tableId,
    table.name,
    table.slots,
    table.replicas,
    plainName(table.mode),
    table.passwordProtected ? 'yes' : 'no',
  ]);
  process.stdout.write(`${textTable(['ID', 'NAME', 'SLOTS', 'REPLICAS', 'MODE', 'PASSWORD'], rows)}\n`);
}

async function drop(name: string, options: Readonly<Record<string, unknown>>): Promise<void> {
  if (!options.yes) throw new Error(`table ${name} and its data would be gone for good: repeat with --yes`);
  await withAdmin(options, (client) => client.dropTable(name));
  process.stdout.write(`table ${name} dropped\n`);
}

/** Empty: none. Never from the command's arguments, which every user of the machine can read. */
async function passwordOf(options: CreateOptions): Promise<string> {
  const password = await givenPassword(options);
  if (password === '') throw new Error('the password is empty');
  return password ?? '';
}

async function givenPassword(options: CreateOptions): Promise<string | undefined> {
  if (options.passwordFile !== undefined) {
    return readFileSync(options.passwordFile, 'utf8').replace(/\r?\n$/, '');
  }
  if (!options.passwordPrompt) return undefined;
  const first = await ask('password: ');
  if (first !== (await ask('again: '))) throw new Error('the two passwords differ');
  return first;
}

/** Reads a line without showing it. */
async function ask(question: string): Promise<string> {
  if (!process.stdin.isTTY) throw new Error('--password-prompt needs a terminal; use --password-file');
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
