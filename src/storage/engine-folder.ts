/**
 * The folder of a node's engine: opened only when it is whole, put aside when it isn't.
 *
 * What is put aside stays for whoever wants to look into it, one at a time: `engine.damaged-<n>`.
 */
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DamageError, isDamage } from './damage.js';
import type { Engine } from './engine.js';
import { checkLevelFolder, checkTableFile, namesIn, tableBytes, tablesIn } from './level-check.js';
import { type LevelEngineOptions, MAPPED_BYTES_MAX, openLevelEngine } from './level-engine.js';

/** Up to this much every block of every table is looked at before the engine opens: a fraction of a second. */
const CHECKED_AT_START_BYTES = 256 * 1024 * 1024;

/** Rejects with a DamageError that names the file. `suspect`: everything is looked at, however long it takes. */
export async function openEngineFolder(
  path: string,
  options: LevelEngineOptions & { readonly suspect?: boolean } = {},
): Promise<{ readonly engine: Engine; readonly unchecked: readonly string[] }> {
  const bytes = await tableBytes(path);
  const all = options.suspect === true || bytes <= CHECKED_AT_START_BYTES;
  await checkLevelFolder(path, { tables: all });
  const unchecked = all ? [] : tablesIn(await namesIn(path));
  // Before any of them is opened; and once.
  const areLarge = bytes > MAPPED_BYTES_MAX;
  if (areLarge) await options.onLargeTables?.();
  try {
    const engine = await openLevelEngine(path, areLarge ? { ...options, onLargeTables: undefined } : options);
    return { engine, unchecked };
  } catch (why) {
    const cause = why instanceof Error && why.cause instanceof Error ? why.cause : why;
    const message = cause instanceof Error ? cause.message : String(cause);
    if (isDamage(why)) throw new DamageError(`${path}: ${message}`);
    throw new Error(`the engine ${path} does not open: ${message}`);
  }
}

/** Answers where it lies now. An older one that lay there goes. */
export async function putEngineAside(path: string): Promise<string> {
  const folder = dirname(resolve(path));
  const prefix = `${basename(path)}.damaged-`;
  const older = (await readdir(folder)).filter((name) => name.startsWith(prefix));
  const numbers = older.map((name) => Number(name.slice(prefix.length))).filter(Number.isSafeInteger);
  const aside = join(folder, `${prefix}${Math.max(0, ...numbers) + 1}`);
  await rename(path, aside);
  for (const name of older) await rm(join(folder, name), { recursive: true, force: true });
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
  return aside;
}

/** Looks at tables that no start has looked at, one every `pauseMs`; rejects with a DamageError. Ends when `isOver` says so. */
export async function scrubTables(
  path: string,
  names: readonly string[],
  pause: () => Promise<void>,
  isOver: () => boolean,
): Promise<void> {
  for (const name of names) {
    if (isOver()) return;
    await checkTableFile(join(path, name));
    await pause();
  }
}
