/** One exam for every engine, and what a crash may do to the one in memory. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '../../src/random.js';
import type { Engine, EngineIterator, EngineWrite } from '../../src/storage/engine.js';
import { openLevelEngine } from '../../src/storage/level-engine.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { sealedRows } from '../../src/storage/sealed-engine.js';

/** `reopen` closes cleanly and opens again. */
interface Subject {
  readonly engine: Engine;
  reopen(): Promise<Engine>;
}

async function onLevel(run: (subject: Subject) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'talus-engine-'));
  let engine = await openLevelEngine(join(root, 'deep', 'engine'));
  const reopen = async (): Promise<Engine> => {
    await engine.close();
    engine = await openLevelEngine(join(root, 'deep', 'engine'));
    return engine;
  };
  try {
    await run({ engine, reopen });
  } finally {
    await engine.close();
    await rm(root, { recursive: true });
  }
}

async function inMemory(run: (subject: Subject) => Promise<void>): Promise<void> {
  const engine = new MemoryEngine();
  const reopen = async (): Promise<Engine> => {
    await engine.close();
    return engine.reopen();
  };
  await run({ engine, reopen });
}

async function sealed(run: (subject: Subject) => Promise<void>): Promise<void> {
  const memory = new MemoryEngine();
  const engine = sealedRows(memory);
  const reopen = async (): Promise<Engine> => {
    await engine.close();
    return sealedRows(memory.reopen());
  };
  await run({ engine, reopen });
}

const put = (key: string | Buffer, value: string): EngineWrite => ({
  kind: 'put',
  key: Buffer.from(key as string),
  value: Buffer.from(value),
});
const remove = (key: string): EngineWrite => ({ kind: 'delete', key: Buffer.from(key) });
const synced = { sync: true };
const unsynced = { sync: false };

async function text(engine: Engine, key: string): Promise<string | undefined> {
  return (await engine.get(Buffer.from(key)))?.toString();
}

async function drain(iterator: EngineIterator, count: number): Promise<string[]> {
  const keys: string[] = [];
  for (let page = await iterator.next(count); page.length > 0; page = await iterator.next(count)) {
    assert.ok(page.length <= count);
    for (const [key] of page) keys.push(key.toString('latin1'));
  }
  await iterator.close();
  return keys;
}

for (const [name, withEngine] of [
  ['level', onLevel],
  ['memory', inMemory],
  ['sealed', sealed],
] as const) {
  test(`${name}: puts, deletes and replacements of one batch are there together`, () =>
    withEngine(async ({ engine }) => {
      await engine.write([put('a', '1'), put('b', '2')], synced);
      await engine.write([put('a', '3'), remove('b'), put('c', ''), remove('missing')], unsynced);
      assert.equal(await text(engine, 'a'), '3');
      assert.equal(await text(engine, 'b'), undefined);
      assert.equal(await text(engine, 'c'), '', 'an empty value is a value');
      const many = await engine.getMany(['c', 'b', 'a'].map((key) => Buffer.from(key)));
      assert.deepEqual(
        many.map((value) => value?.toString()),
        ['', undefined, '3'],
      );
      assert.deepEqual(await engine.getMany([]), []);
    }));

  test(`${name}: within a batch the later write of a key wins`, () =>
    withEngine(async ({ engine }) => {
      await engine.write([put('a', '1'), remove('a'), put('b', '1'), put('b', '2'), remove('c')], synced);
      assert.equal(await text(engine, 'a'), undefined);
      assert.equal(await text(engine, 'b'), '2');
    }));

  test(`${name}: of keys alone a step brings as many as it is asked for, however large their values`, () =>
    withEngine(async ({ engine }) => {
      const keys = Array.from({ length: 300 }, (_, at) => Buffer.from(`key:${1000 + at}`));
      await engine.write(
        keys.map((key) => put(key, 'v'.repeat(2000))),
        synced,
      );
      const rows = engine.iterate({ from: Buffer.from('key:'), to: Buffer.from('key;'), keysOnly: true });
      assert.deepEqual(
        (await rows.next(200)).map(([key]) => key),
        keys.slice(0, 200),
      );
      assert.equal((await rows.next(200)).length, 100);
      await rows.close();
    }));

  test(`${name}: keys are ordered by their bytes, a range includes its start and not its end`, () =>
    withEngine(async ({ engine }) => {
      const keys = [[0], [0, 0], [0, 255], [1], [127], [128], [255], [255, 0]].map((key) => Buffer.from(key));
      const shuffled = [5, 2, 7, 0, 3, 6, 1, 4].map((i) => put(keys[i]!, 'x'));
      await engine.write(shuffled, synced);
      const all = await drain(engine.iterate({ from: Buffer.from([0]), to: Buffer.from([255, 255]) }), 3);
      assert.deepEqual(
        all,
        keys.map((key) => key.toString('latin1')),
      );
      const some = await drain(engine.iterate({ from: Buffer.from([0, 255]), to: Buffer.from([128]) }), 100);
      assert.deepEqual(
        some,
        keys.slice(2, 5).map((key) => key.toString('latin1')),
      );
    }));

  test(`${name}: an iterator sees the store as it was when it was made`, () =>
    withEngine(async ({ engine }) => {
      await engine.write([put('a', 'old'), put('b', 'old')], synced);
      const iterator = engine.iterate({ from: Buffer.from('a'), to: Buffer.from('z') });
      await engine.write([put('a', 'new'), remove('b'), put('c', 'new')], synced);
      const pairs = await iterator.next(10);
      assert.deepEqual(
        pairs.map(([key, value]) => `${key}=${value}`),
        ['a=old', 'b=old'],
      );
      assert.deepEqual(await iterator.next(10), []);
      assert.deepEqual(await iterator.next(10), [], 'the end stays the end');
      await iterator.close();
    }));

  test(`${name}: an empty batch is allowed and an empty range is empty`, () =>
    withEngine(async ({ engine }) => {
      await engine.write([], synced);
      await engine.write([], unsynced);
      assert.deepEqual(await drain(engine.iterate({ from: Buffer.from('b'), to: Buffer.from('b') }), 5), []);
      assert.deepEqual(
        await drain(engine.iterate({ from: Buffer.from([0]), to: Buffer.from([255]) }), 5),
        [],
      );
    }));

  test(`${name}: a clean stop keeps everything, synced or not`, () =>
    withEngine(async ({ engine, reopen }) => {
      await engine.write([put('synced', '1')], synced);
      await engine.write([put('unsynced', '2')], unsynced);
      const again = await reopen();
      assert.equal(await text(again, 'synced'), '1');
      assert.equal(await text(again, 'unsynced'), '2');
    }));

  test(`${name}: the caller's buffers are its own again after the call`, () =>
    withEngine(async ({ engine }) => {
      const key = Buffer.from('key');
      const value = Buffer.from('value');
      const written = engine.write([{ kind: 'put', key, value }], synced);
      await written;
      value.fill(0);
      key.fill(0);
      assert.equal(await text(engine, 'key'), 'value');
    }));
}

test('memory: a synced batch survives a crash, and of the unsynced ones any, before it or after it', async () => {
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const engine = new MemoryEngine();
    await engine.write([put('before', '1'), put('over', 'old')], unsynced);
    await engine.write([put('synced', '1')], synced);
    await engine.write([put('x', '1'), put('y', '1')], unsynced);
    await engine.write([put('z', '1')], unsynced);
    const after = engine.crash(seededRandom(seed));
    assert.equal(await text(after, 'synced'), '1');
    assert.equal(await text(after, 'before'), (await text(after, 'over')) && '1', 'a batch is atomic');
    assert.equal(await text(after, 'x'), await text(after, 'y'), 'a batch is atomic');
    const x = await text(after, 'x');
    outcomes.add(`${await text(after, 'before')} ${x} ${await text(after, 'z')}`);
    assert.equal(await text(after.crash(seededRandom(seed + 1)), 'x'), x, 'what a crash left stays');
  }
  assert.equal(outcomes.size, 8, 'every subset of three');
});

test('memory: what survives is applied in the order of the writes', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const engine = new MemoryEngine();
    await engine.write([put('a', 'first')], unsynced);
    await engine.write([put('a', 'second')], synced);
    assert.equal(await text(engine.crash(seededRandom(seed)), 'a'), 'second');
  }
});

test('memory: the death of the process alone keeps what was written, and of what was under way any part', async () => {
  const found = new Set<string | undefined>();
  for (let seed = 0; seed < 20; seed++) {
    const effects: (() => void)[] = [];
    const engine = new MemoryEngine((_label, run) => effects.push(run));
    void engine.write([put('written', '1')], unsynced);
    for (const effect of effects.splice(0)) effect();
    void engine.write([put('under way', '1')], synced);
    const after = engine.kill(seededRandom(seed)).reopen((_label, run) => queueMicrotask(run));
    assert.equal(await text(after, 'written'), '1');
    const underWay = await text(after, 'under way');
    found.add(underWay);
    // The next process has seen it, and acted on it.
    assert.equal(await text(after.crash(seededRandom(seed)), 'under way'), underWay);
  }
  assert.deepEqual(found, new Set([undefined, '1']));
});

test('memory: what was asked before a crash never completes, but may have been done', async () => {
  const found = new Set<string | undefined>();
  for (let seed = 0; seed < 20; seed++) {
    const effects: (() => void)[] = [];
    const engine = new MemoryEngine((_label, run) => effects.push(run));
    let completed = false;
    void engine.write([put('a', '1')], synced).then(() => {
      completed = true;
    });
    const after = engine.crash(seededRandom(seed), (_label, run) => queueMicrotask(run));
    for (const effect of effects) effect();
    await Promise.resolve();
    assert.equal(completed, false);
    found.add(await text(after, 'a'));
  }
  assert.deepEqual(found, new Set([undefined, '1']));
});
