/**
 * What keeps a node's memory near its pool, beside the pool's own bound: measured in docs/performance.md.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import type { Env, Timer } from '../env.js';
import { dirtyBytesBound, MIB, type NodeConfig } from './config.js';

/** Index and filter of one of the engine's tables, where its rows are small. */
const TABLE_MEMORY_BYTES = 128 * 1024;
const OPEN_TABLES_MIN = 64;
/** Each is a file handle. */
const OPEN_TABLES_MAX = 8192;

/** How many of the engine's tables may be open: what they hold in memory takes a quarter of the pool, at most. */
export function openTablesMax(poolBytes: number): number {
  const wanted = Math.floor(poolBytes / 4 / TABLE_MEMORY_BYTES);
  return Math.max(OPEN_TABLES_MIN, Math.min(wanted, OPEN_TABLES_MAX));
}

const WRITE_BUFFER_BYTES_MIN = 16 * MIB;
const WRITE_BUFFER_BYTES_MAX = 64 * MIB;

/**
 * Of the engine's memory table. LevelDB compacts what reads had to look past, however little it is: where much is read at random all that
 * such a table became soon lies with the rest of the data, of which every part is written anew. So much is written, for each table.
 */
export function writeBufferBytes(poolBytes: number): number {
  return Math.max(WRITE_BUFFER_BYTES_MIN, Math.min(Math.floor(poolBytes / 8), WRITE_BUFFER_BYTES_MAX));
}

/** What a node's heap holds beside records and pages. */
const HEAP_REST_BYTES = 512 * MIB;

/**
 * Records and pages lie in V8's heap, all but the large ones, and V8 ends a process whose heap is full. How many bytes this
 * limit is too small for the pool; 0: it isn't.
 */
export function heapBytesLacking(
  config: Pick<NodeConfig, 'dirtyBytesMax' | 'poolBytes'>,
  limitBytes: number,
): number {
  const wantedBytes = config.poolBytes + dirtyBytesBound(config) + HEAP_REST_BYTES;
  return Math.max(0, wantedBytes - limitBytes);
}

/** What a heap may grow by, of what a full collection has left. */
const GROWTH_PERCENT = 40;
/**
 * A small one is given this much: else it is collected every few seconds, and V8's helpers take the cores each time. Whoever gives little
 * to the pool is short of memory.
 */
const GROWTH_BYTES_MIN = 96 * MIB;
const GROWTH_BYTES_MAX = 192 * MIB;
const GROWTH_OF_POOL = 3 / 16;
const GROWTH_PERCENT_MAX = 300;
const GROWTH_LOOK_MS = 1000;

/** For a heap with so much in it, beside a pool of so much. */
export function heapGrowthPercent(usedBytes: number, poolBytes: number): number {
  const growthBytes = Math.min(Math.max(GROWTH_BYTES_MIN, poolBytes * GROWTH_OF_POOL), GROWTH_BYTES_MAX);
  const percent = Math.round((100 * growthBytes) / usedBytes);
  return Math.max(GROWTH_PERCENT, Math.min(percent, GROWTH_PERCENT_MAX));
}

/**
 * The heap may grow by two fifths over what a full collection has left, or by 96 to 192 MiB. V8 lets it grow to four times that when much
 * is allocated, and does not soon give back: four tenths of a node's own memory, and no faster. V8 reads the flag at the end of each full
 * collection. Until the returned function is called.
 */
export function boundHeapGrowth(env: Pick<Env, 'after'>, poolBytes: number): () => void {
  let timer: Timer;
  const look = (): void => {
    const { used_heap_size: usedBytes } = getHeapStatistics();
    setFlagsFromString(`--heap-growing-percent=${heapGrowthPercent(usedBytes, poolBytes)}`);
    timer = env.after(GROWTH_LOOK_MS, look);
  };
  look();
  return () => timer.cancel();
}
