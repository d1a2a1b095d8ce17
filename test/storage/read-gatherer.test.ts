/** Reads that are asked for side by side go together, and everyone gets his own rows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ReadGatherer } from '../../src/storage/read-gatherer.js';

const keysOf = (...names: readonly string[]): Buffer[] => names.map((name) => Buffer.from(name));
const textsOf = (rows: readonly (Buffer | undefined)[]) => rows.map((row) => row?.toString());

/** Answers a read when it is told to. */
class SlowStore {
  readonly reads: { readonly keys: readonly string[]; end(why?: Error): void }[] = [];
  readonly gatherer = new ReadGatherer(
    (keys) =>
      new Promise((resolve, reject) => {
        const names = keys.map((key) => key.toString());
        const rows = names.map((name) =>
          name.startsWith('no ') ? undefined : Buffer.from(`value of ${name}`),
        );
        this.reads.push({ keys: names, end: (why) => (why === undefined ? resolve(rows) : reject(why)) });
      }),
  );
  /** One read after the other ends, until nothing is asked for. */
  async endAll(): Promise<number> {
    let ended = 0;
    for (await turn(); ended < this.reads.length; await turn()) this.reads[ended++]!.end();
    return ended;
  }
}

test('what is asked for in one turn is read together, and each caller gets its rows in its order', async () => {
  const store = new SlowStore();
  const asked = [keysOf('a'), keysOf('b', 'no c', 'a'), keysOf(), keysOf('d')].map((keys) =>
    store.gatherer.get(keys),
  );
  await turn();
  assert.deepEqual(
    store.reads.map(({ keys }) => keys),
    [['a', 'b', 'no c', 'a', 'd']],
  );
  await store.endAll();
  assert.deepEqual((await Promise.all(asked)).map(textsOf), [
    ['value of a'],
    ['value of b', undefined, 'value of a'],
    [],
    ['value of d'],
  ]);
});

test('a lone read waits for nobody', async () => {
  const store = new SlowStore();
  const first = store.gatherer.get(keysOf('a'));
  await turn();
  const second = store.gatherer.get(keysOf('b'));
  await turn();
  assert.equal(store.reads.length, 2);
  store.reads[1]!.end();
  assert.deepEqual(textsOf(await second), ['value of b']);
  store.reads[0]!.end();
  assert.deepEqual(textsOf(await first), ['value of a']);
});

test('a thousand reads are few, and none of them is lost or answered with another one’s row', async () => {
  const store = new SlowStore();
  const names = Array.from({ length: 1000 }, (_, i) => `${i}`);
  const asked = names.map((name) => store.gatherer.get(keysOf(name)));
  const reads = await store.endAll();
  assert.ok(reads <= 20, `${reads} reads`);
  const rows = await Promise.all(asked);
  assert.deepEqual(
    rows.flatMap(textsOf),
    names.map((name) => `value of ${name}`),
  );
});

test('a request of very many keys goes whole', async () => {
  const store = new SlowStore();
  const names = Array.from({ length: 500 }, (_, i) => `${i}`);
  const asked = store.gatherer.get(keysOf(...names));
  const next = store.gatherer.get(keysOf('next'));
  await store.endAll();
  assert.equal((await asked).length, 500);
  assert.deepEqual(textsOf(await next), ['value of next']);
});

test('a read that fails fails for those that went with it, and the next one goes on', async () => {
  const store = new SlowStore();
  const asked = [store.gatherer.get(keysOf('a')), store.gatherer.get(keysOf('b'))];
  await turn();
  const later = store.gatherer.get(keysOf('c'));
  store.reads[0]!.end(new Error('no such luck'));
  for (const one of asked) await assert.rejects(one, /no such luck/);
  await store.endAll();
  assert.deepEqual(textsOf(await later), ['value of c']);
});

test('it is settled when the last one has its answer', async () => {
  const store = new SlowStore();
  const answered: string[] = [];
  const asked = Array.from({ length: 200 }, (_, i) =>
    store.gatherer.get(keysOf(`${i}`)).then(() => answered.push(`${i}`)),
  );
  const settled = store.gatherer.settled().then(() => answered.length);
  await store.endAll();
  assert.equal(await settled, 200);
  await Promise.all(asked);
  await store.gatherer.settled();
});
