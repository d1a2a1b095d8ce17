/**
 * The engine of a node process: opened when its folder is whole, replaced when it isn't, looked through while it runs.
 *
 * Of a large engine the tables are not looked at before it opens, but afterwards, one after the other at a pace, each once: new ones
 * are not older than the process. A bad block found so stops the process: its next start looks at everything, puts the engine
 * aside, and every replica is rebuilt.
 */
import { writeFileSync } from 'node:fs';
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '../env.js';
import { isDamage } from '../storage/damage.js';
import type { Engine } from '../storage/engine.js';
import { openEngineFolder, putEngineAside, scrubTables } from '../storage/engine-folder.js';
import type { LevelEngineOptions } from '../storage/level-engine.js';
import { lowerCompaction, useUpMaps } from '../storage/level-process.js';
import { DAMAGE_FILE } from './damaged-replicas.js';

/** How a node's engine is opened. */
export interface EngineFolder {
  openEngine(): Promise<Engine>;
  /** Puts what is there aside, and begins a fresh one. */
  renewEngine(): Promise<Engine>;
}

/** Between two tables of about 2 MiB: some 40 MiB/s. */
const SCRUB_PAUSE_MS = 50;
/** Its presence has the next start look at everything. */
const SUSPECT_FILE = 'engine.suspect';

/** The process stops over something that the engine holds. Not worth a wait: should it be lost, the damage is still there. */
export function suspectEngine(dataDir: string): void {
  writeFileSync(join(dataDir, SUSPECT_FILE), '');
}

export function engineOf(
  dataDir: string,
  options: LevelEngineOptions,
  env: Env,
  fatal: (why: unknown) => void,
): EngineFolder {
  const path = join(dataDir, 'engine');
  let closed = false;
  const scrub = async (tables: readonly string[]): Promise<void> => {
    const pause = (): Promise<void> => new Promise((resolve) => env.after(SCRUB_PAUSE_MS, resolve));
    await scrubTables(path, tables, pause, () => closed);
    if (tables.length > 0 && !closed)
      env.log.info('all tables of the engine are whole', { tables: tables.length });
  };
  const aside = join(dataDir, 'engine-process');
  const warnOf = (what: string) => (why: unknown) => env.log.warn(what, { why: String(why) });
  const unmap = (): Promise<void> =>
    useUpMaps(aside).catch(warnOf('tables of the engine are mapped into memory'));
  const open = async (suspect: boolean): Promise<Engine> => {
    const { engine, unchecked } = await openEngineFolder(path, { ...options, onLargeTables: unmap, suspect });
    void scrub(unchecked).catch((why) => {
      if (isDamage(why)) env.log.error('the engine is damaged', { damage: why.message });
      fatal(why);
    });
    return engine;
  };
  return {
    openEngine: async () => {
      await lowerCompaction(aside).catch(warnOf('the engine compacts at full priority'));
      const suspect =
        (await exists(join(dataDir, DAMAGE_FILE))) || (await exists(join(dataDir, SUSPECT_FILE)));
      const engine = await open(suspect);
      await rm(join(dataDir, SUSPECT_FILE), { force: true });
      return engine;
    },
    renewEngine: async () => {
      closed = true;
      env.log.warn('the damaged engine was put aside', { folder: await putEngineAside(path) });
      closed = false;
      return open(false);
    },
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
