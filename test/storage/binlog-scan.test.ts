/** Large segments are read beside each other and looked at in parts: what is found may not depend on it. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BinlogEntry } from '../../src/storage/binlog.js';
import type { Files } from '../../src/storage/files.js';
import { nodeFiles } from '../../src/storage/node-files.js';
import { append, birth, entry, open } from './log-model.js';

const MEBIBYTE = 1024 * 1024;

async function withLog(work: (files: Files, root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'talus-scan-'));
  try {
    await work(nodeFiles(root), root);
  } finally {
    await rm(root, { recursive: true });
  }
}

/** Its bytes are its own: were two segments to get into one memory, it would show. */
const large = (index: number): BinlogEntry =>
  entry(index, 1, String.fromCharCode(96 + index).repeat(MEBIBYTE));

/** Segments of 9, 6 and 11 MiB and one that is being written, of two replicas. */
async function write(files: Files): Promise<void> {
  const changed = { segmentBytes: 5 * MEBIBYTE, binlogBytesMax: 1e9 };
  const { binlog } = await open(files, undefined, changed);
  await binlog.append([birth(1), birth(2)]);
  await binlog.append(Array.from({ length: 9 }, (_, i) => append(1, [large(i + 1)])));
  await binlog.append(Array.from({ length: 6 }, (_, i) => append(2, [large(i + 1)])));
  await binlog.append(Array.from({ length: 11 }, (_, i) => append(1, [large(i + 10)])));
  await binlog.append([append(2, [large(7)])]);
  await binlog.close();
}

/** As often as the replay let the event loop have its turn. */
async function openInTurns(files: Files) {
  let turns = 0;
  const nextTurn = (): Promise<void> => {
    turns++;
    return new Promise((resolve) => setImmediate(resolve));
  };
  return { ...(await open(files, undefined, { nextTurn })), turns: () => turns };
}

test('entries of segments of several sizes are all as they were written', () =>
  withLog(async (files) => {
    await write(files);
    const { replicas, turns, binlog } = await openInTurns(files);
    assert.deepEqual(
      replicas.get(1)!.entries,
      Array.from({ length: 20 }, (_, i) => large(i + 1)),
    );
    assert.deepEqual(
      replicas.get(2)!.entries,
      Array.from({ length: 7 }, (_, i) => large(i + 1)),
    );
    assert.ok(turns() > 4, `the event loop had ${turns()} turns`);
    await binlog.close();
  }));

test('damage and a torn end beyond the first part are found where they are', () =>
  withLog(async (files, root) => {
    await write(files);
    const first = join(root, 'binlog/00000001.seg');
    const bytes = await readFile(first);
    bytes[7 * MEBIBYTE]! ^= 1;
    await writeFile(first, bytes);
    const last = join(root, 'binlog/00000004.seg');
    await truncate(last, MEBIBYTE / 2);
    const { damage, tornBytes, replicas, binlog } = await openInTurns(files);
    assert.equal(damage.length, 1);
    assert.match(damage[0]!, /00000001\.seg at 6\d{6}: a frame of replica 1 may be missing/);
    assert.ok(tornBytes > MEBIBYTE / 3);
    assert.match(replicas.get(1)!.damaged!, /00000001\.seg/);
    assert.deepEqual(
      replicas.get(2)!.entries,
      Array.from({ length: 6 }, (_, i) => large(i + 1)),
    );
    await binlog.close();
  }));
