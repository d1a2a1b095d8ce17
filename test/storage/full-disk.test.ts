/** The log on a disk without room: nothing is promised, nothing is lost, and it goes on by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/random.js';
import type { Binlog } from '../../src/storage/binlog.js';
import { DiskFull, isDiskFull, SyncFailed } from '../../src/storage/disk-full.js';
import { AMPLE, DiskGauge, LOW, STARVED } from '../../src/storage/disk-gauge.js';
import { SimFiles } from '../sim/sim-files.js';
import { append, birth, hardState, open, run } from './log-model.js';

const SEGMENT = 'binlog/00000001.seg';

/** Lets everything happen that does not wait for room. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** So that `bytes` more fit and no further one. */
async function leaveRoom(files: SimFiles, bytes: number): Promise<void> {
  files.capacityBytes = 2 ** 30;
  const usedBytes = 2 ** 30 - (await files.freeBytes());
  files.capacityBytes = usedBytes + bytes;
}

function watched(pending: Promise<void>): { state: string } {
  const seen = { state: 'waits' };
  pending.then(
    () => {
      seen.state = 'durable';
    },
    (why) => {
      seen.state = String(why);
    },
  );
  return seen;
}

test('a batch that finds no room is cut off to the last good frame, waits, and is written whole when there is room', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files);
  await binlog.append([birth(1), birth(2), append(1, run(1, 3, 1))]);
  const goodBytes = (await files.readWhole(SEGMENT))!.length;
  await leaveRoom(files, 40);
  const first = watched(binlog.append([append(1, run(4, 9, 1)), hardState(1, 3, 7)]));
  const second = watched(binlog.append([append(2, run(1, 1, 1))]));
  await settle();
  assert.equal(binlog.space, STARVED);
  assert.equal((await files.readWhole(SEGMENT))!.length, goodBytes, 'cut back');
  await binlog.sampleSpace();
  await settle();
  assert.deepEqual([first.state, second.state], ['waits', 'waits'], 'no room, no promise');
  files.capacityBytes = 2 ** 30;
  await binlog.sampleSpace();
  await settle();
  assert.deepEqual([first.state, second.state], ['durable', 'durable']);
  assert.equal(binlog.space, AMPLE);
  assert.deepEqual(await binlog.read(1, 1, 1e6), run(1, 9, 1));
  const { replicas } = await open(files.incarnation());
  assert.deepEqual(replicas.get(1)!.entries, run(1, 9, 1));
  assert.deepEqual(replicas.get(1)!.hardState, { term: 3, votedFor: 7, commit: 0 });
  assert.deepEqual(replicas.get(2)!.entries, run(1, 1, 1));
});

test('a segment that can not be begun for want of room is begun later, under the same number', async () => {
  for (const room of [0, 10, 40]) {
    const files = new SimFiles();
    const { binlog } = await open(files, undefined, { segmentBytes: 100, binlogBytesMax: 1e9 });
    await binlog.append([birth(1), append(1, run(1, 12, 1))]);
    await leaveRoom(files, room);
    const waiting = watched(binlog.append([append(1, run(13, 14, 1))]));
    await settle();
    assert.equal(waiting.state, 'waits');
    files.capacityBytes = 2 ** 30;
    await binlog.sampleSpace();
    await settle();
    assert.equal(waiting.state, 'durable');
    assert.deepEqual(await files.list('binlog'), ['00000001.seg', '00000002.seg']);
    const { replicas, damage } = await open(files.incarnation());
    assert.deepEqual(damage, []);
    assert.deepEqual(replicas.get(1)!.entries, run(1, 14, 1));
  }
});

test('the power may go at any moment of it: what was acknowledged is there, and nothing but what was asked for', async () => {
  for (let crashAt = 1; crashAt < 60; crashAt++) {
    for (const mode of ['drop', 'torn', 'scattered'] as const) {
      let left = crashAt;
      const alive = (run: () => void): void => {
        if (left-- > 0) queueMicrotask(run);
      };
      const files = new SimFiles((_label, run) => alive(run));
      const acknowledged = { index: 0 };
      await Promise.race([fillAndGoOn(files, acknowledged), settle()]);
      files.crash(seededRandom(crashAt), mode);
      const after = files.incarnation((_label, run) => queueMicrotask(run));
      after.capacityBytes = 2 ** 30;
      const { replicas, damage } = await open(after);
      assert.deepEqual(damage, []);
      const entries = replicas.get(1)?.entries ?? [];
      assert.ok(entries.length >= acknowledged.index, `${acknowledged.index} acknowledged, crash ${crashAt}`);
      assert.deepEqual(entries, run(1, entries.length, 1));
    }
  }
});

async function fillAndGoOn(files: SimFiles, acknowledged: { index: number }): Promise<void> {
  const { binlog } = await open(files, undefined, { segmentBytes: 400 });
  await binlog.append([birth(1)]);
  const write = async (from: number, to: number): Promise<void> => {
    await binlog.append([append(1, run(from, to, 1))]);
    acknowledged.index = to;
  };
  await write(1, 3);
  files.capacityBytes = (await files.readWhole(SEGMENT))!.length + 30;
  const waiting = write(4, 12);
  for (let i = 0; i < 4; i++) await binlog.sampleSpace();
  files.capacityBytes = 2 ** 30;
  await binlog.sampleSpace();
  await waiting;
  await write(13, 30);
}

test('any other failure of a write is final at once, and so is a sync, also one that failed for want of room', async () => {
  const failures = [
    ['append', Object.assign(new Error('EIO'), { code: 'EIO' })],
    ['sync', new SyncFailed('log', Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }))],
  ] as const;
  for (const [label, error] of failures) {
    assert.equal(isDiskFull(error), false);
    const files = new SimFiles();
    const { binlog } = await open(files);
    await binlog.append([birth(1)]);
    files.fault = (effect) => (effect.startsWith(label) ? error : undefined);
    await assert.rejects(binlog.append([append(1, run(1, 1, 1))]), error);
    files.fault = () => undefined;
    await assert.rejects(binlog.append([append(1, run(1, 1, 1))]), error);
  }
});

test('a failure to cut back is final: the end of the log is not known then', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files);
  await binlog.append([birth(1)]);
  await leaveRoom(files, 10);
  files.fault = (effect) => (effect.startsWith('truncate') ? new Error('EIO') : undefined);
  await assert.rejects(binlog.append([append(1, run(1, 1, 1))]), /EIO/);
});

test('a node that stops does not wait for room, and what it gave up was promised to nobody', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files);
  await binlog.append([birth(1), append(1, run(1, 2, 1))]);
  await leaveRoom(files, 10);
  const waiting = binlog.append([append(1, run(3, 3, 1))]);
  const rejected = assert.rejects(waiting, DiskFull);
  await settle();
  binlog.stopWaiting();
  await rejected;
  await binlog.close();
  files.capacityBytes = 2 ** 30;
  const { replicas, damage } = await open(files.incarnation());
  assert.deepEqual(damage, []);
  assert.deepEqual(replicas.get(1)!.entries, run(1, 2, 1));
});

test('once the disk gets low all of the log goes that may go, whatever its bound, and what may not stays', async () => {
  const files = new SimFiles();
  files.capacityBytes = 1e6;
  const { binlog } = await open(files, undefined, {
    segmentBytes: 500,
    binlogBytesMax: 1e6,
    freeBytesMin: 1e5,
  });
  await binlog.append([birth(1), birth(2), hardState(2, 9, 4)]);
  for (let index = 1; index <= 60; index++) await binlog.append([append(1, run(index, index, 1))]);
  binlog.release(1, 50);
  await purgeOften(binlog);
  const keptBytes = binlog.sizeBytes;
  await leaveRoom(files, 8e4);
  assert.equal(await binlog.sampleSpace(), LOW);
  await purgeOften(binlog);
  assert.ok(binlog.sizeBytes < keptBytes / 2, `${binlog.sizeBytes} of ${keptBytes}`);
  const names = await files.list('binlog');
  await purgeOften(binlog);
  assert.deepEqual(await files.list('binlog'), names, 'small records do not go round for ever');
  assert.deepEqual(await binlog.read(1, 51, 1e6), run(51, 60, 1));
  const { replicas } = await open(files.incarnation(), ({ replicaId }) => (replicaId === 1 ? 50 : 0));
  assert.deepEqual(replicas.get(2)!.hardState, { term: 9, votedFor: 4, commit: 0 });
  assert.deepEqual(replicas.get(1)!.entries, run(51, 60, 1));
});

async function purgeOften(binlog: Binlog): Promise<void> {
  for (let i = 0; i < 5; i++) await binlog.purge();
}

test('the disk is looked at so often that nobody gets from where it is to the reserve unseen', async () => {
  const MIB = 1 << 20;
  const disk = { freeBytes: 100 * 1024 * MIB };
  const gauge = new DiskGauge({ freeBytes: async () => disk.freeBytes }, 256 * MIB);
  await gauge.sample();
  const relaxedMs = gauge.sampleAfterMs;
  disk.freeBytes = 300 * MIB;
  await gauge.sample();
  assert.equal(gauge.space, AMPLE);
  assert.ok(gauge.sampleAfterMs < relaxedMs / 5);
  assert.ok(gauge.sampleAfterMs * MIB <= (300 - 128) * MIB, 'a gibibyte a second does not reach the reserve');
});
