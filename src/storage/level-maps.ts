/**
 * Keeps LevelDB from mapping a node's tables into memory.
 *
 * LevelDB maps the first thousand tables that a process opens, and reads the others (`env_posix.cc`, MaxMmaps; classic-level has no
 * option for it). What was read of a mapped table counts as the process's memory while the table is open, so only few could be
 * open; and with much data nearly every read then opens a table and closes another one: 107 µs of CPU a key instead of 12
 * (docs/performance.md).
 *
 * So the maps are used up: by a database of as many tables, each of one key, which is opened before. Its files lie beside the engine,
 * are made anew where they are missing or damaged, and hold nothing that anybody needs.
 */
import { rm } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';

/** More tables than LevelDB maps. */
const TABLES = 1010;
/** The smallest that there is: a value of more than this is a table of its own. */
const WRITE_BUFFER_BYTES = 64 * 1024;
const VALUE = Buffer.alloc(WRITE_BUFFER_BYTES + 1024);

type Database = ClassicLevel<Buffer, Buffer>;

/** Of this process; it stays open. */
let database: Promise<Database> | undefined;

/**
 * Tables that are opened after this has resolved are not mapped, in this process, for good. `folder` is used by the first call alone.
 * Takes a second where the folder is new, else some 50 ms. Rejects where the folder can't be written; the next call tries again.
 */
export async function useUpMaps(folder: string): Promise<void> {
  database ??= openFull(folder).catch(async () => {
    await rm(folder, { recursive: true, force: true });
    return openFull(folder);
  });
  try {
    await database;
  } catch (why) {
    database = undefined;
    throw why;
  }
}

async function openFull(folder: string): Promise<Database> {
  const opened: Database = new ClassicLevel(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    writeBufferSize: WRITE_BUFFER_BYTES,
    cacheSize: 0,
    maxOpenFiles: 2 * TABLES,
  });
  await opened.open();
  try {
    const there = await openTables(opened);
    for (let table = there; table < TABLES; table++) await opened.put(keyOf(table), VALUE);
    if (there < TABLES) await openTables(opened);
    return opened;
  } catch (why) {
    await opened.close();
    throw why;
  }
}

/** Answers how many there are. A table is opened when something is read of it. */
async function openTables(opened: Database): Promise<number> {
  let tables = 0;
  for await (const _ of opened.keys()) tables++;
  return tables;
}

/** In the order of the tables: none overlaps another, so LevelDB leaves them as they are. */
function keyOf(table: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32BE(table);
  return key;
}
