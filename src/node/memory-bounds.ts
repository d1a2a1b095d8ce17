/**
 * What keeps a node's memory near its pool, beside the pool's own bound: measured in docs/performance.md.
 */
import { setFlagsFromString } from 'node:v8';
import { OPEN_FILES_MAX } from '../storage/level-engine.js';

/** LevelDB's tables are of about this size. */
const TABLE_BYTES = 2 * 1024 * 1024;
const OPEN_TABLES_MIN = 64;

/**
 * How many of the engine's tables may be open. They are mapped: what was read of them counts as the process's memory until they
 * are closed. So they take half as much as the pool, at most, where 64 of them take no more.
 */
export function openTablesMax(poolBytes: number): number {
  const wanted = Math.floor(poolBytes / 2 / TABLE_BYTES);
  return Math.max(OPEN_TABLES_MIN, Math.min(wanted, OPEN_FILES_MAX));
}

/**
 * The heap may double over what a full collection has left. V8 lets it grow to four times that when much is allocated, and does
 * not soon give back: three tenths of a node's own memory, and no faster. Before the heap has grown, so first of all.
 */
export function boundHeapGrowth(): void {
  setFlagsFromString('--heap-growing-percent=100');
}
