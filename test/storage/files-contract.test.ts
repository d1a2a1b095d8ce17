/** One exam for every Files: what callers may lean on, whichever is behind it. What a crash leaves is sim-files.test.ts'. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Files } from '../../src/storage/files.js';
import { nodeFiles } from '../../src/storage/node-files.js';
import { SimFiles } from '../sim/sim-files.js';

type WithFiles = (run: (files: Files) => Promise<void>) => Promise<void>;

async function onDisk(make: (root: string) => Files, run: (files: Files) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'talus-files-'));
  try {
    await run(make(root));
  } finally {
    await rm(root, { recursive: true });
  }
}

const kinds: readonly (readonly [string, WithFiles])[] = [
  ['disk, durable writes', (run) => onDisk((root) => nodeFiles(root, { sync: 'onWrite' }), run)],
  ['disk, fdatasync', (run) => onDisk((root) => nodeFiles(root, { sync: 'onCall' }), run)],
  ['disk, little zeros', (run) => onDisk((root) => nodeFiles(root, { zerosAheadBytes: 64 }), run)],
  ['simulated', (run) => run(new SimFiles())],
];

for (const [name, withFiles] of kinds) {
  test(`${name}: what is appended reads back, in ranges and whole`, () =>
    withFiles(async (files) => {
      await files.makeFolder('log');
      const file = await files.create('log/a');
      assert.equal(file.lengthBytes, 0);
      await file.append([Buffer.from('hello '), Buffer.alloc(0), Buffer.from('wor')]);
      await file.append([Buffer.from('ld')]);
      await file.sync();
      assert.equal(file.lengthBytes, 11);
      assert.equal((await files.read('log/a', 4, 5)).toString(), 'o wor');
      await file.close();
      assert.equal((await files.read('log/a', 6, 100)).toString(), 'world', 'short only at the end');
      assert.equal((await files.readWhole('log/a'))?.toString(), 'hello world');
    }));

  test(`${name}: appends that are synced later, and those behind them, read back before and after the sync`, () =>
    withFiles(async (files) => {
      const file = await files.create('a');
      await file.append([Buffer.from('one ')]);
      await file.sync();
      await file.append([Buffer.from('two ')], { syncLater: true });
      await file.append([Buffer.from('three ')]);
      assert.equal((await files.read('a', 0, file.lengthBytes)).toString(), 'one two three ');
      await file.sync();
      await file.append([Buffer.from('four')], { syncLater: true });
      await file.close();
      assert.equal((await files.readWhole('a'))?.toString(), 'one two three four');
    }));

  test(`${name}: many small appends among the zeros ahead lose nothing`, () =>
    withFiles(async (files) => {
      const file = await files.create('a');
      const expected: Buffer[] = [];
      for (let i = 0; i < 200; i++) {
        const chunk = Buffer.alloc(1 + ((i * 37) % 150), i + 1);
        expected.push(chunk);
        await file.append([chunk]);
        if (i % 3 === 0) await file.sync();
      }
      assert.deepEqual(await files.read('a', 0, file.lengthBytes), Buffer.concat(expected));
      await file.close();
      assert.deepEqual(await files.readWhole('a'), Buffer.concat(expected), 'closing leaves no zeros');
    }));

  test(`${name}: an existing file goes on at its end, and can be cut`, () =>
    withFiles(async (files) => {
      const first = await files.create('a');
      await first.append([Buffer.from('0123456789')]);
      await first.close();
      const second = await files.open('a');
      assert.equal(second.lengthBytes, 10);
      await second.truncate(4);
      await second.sync();
      await second.append([Buffer.from('x')]);
      assert.equal(second.lengthBytes, 5);
      await second.close();
      assert.equal((await files.readWhole('a'))?.toString(), '0123x');
    }));

  test(`${name}: names are listed sorted, created once, gone when removed`, () =>
    withFiles(async (files) => {
      await files.makeFolder('log');
      await files.makeFolder('log');
      for (const path of ['log/b', 'log/a']) await (await files.create(path)).close();
      await files.syncFolder('log');
      await files.syncFolder('.');
      assert.deepEqual(await files.list('log'), ['a', 'b']);
      await assert.rejects(files.create('log/a'), { code: 'EEXIST' });
      await files.remove('log/a');
      assert.deepEqual(await files.list('log'), ['b']);
      assert.deepEqual(await files.list('nowhere'), []);
      await assert.rejects(files.read('log/a', 0, 1), { code: 'ENOENT' });
      await assert.rejects(files.open('log/a'), { code: 'ENOENT' });
      await assert.rejects(files.remove('log/a'), { code: 'ENOENT' });
    }));

  test(`${name}: a whole file is replaced, and a missing one is undefined`, () =>
    withFiles(async (files) => {
      assert.equal(await files.readWhole('topology'), undefined);
      await files.writeWhole('topology', Buffer.from('one'));
      await files.writeWhole('topology', Buffer.from('2'));
      assert.equal((await files.readWhole('topology'))?.toString(), '2');
      assert.deepEqual(await files.list('.'), ['topology'], 'no temporary file is left');
    }));

  test(`${name}: free space is a number of bytes`, () =>
    withFiles(async (files) => assert.ok((await files.freeBytes()) > 0)));
}
