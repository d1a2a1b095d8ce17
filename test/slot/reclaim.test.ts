/** What large keys that are gone left behind: all of it goes, and no slot's leftovers keep another's waiting. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lifeOfNumbers } from '../../src/slot/body.js';
import { stateRange } from '../../src/slot/keys.js';
import { pageKey, reclaimKey } from '../../src/slot/page-keys.js';
import { PagePool } from '../../src/slot/page-pool.js';
import { type Reclaimable, Reclaimer } from '../../src/slot/reclaim.js';
import type { EngineWrite } from '../../src/storage/engine.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';

/** More than one step removes. */
const PAGES = 1500;

class Leftovers {
  readonly engine = new MemoryEngine();
  readonly states: Reclaimable[] = [];
  private readonly reclaimer = new Reclaimer(this.engine);

  async add(stateId: number, lives: number): Promise<void> {
    this.states.push({ stateId, pages: new PagePool() });
    for (let index = 1; index <= lives; index++) await this.putLife(stateId, index);
  }

  async putLife(stateId: number, index: number): Promise<void> {
    const life = lifeOfNumbers(index, 0, 5);
    const batch: EngineWrite[] = [{ kind: 'put', key: reclaimKey(stateId, life), value: Buffer.alloc(0) }];
    for (let page = 1; page <= PAGES; page++)
      batch.push({ kind: 'put', key: pageKey(stateId, life, page), value: Buffer.alloc(1) });
    await this.engine.write(batch, { sync: true });
  }

  /** One that has time for so many steps; `onStep` hears of each before it is taken. */
  round(steps: number, onStep: () => void = () => {}): Promise<void> {
    let left = steps;
    return this.reclaimer.round(this.states, () => {
      onStep();
      return left-- > 0;
    });
  }

  async rowsOf(stateId: number): Promise<number> {
    const cursor = this.engine.iterate(stateRange(stateId));
    const rows = await cursor.next(1_000_000);
    await cursor.close();
    return rows.length;
  }
}

test('a slot with much to reclaim does not keep the others waiting', async () => {
  const leftovers = new Leftovers();
  await leftovers.add(1, 20);
  await leftovers.add(2, 1);
  await leftovers.add(3, 1);
  for (let round = 0; round < 8; round++) await leftovers.round(1);
  assert.equal(await leftovers.rowsOf(2), 0);
  assert.equal(await leftovers.rowsOf(3), 0);
  assert.ok((await leftovers.rowsOf(1)) > 10 * PAGES);
  for (let round = 0; round < 60; round++) await leftovers.round(1);
  assert.equal(await leftovers.rowsOf(1), 0);
  assert.deepEqual(
    leftovers.states.map(({ pages }) => pages.mayReclaim),
    [false, false, false],
  );
});

test('what is left of a set of two million members, 90,000 pages, takes three rounds of the largest size', async () => {
  const leftovers = new Leftovers();
  await leftovers.add(1, 60);
  let rounds = 0;
  for (; (await leftovers.rowsOf(1)) > 0; rounds++) await leftovers.round(50);
  // Each life ends with half a step.
  assert.ok(rounds <= 3, `${rounds} rounds`);
});

test('what is left to remove shows from the end of a life to the last of its rows', async () => {
  const leftovers = new Leftovers();
  await leftovers.add(1, 0);
  const { pages } = leftovers.states[0]!;
  const seen: boolean[] = [];
  const look = (): number => seen.push(pages.mayHaveLeftovers);
  await leftovers.round(1);
  look();
  pages.retire(lifeOfNumbers(1, 0, 5));
  look();
  pages.freeze();
  look();
  pages.thaw();
  look();
  await leftovers.putLife(1, 1);
  await leftovers.round(10, look);
  look();
  assert.deepEqual(seen.slice(0, 4), [false, true, true, true]);
  assert.ok(seen.length >= 7, 'it was looked at during the round');
  assert.ok(seen.slice(4, -1).every(Boolean));
  assert.equal(seen.at(-1), false);
});
