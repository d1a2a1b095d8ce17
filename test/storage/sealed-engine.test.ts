/** Rows that rot are found by whoever reads them, and by nobody else; folders of other versions are refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDamage } from '../../src/storage/damage.js';
import type { Engine, EngineWrite } from '../../src/storage/engine.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { sealEngine } from '../../src/storage/sealed-engine.js';

const key = (text: string): Buffer => Buffer.from(`\x00\x00\x00\x07${text}`, 'latin1');
const put = (text: string, value: string): EngineWrite => ({
  kind: 'put',
  key: key(text),
  value: Buffer.from(value),
});
const synced = { sync: true };

async function withRows(): Promise<{ readonly raw: MemoryEngine; readonly engine: Engine }> {
  const raw = new MemoryEngine();
  const engine = await sealEngine(raw);
  await engine.write([put('a', 'first'), put('b', ''), put('c', 'third')], synced);
  return { raw, engine };
}

async function all(engine: Engine, keysOnly: boolean): Promise<number> {
  const range = { from: key(''), to: key('z') };
  const rows = engine.iterate(keysOnly ? { ...range, keysOnly: true } : range);
  try {
    return (await rows.next(10)).length;
  } finally {
    await rows.close();
  }
}

test('any changed bit of a stored value is found by get, getMany and iterators, and keys alone can still be read', async () => {
  const { raw, engine } = await withRows();
  for (const name of ['a', 'b']) {
    const stored = (await raw.get(key(name)))!;
    for (let at = 0; at < stored.length; at++) {
      const changed = Buffer.from(stored);
      changed[at]! ^= 1 << (at % 8);
      await raw.write([{ kind: 'put', key: key(name), value: changed }], synced);
      await assert.rejects(engine.get(key(name)), isDamage);
      await assert.rejects(engine.getMany([key('c'), key(name)]), isDamage);
      await assert.rejects(all(engine, false), isDamage);
      assert.equal(await all(engine, true), 3);
      assert.equal((await engine.get(key('c')))?.toString(), 'third', 'other rows are not concerned');
    }
    await raw.write([{ kind: 'put', key: key(name), value: stored }], synced);
  }
  assert.equal(await all(engine, false), 3);
});

test('a row under the key of another, cut short or emptied is found', async () => {
  const { raw, engine } = await withRows();
  const stored = (await raw.get(key('a')))!;
  for (const value of [
    stored.subarray(0, 3),
    stored.subarray(0, -1),
    Buffer.alloc(0),
    Buffer.alloc(stored.length),
  ]) {
    await raw.write([{ kind: 'put', key: key('a'), value }], synced);
    await assert.rejects(engine.get(key('a')), isDamage);
  }
  await raw.write([{ kind: 'put', key: key('d'), value: stored }], synced);
  await assert.rejects(engine.get(key('d')), isDamage);
});

test('rows of a newer version are refused, and rows without a version, which older ones wrote', async () => {
  const { raw } = await withRows();
  await (await sealEngine(raw)).write([], synced);
  const version = Buffer.from([0, 0, 0, 0, 0xff, 0, 0, 0, 0]);
  const engine = await sealEngine(raw);
  await engine.write([{ kind: 'put', key: version, value: Buffer.from([0, 0, 0, 9]) }], synced);
  await assert.rejects(sealEngine(raw), /format 9, this program reads 2: a newer version/);
  const old = new MemoryEngine();
  await old.write([put('a', 'unsealed')], synced);
  await assert.rejects(sealEngine(old), /format 1, this program reads 2: an older version/);
});
