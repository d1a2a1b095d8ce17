/** What a caller of append and read sees: group commit, order, laziness, failures that are final. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvariantError } from '../../src/assert.js';
import { seededRandom } from '../../src/random.js';
import { AMPLE, LOW, RESERVED } from '../../src/storage/disk-gauge.js';
import { SimFiles } from '../sim/sim-files.js';
import { append, birth, entry, hardState, open, run } from './log-model.js';

/** A disk that does one effect when told to. */
function steppedDisk(): {
  files: SimFiles;
  effects: { label: string; run: () => void }[];
  step: () => Promise<string>;
} {
  const effects: { label: string; run: () => void }[] = [];
  const files = new SimFiles((label, run) => {
    if (label === 'freeBytes') queueMicrotask(run);
    else effects.push({ label, run });
  });
  const step = async (): Promise<string> => {
    await settle();
    const effect = effects.shift();
    effect?.run();
    await settle();
    return effect?.label ?? 'nothing';
  };
  return { files, effects, step };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function steppedLog(): Promise<{
  files: SimFiles;
  effects: { label: string; run: () => void }[];
  step: () => Promise<string>;
  binlog: Awaited<ReturnType<typeof open>>['binlog'];
}> {
  const disk = steppedDisk();
  const opening = open(disk.files);
  for (let label = await disk.step(); label !== 'nothing'; label = await disk.step());
  const { binlog } = await opening;
  const born = binlog.append([1, 2, 3].map((id) => birth(id)));
  for (let label = await disk.step(); label !== 'nothing'; label = await disk.step());
  await born;
  return { ...disk, binlog };
}

test('a new log creates its segment, its header, its name and its bounds before the first batch goes there', async () => {
  const { files, step } = steppedDisk();
  const opening = open(files);
  for (let label = await step(); label !== 'nothing'; label = await step());
  const { binlog } = await opening;
  let durable = false;
  void binlog.append([birth(1)]).then(() => {
    durable = true;
  });
  const seen: string[] = [];
  while (!durable) seen.push(await step());
  const path = 'binlog/00000001.seg';
  assert.deepEqual(seen, [
    `create ${path}`,
    `append ${path}`,
    `sync ${path}`,
    'syncFolder binlog',
    'write binlog-bounds.json.tmp',
    'sync binlog-bounds.json.tmp',
    'rename binlog-bounds.json.tmp',
    'syncFolder .',
    `append ${path}`,
    `sync ${path}`,
  ]);
});

test('what many replicas append together is one write and one sync, and nothing is durable before the sync', async () => {
  const { binlog, step } = await steppedLog();
  const before = { ...binlog.figures };
  const durable: number[] = [];
  for (const id of [1, 2, 3]) void binlog.append([append(id, run(1, 2, 1))]).then(() => durable.push(id));
  assert.match(await step(), /^append/);
  assert.deepEqual(durable, []);
  assert.match(await step(), /^sync/);
  assert.deepEqual(durable, [1, 2, 3]);
  assert.equal(await step(), 'nothing');
  const { batches, records, entries } = binlog.figures;
  const more = [batches - before.batches, records - before.records, entries - before.entries];
  assert.deepEqual(more, [1, 3, 6]);
});

test('what is appended while a batch is in flight goes as the next one, in order', async () => {
  const { binlog, step, effects } = await steppedLog();
  const durable: string[] = [];
  const note = (name: string) => () => void durable.push(name);
  void binlog.append([append(1, [entry(1, 1)])]).then(note('a'));
  assert.match(await step(), /^append/);
  void binlog.append([append(1, [entry(2, 1)])]).then(note('b'));
  void binlog.append([append(2, [entry(1, 1)])]).then(note('c'));
  await settle();
  assert.equal(effects.length, 1, 'one sync in flight and nothing else');
  await step();
  assert.deepEqual(durable, ['a']);
  await step();
  await step();
  assert.deepEqual(durable, ['a', 'b', 'c']);
});

test('lazy records cost no sync of their own, and go before what is appended after them', async () => {
  const { binlog, step } = await steppedLog();
  let lazy = false;
  void binlog.append([hardState(1, 1, 0, 1)], { lazy: true }).then(() => {
    lazy = true;
  });
  assert.equal(await step(), 'nothing');
  void binlog.append([hardState(2, 5, 7)]);
  assert.match(await step(), /^append/);
  assert.match(await step(), /^sync/);
  assert.equal(lazy, true);
});

test('lazy records are bounded: enough of them go by themselves, and close takes the rest', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files);
  await binlog.append([birth(1)]);
  const first = binlog.append([hardState(1, 1)], { lazy: true });
  for (let commit = 0; commit < 3000; commit++) {
    void binlog.append([hardState(1, 1, 0, commit)], { lazy: true });
  }
  await first;
  const last = binlog.append([hardState(1, 2, 9)], { lazy: true });
  await binlog.close();
  await last;
  await assert.rejects(binlog.append([hardState(1, 3)]), /closed/);
  const { replicas } = await open(files.incarnation());
  assert.deepEqual(replicas.get(1)?.hardState, { term: 2, votedFor: 9, commit: 0 });
});

test('a failed sync is final: the batch, what waits, and what comes later are all rejected', async () => {
  const { binlog, step, files } = await steppedLog();
  const outcomes = [append(1, [entry(1, 1)]), append(2, [entry(1, 1)])].map((record) =>
    binlog.append([record]),
  );
  await step();
  outcomes.push(binlog.append([append(3, [entry(1, 1)])]));
  const lazy = binlog.append([hardState(3, 1)], { lazy: true });
  files.fault = (label) => (label.startsWith('sync') ? new Error('EIO') : undefined);
  const settled = Promise.allSettled([...outcomes, lazy]);
  await step();
  files.fault = () => undefined;
  for (const outcome of await settled) assert.equal(outcome.status, 'rejected');
  await assert.rejects(binlog.append([append(1, [entry(1, 1)])]), /EIO/);
  assert.equal(await step(), 'nothing', 'the disk is left alone');
});

test('entries read back across batches, replicas, terms and segments, from memory of places only', async () => {
  const { binlog } = await open(new SimFiles(), undefined, { binlogBytesMax: 1e9 });
  await binlog.append([birth(1), birth(2)]);
  const kept: Record<number, ReturnType<typeof run>> = { 1: [], 2: [] };
  for (let index = 1; index <= 400; index += 4) {
    for (const id of [1, 2]) {
      const entries = run(index, index + 3, 1 + Math.floor(index / 50) * id, 'x'.repeat(index % 90));
      kept[id]!.push(...entries);
      await binlog.append([append(id, entries)]);
    }
  }
  for (const id of [1, 2]) {
    for (const from of [1, 2, 50, 399, 400]) {
      assert.deepEqual(await binlog.read(id, from, 1e9), kept[id]!.slice(from - 1));
    }
    assert.deepEqual(await binlog.read(id, 1, 0), kept[id]!.slice(0, 1), 'at least one');
    const some = await binlog.read(id, 200, 300);
    assert.ok(some.length > 1 && some.length < 30);
    assert.deepEqual(await binlog.read(id, 401, 100), []);
  }
  assert.deepEqual(await binlog.read(9, 1, 100), []);
});

test('a read waits for entries whose batch is still in flight', async () => {
  const { binlog, step } = await steppedLog();
  void binlog.append([append(1, run(1, 3, 1))]);
  await settle();
  const reading = binlog.read(1, 1, 1e6);
  for (let label = await step(); label !== 'nothing'; label = await step());
  assert.deepEqual(await reading, run(1, 3, 1));
});

test('entries that start at or before the last one replace the suffix, for readers and after a restart', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files);
  await binlog.append([birth(1), append(1, run(1, 10, 1))]);
  await binlog.append([append(1, run(5, 6, 2)), append(1, run(7, 7, 3))]);
  const expected = [...run(1, 4, 1), ...run(5, 6, 2), ...run(7, 7, 3)];
  assert.deepEqual(await binlog.read(1, 1, 1e6), expected);
  files.kill();
  const { replicas } = await open(files.incarnation());
  const found = replicas.get(1)!;
  assert.deepEqual(found.entries, expected);
  assert.deepEqual(found.terms, [
    { from: 1, term: 1 },
    { from: 5, term: 2 },
    { from: 7, term: 3 },
  ]);
  assert.equal(found.lastIndex, 7);
});

test('recovery tells how many bytes the kept entries take, up to which one', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files);
  const large = (index: number) => ({ ...entry(index, 1), data: Buffer.alloc(100_000) });
  await binlog.append([birth(1), birth(2)]);
  for (let index = 1; index <= 5; index++) await binlog.append([append(1, [large(index)])]);
  files.kill();
  const { replicas } = await open(files.incarnation(), () => 5);
  const { runs } = replicas.get(1)!;
  assert.equal(runs.at(-1)!.last, 5);
  assert.ok(runs.every(({ last }, at) => last > (runs[at - 1]?.last ?? 0)));
  const bytes = runs.reduce((sum, run) => sum + run.bytes, 0);
  assert.ok(bytes > 500_000 && bytes < 501_000, `${bytes}`);
  assert.deepEqual(replicas.get(2)!.runs, []);
});

test('a snapshot mark ends another history, and keeps what followed it in the same one', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files);
  const snapshot = (replicaId: number, index: number, term: number) =>
    ({ kind: 'snapshot', replicaId, index, term, mark: Buffer.from(`at ${index}`) }) as const;
  await binlog.append([birth(1), birth(2), append(1, run(1, 10, 1)), append(2, run(1, 10, 1))]);
  await binlog.append([snapshot(1, 7, 2), append(1, run(8, 9, 2)), snapshot(2, 7, 1)]);
  assert.deepEqual(await binlog.read(1, 8, 1e6), run(8, 9, 2));
  assert.deepEqual(await binlog.read(1, 7, 1e6), []);
  files.kill();
  const { replicas } = await open(files.incarnation(), () => 7);
  assert.deepEqual(replicas.get(1)!.entries, run(8, 9, 2));
  assert.deepEqual(replicas.get(1)!.snapshot, { index: 7, term: 2, mark: Buffer.from('at 7') });
  assert.equal(replicas.get(1)!.compactedTerm, 2);
  assert.deepEqual(replicas.get(2)!.entries, run(8, 10, 1));
});

test('recovery hands out the entries that the engine lacks, and the terms of all', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files);
  await binlog.append([birth(1), hardState(1, 3, 5, 8)]);
  for (let i = 1; i <= 10; i++) await binlog.append([append(1, run(i, i, 1 + Math.floor(i / 6)))]);
  await binlog.close();
  const asked: unknown[] = [];
  const { replicas } = await open(files.incarnation(), (replica) => {
    asked.push(replica);
    return 7;
  });
  assert.deepEqual(asked, [{ replicaId: 1, birth: Buffer.from('birth of 1'), snapshot: undefined }]);
  const found = replicas.get(1)!;
  assert.deepEqual(
    found.entries.map(({ index }) => index),
    [8, 9, 10],
  );
  assert.deepEqual(found.terms, [
    { from: 1, term: 1 },
    { from: 6, term: 2 },
  ]);
  assert.deepEqual(found.hardState, { term: 3, votedFor: 5, commit: 8 });
});

test('broken promises stop the log: no vote is taken back, no hole is made, no id is used twice', async () => {
  const broken = [
    hardState(1, 4),
    hardState(1, 5, 8),
    hardState(1, 5, 0),
    append(1, run(12, 12, 1)),
    append(1, run(3, 3, 1)),
    append(1, []),
    append(9, run(1, 1, 1)),
    { kind: 'snapshot', replicaId: 1, index: 2, term: 1, mark: Buffer.alloc(0) } as const,
    { kind: 'tombstone', replicaId: 2, tombstone: Buffer.alloc(0) } as const,
    hardState(2, 1),
  ];
  for (const record of broken) {
    const { binlog } = await open(new SimFiles());
    await binlog.append([birth(1), birth(2), append(1, run(1, 10, 1)), hardState(1, 5, 7)]);
    await binlog.append([{ kind: 'snapshot', replicaId: 1, index: 3, term: 1, mark: Buffer.alloc(0) }]);
    await binlog.append([{ kind: 'tombstone', replicaId: 2, tombstone: Buffer.alloc(0) }]);
    await assert.rejects(binlog.append([record]), InvariantError, JSON.stringify(record));
    assert.throws(() => binlog.append([birth(2)]), InvariantError);
  }
});

test('replica ids rise at once, also before their births are durable', async () => {
  const files = new SimFiles();
  const { binlog } = await open(files);
  assert.equal(binlog.lastReplicaId, 0);
  const pending = binlog.append([birth(1)]);
  assert.equal(binlog.lastReplicaId, 1);
  await Promise.all([pending, binlog.append([birth(5)])]);
  await binlog.close();
  const again = await open(files.incarnation());
  assert.equal(again.binlog.lastReplicaId, 5);
});

test('a nearly full disk shows before it is full, and goes away by itself', async () => {
  const files = new SimFiles();
  files.capacityBytes = 1_000_000;
  const { binlog } = await open(files, undefined, { freeBytesMin: 500_000 });
  assert.equal(await binlog.sampleSpace(), AMPLE);
  files.capacityBytes = 400_000;
  assert.equal(await binlog.sampleSpace(), LOW);
  files.capacityBytes = 520_000;
  assert.equal(await binlog.sampleSpace(), LOW, 'not back at the very mark');
  files.capacityBytes = 240_000;
  assert.equal(await binlog.sampleSpace(), RESERVED);
  files.capacityBytes = 300_000;
  assert.equal(await binlog.sampleSpace(), RESERVED, 'nor out of the reserve');
  files.capacityBytes = 400_000;
  assert.equal(await binlog.sampleSpace(), LOW);
  files.capacityBytes = 700_000;
  assert.equal(await binlog.sampleSpace(), AMPLE);
});

test('what may be synced later is written at once, and durable with the next append that wants a sync, told first', async () => {
  const { binlog, step } = await steppedLog();
  const path = 'binlog/00000001.seg';
  const told: string[] = [];
  const { written, durable } = binlog.appendUnsynced([append(1, run(1, 2, 1))]);
  void written.then(() => told.push('written'));
  void durable.then(() => told.push('durable'));
  assert.equal(await step(), `append ${path}`);
  assert.deepEqual(told, ['written']);
  assert.equal(await step(), 'nothing');
  assert.equal((await binlogRead(binlog.read(1, 1, 1000), step)).length, 2, 'read before it is synced');
  void binlog.append([hardState(2, 1)]).then(() => told.push('vote'));
  assert.deepEqual([await step(), await step()], [`append ${path}`, `sync ${path}`]);
  assert.deepEqual(told, ['written', 'durable', 'vote']);
});

test('a sync that is asked for covers what was written; without anything unsynced it costs nothing', async () => {
  const { binlog, step } = await steppedLog();
  const { durable } = binlog.appendUnsynced([append(1, run(1, 2, 1))]);
  await step();
  const synced = binlog.sync();
  assert.equal(await step(), 'sync binlog/00000001.seg');
  await Promise.all([durable, synced]);
  await binlog.sync();
  assert.equal(await step(), 'nothing');
});

test('a segment that ends takes no unsynced bytes with it, nor does the end of the log', async () => {
  const { binlog, step, files } = await steppedLog();
  const big = binlog.appendUnsynced([append(1, run(1, 20, 1, 'x'.repeat(150)))]);
  await step();
  const next = binlog.appendUnsynced([append(1, run(21, 21, 1))]);
  const first = 'binlog/00000001.seg';
  assert.deepEqual([await step(), await step()], [`sync ${first}`, `close ${first}`]);
  await big.durable;
  const closed = binlog.close();
  for (let label = await step(); label !== 'nothing'; label = await step());
  await Promise.all([next.durable, closed]);
  files.crash(seededRandom(1), 'drop');
  const again = files.incarnation((_label, act) => queueMicrotask(act));
  assert.equal((await open(again)).replicas.get(1)?.lastIndex, 21);
});

test('a failed sync rejects all that was written since the last one', async () => {
  const { binlog, step, files } = await steppedLog();
  const { written, durable } = binlog.appendUnsynced([append(1, run(1, 2, 1))]);
  await step();
  await written;
  files.fault = (label) => (label.startsWith('sync') ? new Error('EIO') : undefined);
  const rejected = assert.rejects(durable, /EIO/);
  const synced = assert.rejects(binlog.sync(), /EIO/);
  await step();
  await Promise.all([rejected, synced]);
  await assert.rejects(binlog.append([hardState(1, 1)]), /EIO/);
});

async function binlogRead<Value>(reading: Promise<Value>, step: () => Promise<string>): Promise<Value> {
  await step();
  return reading;
}
