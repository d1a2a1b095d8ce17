/**
 * What keeps a node's memory near its pool, beside the pool's own bound: measured in docs/performance.md.
 */
import { setFlagsFromString } from 'node:v8';

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

/**
 * The heap may grow by two fifths over what a full collection has left. V8 lets it grow to four times that when much is allocated, and does
 * not soon give back: four tenths of a node's own memory, and no faster. Before the heap has grown, so first of all.
 */
export function boundHeapGrowth(): void {
  setFlagsFromString('--heap-growing-percent=40');
}
