/** An engine whose disk is full is opened again when there is room; reads go on, and no acknowledged batch is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../src/env.js';
import { DiskFull } from '../../src/storage/disk-full.js';
import type { Engine, EngineBatch, EngineWrite } from '../../src/storage/engine.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { EngineReopened, openSteadyEngine } from '../../src/storage/steady-engine.js';

const ROOM_BYTES = 100;

/** LevelDB's ways: after a write that found no room it takes none until it is opened again. */
class Database {
  content = new MemoryEngine();
  freeBytes = 1000;
  opened = 0;
  /** Of the next write; undefined: as the room says. */
  failure: Error | undefined;
  underWay = 0;
  private broken = false;
  private isOpen = false;

  open = async (): Promise<Engine> => {
    assert.equal(this.isOpen, false, 'closed before it is opened');
    if (this.freeBytes < ROOM_BYTES) throw noRoom();
    this.opened++;
    this.isOpen = true;
    this.broken = false;
    const { content } = this;
    const mustBeOpen = (): void => assert.ok(this.isOpen, 'used while it is closed');
    return {
      get: (key) => {
        mustBeOpen();
        return content.get(key);
      },
      getMany: (keys) => {
        mustBeOpen();
        return content.getMany(keys);
      },
      write: (batch, options) => this.write(batch, options),
      iterate: (range) => content.iterate(range),
      close: async () => {
        this.isOpen = false;
      },
    };
  };

  private async write(batch: EngineBatch, options: { readonly sync: boolean }): Promise<void> {
    assert.equal(this.underWay, 0, 'one write at a time');
    assert.ok(this.isOpen);
    this.underWay++;
    await Promise.resolve();
    this.underWay--;
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    this.broken ||= this.freeBytes <= 0;
    if (this.broken) {
      // As far as there was room.
      for (const _first of batch) break;
      throw noRoom();
    }
    await this.content.write(batch, options);
  }
}

function noRoom(): Error {
  return new Error('batch failed', {
    cause: new Error('IO error: /data/engine/000005.log: No space left on device'),
  });
}

/** Timers run at once, when everything else has. */
function steady(database: Database): Promise<Engine> {
  const after = (_ms: number, run: () => void) => {
    const timer = setImmediate(run);
    return { cancel: () => clearImmediate(timer) };
  };
  return openSteadyEngine({
    env: { after, log: silentLog },
    open: database.open,
    freeBytes: async () => database.freeBytes,
    roomBytes: ROOM_BYTES,
  });
}

const put = (key: string, value: string): EngineWrite => ({
  kind: 'put',
  key: Buffer.from(key),
  value: Buffer.from(value),
});
const text = (value: Buffer | undefined): string | undefined => value?.toString();
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('a write that finds no room waits, reads go on, and both are served when there is room', async () => {
  const database = new Database();
  const engine = await steady(database);
  await engine.write([put('a', '1')], { sync: true });
  database.freeBytes = 0;
  const done: string[] = [];
  const writes = ['b', 'c'].map((key) =>
    engine.write([put(key, '2')], { sync: true }).then(() => done.push(key)),
  );
  await settle();
  assert.deepEqual(done, []);
  assert.equal(text(await engine.get(Buffer.from('a'))), '1', 'reads go on');
  assert.equal(await engine.get(Buffer.from('b')), undefined);
  database.freeBytes = ROOM_BYTES - 1;
  await settle();
  assert.equal(database.opened, 1, 'not closed while it might not open again');
  database.freeBytes = 1000;
  await Promise.all(writes);
  assert.equal(database.opened, 2);
  assert.deepEqual((await engine.getMany(['a', 'b', 'c'].map((key) => Buffer.from(key)))).map(text), [
    '1',
    '2',
    '2',
  ]);
});

test('rows that are made when they are asked for are made again for a write that found no room', async () => {
  const database = new Database();
  const engine = await steady(database);
  let walks = 0;
  const rows: EngineBatch = {
    *[Symbol.iterator]() {
      walks++;
      for (const key of ['a', 'b', 'c']) yield put(key, '1');
    },
  };
  database.freeBytes = 0;
  const written = engine.write(rows, { sync: true });
  await settle();
  database.freeBytes = 1000;
  await written;
  assert.equal(walks, 2);
  const found = await engine.getMany(['a', 'b', 'c'].map((key) => Buffer.from(key)));
  assert.deepEqual(found.map(text), ['1', '1', '1']);
});

test('who does not want to wait is told so, and the engine is mended all the same', async () => {
  const database = new Database();
  const engine = await steady(database);
  database.freeBytes = 0;
  await assert.rejects(engine.write([put('a', '1')], { sync: true, whenFull: 'reject' }), DiskFull);
  await assert.rejects(engine.write([put('a', '1')], { sync: true, whenFull: 'reject' }), DiskFull);
  database.freeBytes = 1000;
  await settle();
  await engine.write([put('a', '2')], { sync: true, whenFull: 'reject' });
  assert.equal(text(await engine.get(Buffer.from('a'))), '2');
});

test('an iterator from before sees nothing else: it ends, and a new one sees all', async () => {
  const database = new Database();
  const engine = await steady(database);
  const range = { from: Buffer.from('a'), to: Buffer.from('z') };
  await engine.write([put('a', '1'), put('b', '1')], { sync: true });
  const before = engine.iterate(range);
  assert.equal((await before.next(1)).length, 1);
  database.failure = noRoom();
  await engine.write([put('c', '1')], { sync: true });
  await assert.rejects(before.next(1), EngineReopened);
  await before.close();
  const after = engine.iterate(range);
  assert.equal((await after.next(10)).length, 3);
  await after.close();
});

test('any other failure is final', async () => {
  const database = new Database();
  const engine = await steady(database);
  database.failure = new Error('IO error: Input/output error');
  await assert.rejects(engine.write([put('a', '1')], { sync: true }), /Input\/output/);
  assert.equal(database.opened, 1);
});

test('an engine that lost what it had acknowledged is not gone on with', async () => {
  const database = new Database();
  const engine = await steady(database);
  await engine.write([put('a', '1')], { sync: true });
  database.content = new MemoryEngine();
  database.failure = noRoom();
  await assert.rejects(engine.write([put('b', '1')], { sync: true }), /lost a batch/);
});

test('a process that stops waits for no room', async () => {
  const database = new Database();
  const engine = await steady(database);
  database.freeBytes = 0;
  const waiting = assert.rejects(engine.write([put('a', '1')], { sync: true }), DiskFull);
  await settle();
  engine.stopWaiting?.();
  await waiting;
  await engine.close();
});
