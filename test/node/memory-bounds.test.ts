/** What a node's memory takes beside its pool follows from the pool. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logMemoryBytesBound } from '../../src/node/config.js';
import {
  heapBytesLacking,
  heapGrowthPercent,
  openTablesMax,
  writeBufferBytes,
} from '../../src/node/memory-bounds.js';
import { run } from '../cluster/processes.js';

const MIB = 1024 * 1024;
const TABLE_MEMORY_MIB = 0.125;

test('what open tables hold takes a quarter of the pool, within bounds', () => {
  assert.equal(openTablesMax(256 * MIB) * TABLE_MEMORY_MIB, 64);
  assert.equal(openTablesMax(1024 * MIB) * TABLE_MEMORY_MIB, 256);
  assert.equal(openTablesMax(16 * MIB), 64, 'fewer than LevelDB needs for its work would help nobody');
  assert.equal(openTablesMax(1024 * 1024 * MIB), 8192);
});

test("the engine's memory table takes an eighth of the pool, within bounds", () => {
  assert.equal(
    writeBufferBytes(16 * MIB),
    16 * MIB,
    'LevelDB has two of them, and a pool of any size is written to',
  );
  assert.equal(writeBufferBytes(256 * MIB), 32 * MIB);
  assert.equal(writeBufferBytes(1024 * MIB), 64 * MIB);
});

test('what is kept of the logs in memory is a 64th of a small pool, and some for each slot', () => {
  const boundOf = (poolMib: number, logMib = 16): number =>
    logMemoryBytesBound({ poolBytes: poolMib * MIB, logMemoryBytesMax: logMib * MIB });
  assert.equal(boundOf(1024), 16 * MIB);
  assert.equal(boundOf(512), 8 * MIB);
  assert.equal(boundOf(16), 4 * MIB);
  assert.equal(boundOf(16, 1), 1 * MIB, "the operator's own bound holds where it is smaller");
});

test('a small heap may grow by 96 to 192 MiB, as the pool is; a large one by two fifths', () => {
  const [small, usual] = [256 * MIB, 1024 * MIB];
  assert.equal(heapGrowthPercent(1 * MIB, usual), 300);
  assert.equal(heapGrowthPercent(192 * MIB, usual), 100);
  assert.equal(heapGrowthPercent(192 * MIB, 64 * usual), 100);
  assert.equal(heapGrowthPercent(480 * MIB, usual), 40);
  assert.equal(heapGrowthPercent(96 * MIB, small), 100);
  assert.equal(heapGrowthPercent(240 * MIB, small), 40);
  assert.equal(heapGrowthPercent(1000 * MIB, small), 40);
});

test('a heap that the pool would fill is told before it is full', () => {
  const usual = { poolBytes: 1024 * MIB, dirtyBytesMax: 256 * MIB };
  assert.equal(heapBytesLacking(usual, 4144 * MIB), 0);
  assert.equal(heapBytesLacking(usual, 1024 * MIB), 768 * MIB);
  assert.equal(heapBytesLacking({ ...usual, poolBytes: 8192 * MIB }, 4144 * MIB), 4816 * MIB);
  assert.equal(heapBytesLacking({ poolBytes: 256 * MIB, dirtyBytesMax: 256 * MIB }, 512 * MIB), 384 * MIB);
});

test('this V8 knows the flag that bounds the heap: of one that it does not know it says nothing', async () => {
  assert.match((await run(process.execPath, ['--v8-options'])).stdout, /^ +--heap-growing-percent /m);
});
