/**
 * The log and LevelDB on a real file system that is full: a small ext4 of the test's own. What the fakes say of ENOSPC is
 * what happens. Needs root; without it skipped.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Disk, whyNoDisks } from '../../jepsen-style/disks.js';
import { silentLog } from '../../src/env.js';
import { STARVED } from '../../src/storage/disk-gauge.js';
import { openLevelEngine } from '../../src/storage/level-engine.js';
import { nodeFiles } from '../../src/storage/node-files.js';
import { openSteadyEngine } from '../../src/storage/steady-engine.js';
import { systemEnv } from '../../src/system-env.js';
import { append, birth, entry, open } from './log-model.js';

const skip = whyNoDisks() ?? false;
const MIB = 1 << 20;
const BALLAST = 'ballast';

async function onSmallDisk(mib: number, run: (folder: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'talus-real-disk-'));
  const disk = new Disk(join(root, 'image'), join(root, 'mount'));
  try {
    disk.make(mib);
    await run(disk.folder);
  } finally {
    disk.unmountNow();
    rmSync(root, { recursive: true, force: true });
  }
}

/** To the last block. */
function fill(folder: string): void {
  for (const bytes of [MIB, 4096]) {
    try {
      for (;;) writeFileSync(join(folder, BALLAST), Buffer.alloc(bytes, 1), { flag: 'a' });
    } catch (why) {
      assert.equal((why as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
}

for (const sync of ['onWrite', 'onCall'] as const) {
  test(`the log waits on a full ext4 and goes on when it is emptied: ${sync}`, { skip }, () =>
    onSmallDisk(24, async (folder) => {
      const files = nodeFiles(folder, { sync });
      const { binlog } = await open(files, undefined, { segmentBytes: 2 * MIB, binlogBytesMax: 64 * MIB });
      await binlog.append([birth(1)]);
      const text = 'x'.repeat(50_000);
      let index = 0;
      const more = (): Promise<void> => binlog.append([append(1, [entry(++index, 1, text)])]);
      for (let i = 0; i < 20; i++) await more();
      fill(folder);
      // The zeros ahead are the log's own room: they take some batches more.
      const waiting: Promise<void>[] = [];
      for (let i = 0; i < 60; i++) waiting.push(more());
      while (binlog.space !== STARVED) await sleep(5);
      await binlog.sampleSpace();
      assert.equal(binlog.space, STARVED, 'no room, no promise');
      rmSync(join(folder, BALLAST));
      const all = Promise.all(waiting);
      let isDone = false;
      void all.then(() => {
        isDone = true;
      });
      while (!isDone) {
        await binlog.sampleSpace();
        await sleep(5);
      }
      await more();
      await binlog.close();
      const { replicas, damage } = await open(nodeFiles(folder, { sync }));
      assert.deepEqual(damage, []);
      assert.equal(replicas.get(1)!.entries.length, index);
      assert.ok(replicas.get(1)!.entries.every(({ data }) => data.toString() === text));
    }),
  );
}

test('LevelDB on a full ext4 answers reads, and takes what waited when it is emptied', { skip }, () =>
  onSmallDisk(64, async (folder) => {
    const files = nodeFiles(folder);
    const path = join(folder, 'engine');
    const engine = await openSteadyEngine({
      env: systemEnv(silentLog),
      open: () => openLevelEngine(path, { writeBufferBytes: 2 * MIB }),
      freeBytes: () => files.freeBytes(),
      roomBytes: 16 * MIB,
    });
    const key = (i: number): Buffer => Buffer.from(`key ${i}`);
    const value = (i: number): Buffer => Buffer.alloc(100_000, i);
    const write = (i: number): Promise<void> =>
      engine.write([{ kind: 'put', key: key(i), value: value(i) }], { sync: true });
    for (let i = 0; i < 50; i++) await write(i);
    fill(folder);
    let done = 50;
    const waiting = Array.from({ length: 40 }, (_, i) =>
      write(50 + i).then(() => {
        done++;
      }),
    );
    await sleep(500);
    assert.ok(done < 90, 'what finds no room waits');
    for (let i = 0; i < 50; i++) assert.deepEqual(await engine.get(key(i)), value(i), 'reads go on');
    rmSync(join(folder, BALLAST));
    await Promise.all(waiting);
    await engine.close();
    const again = await openLevelEngine(path);
    for (let i = 0; i < 90; i++) assert.deepEqual(await again.get(key(i)), value(i));
    await again.close();
  }),
);
