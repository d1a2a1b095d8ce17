/** Trees of both kinds on the real pool, over both engines, through ends of all sorts (tree-lives.ts). */
import { test } from 'node:test';
import { runs } from '../runs.js';
import { LevelDisk, MemoryDisk } from './life-disks.js';
import { lifeOfTree } from './tree-lives.js';

const MEMORY_RUNS = 150;
const LEVEL_RUNS = 30;

for (const kind of ['ordered', 'positional'] as const) {
  test(`lives of a tree in the engine in memory: ${kind}`, async () => {
    for (let seed = 1; seed <= runs(MEMORY_RUNS); seed++) await lifeOfTree(kind, seed, new MemoryDisk());
  });

  test(`lives of a tree in LevelDB: ${kind}`, async () => {
    const disk = await LevelDisk.open();
    try {
      for (let seed = 1; seed <= runs(LEVEL_RUNS); seed++) await lifeOfTree(kind, seed, disk);
    } finally {
      await disk.close();
    }
  });
}
