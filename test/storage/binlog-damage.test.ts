/** Torn tails are cut, and only they; every other missing byte is told, to the right replicas. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/random.js';
import type { BinlogRecord } from '../../src/storage/binlog.js';
import { parseFrame } from '../../src/storage/binlog-record.js';
import type { OpenedBinlog } from '../../src/storage/binlog-recovery.js';
import { SEGMENT_HEADER_BYTES } from '../../src/storage/binlog-segment.js';
import { SimFiles } from '../sim/sim-files.js';
import { append, birth, hardState, open, run } from './log-model.js';

const FIRST = 'binlog/00000001.seg';
const one = { segmentBytes: 1e6, binlogBytesMax: 1e9 };

async function written(batches: readonly (readonly BinlogRecord[])[], changed = one): Promise<SimFiles> {
  const files = new SimFiles();
  const { binlog } = await open(files, undefined, changed);
  for (const batch of batches) await binlog.append(batch);
  await binlog.close();
  return files.incarnation();
}

/** Where the frames of a segment begin and end. */
async function framesOf(
  files: SimFiles,
  path = FIRST,
): Promise<{ start: number; end: number; replicaId: number }[]> {
  const bytes = (await files.readWhole(path))!;
  const frames: { start: number; end: number; replicaId: number }[] = [];
  for (let at = SEGMENT_HEADER_BYTES; at < bytes.length; ) {
    const frame = parseFrame(bytes, at, Number.parseInt(path.slice(7), 10));
    if (frame.kind !== 'good') break;
    frames.push({ start: at, end: frame.endOffset, replicaId: frame.replicaId });
    at = frame.endOffset;
  }
  return frames;
}

function damagedOf({ replicas }: OpenedBinlog): number[] {
  return [...replicas.values()]
    .filter(({ damaged }) => damaged !== undefined)
    .map(({ replicaId }) => replicaId);
}

const flip = (at: number) => (bytes: Buffer) => {
  bytes[at]! ^= 0x40;
  return bytes;
};

test('the last frame torn at every byte: cut, nothing before it lost, and the log goes on', async () => {
  const batches = [[birth(1), birth(2)], [append(1, run(1, 3, 1))], [append(1, run(4, 5, 1))]];
  const [last] = (await framesOf(await written(batches))).slice(-1);
  for (let length = last!.start; length < last!.end; length++) {
    for (const rest of ['nothing', 'zeros', 'noise']) {
      const files = await written(batches);
      files.corrupt(FIRST, (bytes) => {
        const random = seededRandom(length);
        const tail = Buffer.from(
          Array.from({ length: 300 }, () => (rest === 'noise' ? random.below(256) : 0)),
        );
        return Buffer.concat([bytes.subarray(0, length), rest === 'nothing' ? Buffer.alloc(0) : tail]);
      });
      const opened = await open(files, undefined, one);
      assert.deepEqual(damagedOf(opened), []);
      assert.deepEqual(opened.replicas.get(1)!.entries, run(1, 3, 1));
      await opened.binlog.append([append(1, run(4, 4, 2))]);
      await opened.binlog.close();
      const again = await open(files.incarnation(), undefined, one);
      assert.deepEqual(again.replicas.get(1)!.entries, [...run(1, 3, 1), ...run(4, 4, 2)]);
      assert.equal(again.tornBytes, 0);
    }
  }
});

test('a batch torn in its middle is cut from there, although later frames of it arrived', async () => {
  const files = await written([
    [birth(1), birth(2), birth(3)],
    [append(1, run(1, 1, 1)), append(2, run(1, 1, 1)), append(3, run(1, 1, 1))],
  ]);
  const frames = await framesOf(files);
  files.corrupt(FIRST, (bytes) => bytes.fill(0, frames[4]!.start, frames[4]!.end));
  const opened = await open(files, undefined, one);
  assert.deepEqual(damagedOf(opened), []);
  assert.ok(opened.tornBytes > 0);
  assert.deepEqual(
    [1, 2, 3].map((id) => opened.replicas.get(id)!.lastIndex),
    [1, 0, 0],
  );
});

test('a rotten payload before a later batch damages the replica it names and nobody else', async () => {
  const batches = [
    [birth(1), birth(2)],
    [append(1, run(1, 3, 1))],
    [hardState(2, 4, 9)],
    [append(2, run(1, 1, 4))],
  ];
  const frames = await framesOf(await written(batches));
  for (const [frame, victim] of [
    [2, 1],
    [3, 2],
  ] as const) {
    for (let at = frames[frame]!.start + 16; at < frames[frame]!.end; at++) {
      const files = await written(batches);
      files.corrupt(FIRST, flip(at));
      const opened = await open(files, undefined, one);
      assert.deepEqual(damagedOf(opened), [victim]);
      assert.equal(opened.damage.length, 1);
      assert.deepEqual(opened.replicas.get(victim)!.entries, []);
    }
  }
});

test('a rotten header may have been anyone of those who lived then', async () => {
  const batches = [
    [birth(1), birth(2)],
    [append(1, run(1, 3, 1))],
    [{ kind: 'tombstone', replicaId: 2, tombstone: Buffer.from('gone') } as const],
    [birth(3)],
    [append(3, run(1, 1, 4))],
  ];
  const frames = await framesOf(await written(batches));
  for (let at = frames[2]!.start; at < frames[2]!.start + 16; at++) {
    const files = await written(batches);
    files.corrupt(FIRST, flip(at));
    const opened = await open(files, undefined, one);
    // Bytes 4 to 7 are the CRC: the header still tells whose frame it was. Either way it is replica 1 alone: 2 is dead, 3 unborn.
    assert.deepEqual(damagedOf(opened), [1]);
    assert.deepEqual(opened.replicas.get(3)!.entries, run(1, 1, 4));
    assert.equal(opened.replicas.get(2)!.tombstone?.toString(), 'gone');
  }
});

test('a zeroed page in the middle is damage, though zeros can be a clean end', async () => {
  const batches: BinlogRecord[][] = [[birth(1), birth(2)]];
  for (let i = 1; i <= 100; i++)
    batches.push([append(1 + (i % 2), run(Math.ceil(i / 2), Math.ceil(i / 2), 1))]);
  const files = await written(batches);
  files.corrupt(FIRST, (bytes) => bytes.fill(0, 1024, 1536));
  const opened = await open(files, undefined, one);
  assert.deepEqual(damagedOf(opened), [1, 2]);
  assert.ok(opened.binlog.lastReplicaId > 2, 'ids that may have been given out there are skipped');
});

test('an earlier segment that lost its tail, even at a frame boundary, is found out by the next one', async () => {
  const batches: BinlogRecord[][] = [[birth(1)]];
  for (let i = 1; i <= 120; i++) batches.push([hardState(1, i, 1)]);
  const small = { segmentBytes: 500, binlogBytesMax: 1e9 };
  const frames = await framesOf(await written(batches, small), 'binlog/00000002.seg');
  for (const kept of [0, 1, frames.length - 1]) {
    const files = await written(batches, small);
    const end = frames[kept - 1]?.end ?? SEGMENT_HEADER_BYTES;
    files.corrupt('binlog/00000002.seg', (bytes) => bytes.subarray(0, end));
    assert.deepEqual(damagedOf(await open(files, undefined, small)), [1], `${kept} frames kept`);
  }
  for (const name of ['00000002.seg', '00000003.seg']) {
    const files = await written(batches, small);
    await files.remove(`binlog/${name}`);
    assert.deepEqual(damagedOf(await open(files, undefined, small)), [1], `${name} missing`);
  }
  const files = await written(batches, small);
  files.corrupt('binlog/00000002.seg', flip(3));
  assert.deepEqual(damagedOf(await open(files, undefined, small)), [1], 'a rotten header');
});

test('the oldest segment, the newest, or all of them taken away: found, at every start until what they held is given up', async () => {
  const batches: BinlogRecord[][] = [[birth(1)]];
  for (let i = 1; i <= 120; i++) batches.push([hardState(1, i, 1)]);
  const small = { segmentBytes: 500, binlogBytesMax: 1e9 };
  const names = await (await written(batches, small)).list('binlog');
  assert.ok(names.length > 3);
  for (const gone of [names.slice(0, 1), names.slice(0, 2), names.slice(-1), names.slice(-2), names]) {
    const files = await written(batches, small);
    for (const name of gone) await files.remove(`binlog/${name}`);
    const opened = await open(files, undefined, small);
    assert.deepEqual(damagedOf(opened), gone === names ? [] : [1], `${gone}`);
    assert.equal(opened.replicasMayBeMissing, true);
    // The log goes on behind the gap, and does not fill it.
    await opened.binlog.append([birth(opened.binlog.lastReplicaId + 1)]);
    await opened.binlog.close();
    const again = await open(files.incarnation(), undefined, small);
    assert.deepEqual(damagedOf(again), gone === names ? [] : [1], `${gone}, at the next start`);
    assert.equal(again.replicasMayBeMissing, true);
  }
});

test('segments that purge has taken away are not missed', async () => {
  const small = { segmentBytes: 500, binlogBytesMax: 900 };
  const batches: BinlogRecord[][] = [[birth(1)]];
  for (let i = 1; i <= 120; i++) batches.push([hardState(1, i, 1)]);
  const files = await written(batches, small);
  const { binlog } = await open(files, undefined, small);
  await binlog.purge();
  await binlog.close();
  assert.ok((await files.list('binlog')).length < 4);
  assert.deepEqual((await open(files.incarnation(), undefined, small)).damage, []);
  const [oldest] = await files.list('binlog');
  await files.remove(`binlog/${oldest}`);
  assert.equal((await open(files.incarnation(), undefined, small)).replicasMayBeMissing, true);
});

test('a last segment that was never used is dropped, whatever its torn header looks like', async () => {
  for (const left of [Buffer.alloc(0), Buffer.alloc(32), Buffer.from('TALUSLOG half')]) {
    const files = await written([[birth(1)], [append(1, run(1, 2, 1))]]);
    const file = await files.create('binlog/00000002.seg');
    await file.append([left]);
    const opened = await open(files, undefined, one);
    assert.deepEqual(damagedOf(opened), []);
    assert.deepEqual(await files.list('binlog'), ['00000001.seg']);
    await opened.binlog.append([append(1, run(3, 3, 1))]);
  }
});

test('any single changed bit is harmless, or reported, or cut from the last batch: never silently believed', async () => {
  const batches = [
    [birth(1), birth(2)],
    [append(1, run(1, 3, 1)), hardState(2, 1, 5)],
    [append(2, run(1, 2, 1)), hardState(1, 2, 6)],
    [append(1, run(3, 4, 2))],
  ];
  const whole = await open(await written(batches), undefined, one);
  const [last] = (await framesOf(await written(batches))).slice(-1);
  for (let at = 0; at < last!.end; at++) {
    const files = await written(batches);
    files.corrupt(FIRST, flip(at));
    const opened = await open(files, undefined, one);
    for (const [id, replica] of opened.replicas) {
      if (replica.damaged !== undefined) continue;
      if (at >= last!.start && id === 1) assert.deepEqual(replica.entries, run(1, 3, 1));
      else assert.deepEqual(replica, whole.replicas.get(id), `byte ${at}`);
    }
    if (at < last!.start) assert.ok(opened.damage.length > 0, `byte ${at}`);
  }
});

test('a state ahead of the log, or a log that starts after the state, is damage and not a start', async () => {
  const files = await written([[birth(1), append(1, run(1, 5, 1))]]);
  const ahead = await open(files, () => 6, one);
  assert.match(ahead.replicas.get(1)!.damaged!, /state holds entry 6, the log ends at 5/);
  await ahead.binlog.append([{ kind: 'snapshot', replicaId: 1, index: 9, term: 2, mark: Buffer.alloc(0) }]);
  await ahead.binlog.close();
  const behind = await open(files.incarnation(), () => 4, one);
  assert.match(behind.replicas.get(1)!.damaged!, /log starts after 9, the state ends at 4/);
});

test('damage ends with a tombstone, and until then no segment is purged', async () => {
  const small = { segmentBytes: 500, binlogBytesMax: 600 };
  const batches: BinlogRecord[][] = [[birth(1), birth(2)]];
  for (let i = 1; i <= 60; i++) batches.push([hardState(1, i, 1)]);
  const files = await written(batches, small);
  const [, frame] = (await framesOf(files)).slice(-2);
  files.corrupt(FIRST, flip(frame!.start + 16));
  const pinned: number[] = [];
  const opened = await open(files, undefined, { ...small, onPinned: (id) => pinned.push(id) });
  assert.deepEqual(damagedOf(opened), [1]);
  const before = await files.list('binlog');
  for (let i = 0; i < 3; i++) await opened.binlog.purge();
  assert.deepEqual(await files.list('binlog'), before);
  assert.deepEqual(pinned, [1, 1, 1]);
  await opened.binlog.append([{ kind: 'tombstone', replicaId: 1, tombstone: Buffer.from('rebuilt') }]);
  for (let i = 0; i < 3; i++) await opened.binlog.purge();
  assert.ok((await files.list('binlog')).length < before.length);
  await opened.binlog.close();
  assert.deepEqual(damagedOf(await open(files.incarnation(), undefined, small)), []);
});
