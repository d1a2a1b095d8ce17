/**
 * Two habits of LevelDB that concern the whole process and that classic-level has no option for, and what a node does about them by
 * way of a small database of its own, in a folder beside the engine's. What is in there nobody needs; it is made anew where it is
 * missing or damaged.
 *
 * - It maps the first thousand tables that a process opens, and reads the others (`env_posix.cc`, MaxMmaps). What was read of a mapped
 *   table counts as the process's memory while the table is open, so only few could be open; and with much data nearly every
 *   read then opens a table and closes another one: 110 µs of CPU a key instead of 22. So the maps are used up, by as many tables
 *   of one key.
 * - One thread compacts for all databases of the process, and it has much to do where keys are read at random: a read that had to
 *   look into two tables counts against the first one, and some hundred of those have it compacted (`version_set.cc`, allowed_seeks).
 *   Beside it the event loop waits for a core longer than it runs. So that thread has a low priority (nice 10). Not
 *   the lowest: it holds LevelDB's lock now and then, and without a core it holds it for long, while the event loop waits for a snapshot.
 *   Should it fall behind, checkpoints wait for it, and in the end the clients' writes, which leaves it a core.
 */
import { readdir, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { ClassicLevel } from 'classic-level';
import { u32 } from '../bytes.js';

/** More tables than LevelDB maps. */
const TABLES = 1010;
/** The smallest that there is: a value of more than this is a table of its own. */
const WRITE_BUFFER_BYTES = 64 * 1024;
const VALUE = Buffer.alloc(WRITE_BUFFER_BYTES + 1024);
const LOW_PRIORITY = 10;

type Database = ClassicLevel<Buffer, Buffer>;

/** Of this process; it stays open. */
let database: Promise<Database> | undefined;

/**
 * Once, before any other database is opened: the thread is known by its coming. Where the system does not tell of threads nothing
 * happens; rejects where it does and not one thread has come.
 */
export function lowerCompaction(folder: string): Promise<void> {
  return use(folder, async (opened) => {
    const before = await threads();
    // The second finds the first one's buffer full, and has it written out.
    for (let write = 0; write < 2; write++) await opened.put(keyOf(TABLES), VALUE);
    const come = (await threads()).filter((id) => !before.includes(id));
    if (before.length === 0) return;
    if (come.length !== 1) throw new Error(`${come.length} threads have come, and LevelDB's is one`);
    setPriority(come[0]!, LOW_PRIORITY);
  });
}

/**
 * Tables that are opened after this has resolved are not mapped, in this process, for good. Takes a second where the folder is new,
 * else some 50 ms; minutes where the folder is new and another database of the process is being written to, since the one thread then
 * has a compaction of that for each of these tables. Rejects where the folder can't be written; the next call tries again.
 */
export function useUpMaps(folder: string): Promise<void> {
  return use(folder, async (opened) => {
    const there = await openTables(opened);
    for (let table = there; table < TABLES; table++) await opened.put(keyOf(table), VALUE);
    if (there < TABLES) await openTables(opened);
  });
}

async function use(folder: string, work: (opened: Database) => Promise<void>): Promise<void> {
  database ??= open(folder).catch(async () => {
    await rm(folder, { recursive: true, force: true });
    return open(folder);
  });
  const opening = database;
  try {
    await work(await opening);
  } catch (why) {
    database = undefined;
    await opening.then((opened) => opened.close()).catch(() => {});
    throw why;
  }
}

async function open(folder: string): Promise<Database> {
  const opened: Database = new ClassicLevel(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    writeBufferSize: WRITE_BUFFER_BYTES,
    cacheSize: 0,
    maxOpenFiles: 2 * TABLES,
  });
  await opened.open();
  return opened;
}

/** Answers how many there are. A table is opened when something is read of it. */
async function openTables(opened: Database): Promise<number> {
  let tables = 0;
  for await (const _ of opened.keys({ lt: keyOf(TABLES) })) tables++;
  return tables;
}

/** In the order of the tables: none overlaps another, so LevelDB leaves them as they are. */
const keyOf = u32;

/** Of this process, by their ids. */
async function threads(): Promise<readonly number[]> {
  const names = await readdir('/proc/self/task').catch(() => []);
  return names.map(Number);
}
