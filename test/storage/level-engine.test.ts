/** What LevelDB's engine does beyond the contract that all engines keep. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEngineFolder } from '../../src/storage/engine-folder.js';
import { MAPPED_BYTES_MAX, openLevelEngine } from '../../src/storage/level-engine.js';

test('an engine that has large tables writes nothing until they need not be mapped: the one thread makes what uses up the maps', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'talus-level-engine-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  let resolve = (): void => {};
  const promise = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  let told = 0;
  const engine = await openLevelEngine(folder, {
    writeBufferBytes: 64 * 1024,
    onLargeTables: () => {
      told++;
      return promise;
    },
  });
  const write = (row: number): Promise<void> =>
    engine.write([{ kind: 'put', key: Buffer.from(`key ${row}`), value: randomBytes(256 * 1024) }], {
      sync: false,
    });
  let row = 0;
  while (told === 0 && row < 2000) await write(row++);
  assert.equal(told, 1);
  let written = false;
  const writing = write(row).then(() => {
    written = true;
  });
  assert.ok((await engine.get(Buffer.from('key 0'))) !== undefined, 'reads go on');
  assert.equal(written, false);
  resolve();
  await writing;
  assert.ok((await engine.get(Buffer.from(`key ${row}`))) !== undefined);
  assert.equal(told, 1);
  await engine.close();
});

test('a folder with large tables is told of before it opens, and once', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'talus-level-engine-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const rowBytes = 1024 * 1024;
  let told = 0;
  const options = { writeBufferBytes: rowBytes, onLargeTables: async () => void told++ };
  const fill = async (): Promise<void> => {
    const { engine } = await openEngineFolder(folder, options);
    for (let row = 0; row <= MAPPED_BYTES_MAX / rowBytes + 16; row++)
      await engine.write([{ kind: 'put', key: Buffer.from(`key ${row}`), value: randomBytes(rowBytes) }], {
        sync: false,
      });
    await engine.close();
  };
  await fill();
  assert.equal(told, 1, 'while it grew');
  await fill();
  assert.equal(told, 2, 'when it was opened, and not while it was written to');
});
