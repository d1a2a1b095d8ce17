/** Purge frees whole segments and loses nothing that anyone may still need, whatever it had to carry forward. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/random.js';
import type { Binlog } from '../../src/storage/binlog.js';
import { SimFiles } from '../sim/sim-files.js';
import { append, birth, hardState, open, run } from './log-model.js';

const small = { segmentBytes: 1000, binlogBytesMax: 2000 };

async function fill(binlog: Binlog, replicaId: number, first: number, last: number, term = 1): Promise<void> {
  for (let i = first; i <= last; i++) await binlog.append([append(replicaId, run(i, i, term))]);
}

test('released entries go with their segments; births, votes, marks and tombstones stay, over many turns', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files, undefined, small);
  await binlog.append([birth(1), birth(2), birth(3), birth(4)]);
  await binlog.append([hardState(2, 7, 2 ** 52)]);
  await binlog.append([{ kind: 'tombstone', replicaId: 3, tombstone: Buffer.from('gone') }]);
  await binlog.append([{ kind: 'snapshot', replicaId: 4, index: 50, term: 6, mark: Buffer.from('mark') }]);
  for (let round = 0; round < 10; round++) {
    await fill(binlog, 1, round * 40 + 1, round * 40 + 40, 1 + round);
    binlog.release(1, round * 40 + 40);
    await binlog.purge();
    assert.ok(binlog.sizeBytes <= small.binlogBytesMax, 'bounded');
  }
  await binlog.close();
  const { replicas } = await open(files.incarnation(), ({ replicaId }) =>
    replicaId === 1 ? 400 : replicaId === 4 ? 50 : 0,
  );
  for (const { damaged } of replicas.values()) assert.equal(damaged, undefined);
  const first = replicas.get(1)!;
  assert.equal(first.lastIndex, 400);
  assert.ok(first.compactedIndex > 300 && first.compactedIndex <= 400);
  assert.equal(first.compactedTerm, 1 + Math.floor((first.compactedIndex - 1) / 40));
  assert.equal(first.birth.toString(), 'birth of 1');
  assert.deepEqual(replicas.get(2)!.hardState, { term: 7, votedFor: 2 ** 52, commit: 0 });
  assert.equal(replicas.get(3)!.tombstone?.toString(), 'gone');
  assert.deepEqual(replicas.get(4)!.snapshot, { index: 50, term: 6, mark: Buffer.from('mark') });
  assert.equal(replicas.get(4)!.lastIndex, 50);
});

test('an unreleased replica is named before anything is copied, and copied only if that frees enough', async () => {
  const pinned: number[] = [];
  const files = new SimFiles();
  const { binlog } = await open(files, undefined, { ...small, onPinned: (id) => pinned.push(id) });
  await binlog.append([birth(1), birth(2)]);
  await binlog.append([append(2, run(1, 3, 1))]);
  await fill(binlog, 1, 1, 120);
  binlog.release(1, 120);
  await binlog.purge();
  assert.deepEqual(pinned, [2], 'never released pins');
  assert.deepEqual((await files.list('binlog'))[0], '00000001.seg');
  await binlog.purge();
  assert.deepEqual(pinned, [2], 'its few bytes were worth carrying');
  assert.notEqual((await files.list('binlog'))[0], '00000001.seg');
  assert.deepEqual(await binlog.read(2, 1, 1e6), run(1, 3, 1));
  binlog.release(2, 3);
  pinned.length = 0;
  await fill(binlog, 2, 4, 120);
  for (let i = 0; i < 3; i++) await binlog.purge();
  assert.ok(
    pinned.length >= 2 && pinned.every((id) => id === 2),
    'a log that is all needed is not carried in circles',
  );
  assert.deepEqual(await binlog.read(2, 4, 1e6), run(4, 120, 1));
});

test('copied entries stay readable, survive restarts, and may be cut like any other', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files, undefined, small);
  await binlog.append([birth(1), birth(2), append(2, run(1, 2, 1)), append(2, run(3, 5, 2))]);
  await fill(binlog, 1, 1, 30);
  await binlog.append([append(2, run(6, 8, 2))]);
  await fill(binlog, 1, 31, 150);
  binlog.release(1, 150);
  binlog.release(2, 1);
  for (let i = 0; i < 4; i++) await binlog.purge();
  const expected = [...run(2, 2, 1), ...run(3, 8, 2)];
  assert.deepEqual(await binlog.read(2, 2, 1e6), expected);
  await binlog.close();
  const second = await open(files.incarnation(), ({ replicaId }) => (replicaId === 1 ? 150 : 1), small);
  assert.equal(second.replicas.get(2)!.damaged, undefined);
  assert.deepEqual(second.replicas.get(2)!.entries, expected);
  await second.binlog.append([append(2, run(4, 4, 3))]);
  await second.binlog.close();
  const third = await open(files.incarnation(), ({ replicaId }) => (replicaId === 1 ? 150 : 1), small);
  assert.deepEqual(third.replicas.get(2)!.entries, [...run(2, 2, 1), ...run(3, 3, 2), ...run(4, 4, 3)]);
});

test('a vote cast while purge carries the old one forward is not undone by it', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files, undefined, small);
  await binlog.append([birth(1), birth(2), hardState(2, 1, 11)]);
  await fill(binlog, 1, 1, 150);
  binlog.release(1, 150);
  const purging = binlog.purge();
  for (let term = 2; term <= 30; term++) {
    void binlog.append([hardState(2, term, 100 + term)]);
    await Promise.resolve();
  }
  await purging;
  await binlog.close();
  const { replicas } = await open(files.incarnation(), () => 0, small);
  assert.deepEqual(replicas.get(2)!.hardState, { term: 30, votedFor: 130, commit: 0 });
});

test('readers are right while purge takes the files away under them', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files, undefined, small);
  await binlog.append([birth(1), birth(2), append(2, run(1, 5, 1))]);
  await fill(binlog, 1, 1, 100);
  binlog.release(1, 100);
  await binlog.purge();
  const reads: Promise<unknown>[] = [];
  const purging = binlog.purge().then(() => binlog.purge());
  for (let i = 0; i < 200; i++) {
    reads.push(binlog.read(2, 1, 1e6).then((entries) => assert.deepEqual(entries, run(1, 5, 1))));
    reads.push(
      binlog.read(1, 20, 1e6).then((entries) => {
        assert.ok(entries.length === 0 || entries.length === 81, `${entries.length} entries`);
      }),
    );
    await Promise.resolve();
  }
  await Promise.all([...reads, purging]);
});

test('a log below its bound, or with one segment only, is left alone', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files, undefined, { segmentBytes: 1e6, binlogBytesMax: 100 });
  await binlog.append([birth(1), append(1, run(1, 50, 1))]);
  binlog.release(1, 50);
  await binlog.purge();
  assert.deepEqual(await files.list('binlog'), ['00000001.seg']);
  assert.equal((await binlog.read(1, 1, 1e6)).length, 50);
});

test('what is carried forward is on disk before what it was carried from is gone', async () => {
  const effects: string[] = [];
  const files = new SimFiles((label, run) => {
    effects.push(label);
    queueMicrotask(run);
  });
  const { binlog } = await open(files, undefined, small);
  await binlog.append([birth(1), birth(2), append(2, run(1, 5, 1)), hardState(2, 3, 1)]);
  await fill(binlog, 1, 1, 120);
  binlog.release(1, 120);
  for (let i = 0; i < 4; i++) await binlog.purge();
  const removals = effects.flatMap((label, at) => (label.startsWith('remove') ? [at] : []));
  assert.ok(removals.length >= 2);
  for (const at of removals) {
    const last = effects.slice(0, at).findLast((label) => /^(append|sync) /.test(label));
    assert.match(last!, /^sync /, 'nothing appended waits for its sync');
    assert.match(effects[at + 1]!, /^syncFolder/);
  }
});

test('the log stays within its bound, or twice what is needed of it, however rarely some replicas checkpoint', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed);
    const due = new Set<number>();
    const last = [0, 0, 0, 0, 0];
    const released = [0, 0, 0, 0, 0];
    const entryBytes = 60;
    const { binlog } = await open(new SimFiles(), undefined, { ...small, onPinned: (id) => due.add(id) });
    await binlog.append([1, 2, 3, 4].map((id) => birth(id)));
    for (let step = 0; step < 400; step++) {
      // The first is busy, the others less and less.
      const id = 1 + Math.floor(4 * random.float() ** 4);
      await binlog.append([append(id, run(last[id]! + 1, last[id]! + 1, 1))]);
      last[id]!++;
      if (id === 1) due.add(id);
      if (step % 10 !== 0) continue;
      await binlog.purge();
      for (const one of due) {
        released[one] = last[one]!;
        binlog.release(one, last[one]!);
      }
      due.clear();
      await binlog.purge();
      await binlog.purge();
      const live = last.reduce((sum, index, one) => sum + (index - released[one]!) * entryBytes, 0);
      const bound = Math.max(small.binlogBytesMax, 2 * live) + 2 * small.segmentBytes;
      assert.ok(binlog.sizeBytes <= bound, `seed ${seed}: ${binlog.sizeBytes} beyond ${bound}`);
    }
  }
});
