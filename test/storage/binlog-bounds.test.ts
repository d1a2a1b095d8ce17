/** The file that says which segments there must be, written by the log that rolls and by the purge beside it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BOUNDS_FILE, BoundsWriter, readBounds } from '../../src/storage/binlog-bounds.js';
import type { Files } from '../../src/storage/files.js';
import { nodeFiles } from '../../src/storage/node-files.js';

async function onDisk(run: (files: Files) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'talus-bounds-'));
  try {
    await run(nodeFiles(root));
  } finally {
    await rm(root, { recursive: true });
  }
}

test('a log that rolls and a purge at the same time take back nothing of what the other says', async () => {
  await onDisk(async (files) => {
    const bounds = new BoundsWriter(files, { oldest: 8, newest: 17 });
    await Promise.all([bounds.change({ newest: 18 }), bounds.change({ oldest: 9 })]);
    assert.deepEqual(await readBounds(files), { oldest: 9, newest: 18 });
    await Promise.all([bounds.change({ oldest: 10 }), bounds.change({ newest: 19 })]);
    assert.deepEqual(await readBounds(files), { oldest: 10, newest: 19 });
  });
});

test('what could not be written is not said later either: the segment was given up', async () => {
  await onDisk(async (files) => {
    let isFull = false;
    const writeWhole: Files['writeWhole'] = (path, bytes) =>
      isFull ? Promise.reject(new Error('no room')) : files.writeWhole(path, bytes);
    const bounds = new BoundsWriter({ ...files, writeWhole }, { oldest: 1, newest: 1 });
    isFull = true;
    await assert.rejects(bounds.change({ newest: 2 }), /no room/);
    isFull = false;
    await bounds.change({ oldest: 1 });
    assert.deepEqual(await readBounds(files), { oldest: 1, newest: 1 });
    assert.equal(String(await files.readWhole(BOUNDS_FILE)), '{"oldest":1,"newest":1}\n');
  });
});
