/**
 * Is a LevelDB folder whole? Asked before LevelDB opens it, because it opens much that isn't, and makes a new database where
 * CURRENT is missing. Reads only.
 *
 * At every start: CURRENT and the manifest it names; that every table in use is there in its full length; that the log that the
 * manifest names is there, every record's checksum, and that the numbers of the writes have no gap, also from one log to the next.
 * With `tables`: every block of every table, too. That reads all data, so a large engine has it done while it runs.
 *
 * What can't be told: a log that lost its last records looks like one that a crash has torn. Then the engine is what it was some
 * batches ago, whole; the binlog has the rest, or says of each replica that it is missing.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DamageError } from './damage.js';
import { batchNumbers, checkTable, type Manifest, readManifest, scanLevelLog } from './level-format.js';

/** Throws DamageError with the file and what is wrong with it. */
export async function checkLevelFolder(path: string, options: { readonly tables: boolean }): Promise<void> {
  const names = await namesIn(path);
  if (!names.includes('CURRENT')) {
    // Before the first CURRENT nothing was ever stored.
    const used = names.find((name) => isTable(name) || logNumberOf(name) !== undefined);
    if (used !== undefined) throw new DamageError(`${join(path, 'CURRENT')} is missing, ${used} is there`);
    return;
  }
  const manifest = await manifestOf(path, names);
  await checkTables(path, names, manifest);
  await checkLogs(path, names, manifest);
  if (options.tables) for (const table of tablesIn(names)) await checkTableFile(join(path, table));
}

/** Of all tables together. */
export async function tableBytes(path: string): Promise<number> {
  let bytes = 0;
  for (const name of tablesIn(await namesIn(path))) bytes += (await sizeOf(join(path, name))) ?? 0;
  return bytes;
}

export function tablesIn(names: readonly string[]): readonly string[] {
  return names.filter(isTable);
}

export async function namesIn(path: string): Promise<readonly string[]> {
  return (await readdir(path).catch(orMissing))?.sort() ?? [];
}

/** A table that is gone was compacted away meanwhile. */
export async function checkTableFile(file: string): Promise<void> {
  const bytes = await readFile(file).catch(orMissing);
  if (bytes !== undefined) within(file, () => checkTable(bytes));
}

async function manifestOf(path: string, names: readonly string[]): Promise<Manifest> {
  const current = (await readFile(join(path, 'CURRENT'))).toString('latin1');
  const name = /^(MANIFEST-\d+)\n$/.exec(current)?.[1];
  if (name === undefined) throw new DamageError(`${join(path, 'CURRENT')} names no manifest`);
  const file = join(path, name);
  if (!names.includes(name)) throw new DamageError(`${file} is missing`);
  const { records, damage } = scanLevelLog(await readFile(file));
  if (damage.length > 0) throw new DamageError(`${file} at ${damage[0]}: a record is missing`);
  if (records.length === 0) throw new DamageError(`${file} holds nothing`);
  return within(file, () => readManifest(records));
}

async function checkTables(path: string, names: readonly string[], { tables }: Manifest): Promise<void> {
  for (const [number, bytes] of tables) {
    const stem = String(number).padStart(6, '0');
    const file = join(path, names.includes(`${stem}.sst`) ? `${stem}.sst` : `${stem}.ldb`);
    const size = await sizeOf(file);
    if (size === undefined) throw new DamageError(`${file} is missing`);
    if (size !== bytes) throw new DamageError(`${file} has ${size} bytes instead of ${bytes}`);
  }
}

async function checkLogs(path: string, names: readonly string[], { logNumber }: Manifest): Promise<void> {
  const wanted = names.filter((name) => (logNumberOf(name) ?? -1) >= logNumber);
  if (logNumber > 0 && !wanted.some((name) => logNumberOf(name) === logNumber))
    throw new DamageError(`${join(path, `${String(logNumber).padStart(6, '0')}.log`)} is missing`);
  let next: number | undefined;
  for (const name of wanted) {
    const file = join(path, name);
    const { records, damage } = scanLevelLog(await readFile(file));
    if (damage.length > 0) throw new DamageError(`${file} at ${damage[0]}: a record is missing`);
    for (const record of records) {
      const { first, count } = within(file, () => batchNumbers(record));
      if (next !== undefined && first !== next)
        throw new DamageError(`${file}: write ${first} where ${next} should follow`);
      next = first + count;
    }
  }
}

function within<Result>(file: string, run: () => Result): Result {
  try {
    return run();
  } catch (why) {
    throw why instanceof DamageError ? new DamageError(`${file}: ${why.message}`) : why;
  }
}

function isTable(name: string): boolean {
  return /^\d+\.(ldb|sst)$/.test(name);
}

function logNumberOf(name: string): number | undefined {
  return /^\d+\.log$/.test(name) ? Number.parseInt(name, 10) : undefined;
}

async function sizeOf(file: string): Promise<number | undefined> {
  return (await stat(file).catch(orMissing))?.size;
}

function orMissing(why: NodeJS.ErrnoException): undefined {
  if (why.code !== 'ENOENT') throw why;
  return undefined;
}
