/**
 * What every metadata store must do; each runs it from its own test file.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LEADER_KEY, type MetadataStore, type StoreChange, type StoreCompare } from '../../src/pm/store.js';
import { eventually } from './real.js';

/** Two stores on the same metadata, empty; the same store twice where only one may be open. */
export type OpenStores = (context: TestContext) => Promise<readonly [MetadataStore, MetadataStore]>;

/** How a test is declared: at the top, or as a part of one that has a server running. */
export type Declare = (name: string, body: (context: TestContext) => Promise<void>) => void;

export function storeContract(name: string, open: OpenStores, declare: Declare = topLevel): void {
  declare(`${name}: a transaction writes all or nothing, by the revisions it compares`, async (context) => {
    const [store] = await open(context);
    const first = await store.txn([{ key: 'a/1', revision: 0 }], [put('a/1', 'one'), put('b', 'other')]);
    assert.ok(first.kind === 'committed');
    const record = await store.get('a/1');
    assert.deepEqual(record, { key: 'a/1', value: 'one', revision: first.revision });
    const refused = await store.txn([{ key: 'a/1', revision: 0 }], [put('a/1', 'again'), put('c', 'never')]);
    assert.equal(refused.kind, 'conflict');
    assert.equal(await store.get('c'), undefined);
    const stale = { key: 'a/1', revision: first.revision - 1 };
    assert.equal((await store.txn([stale], [put('a/1', 'stale')])).kind, 'conflict');
    const second = await store.txn([record!], [put('a/1', 'two')]);
    assert.ok(second.kind === 'committed' && second.revision > first.revision);
    assert.equal((await store.get('a/1'))?.value, 'two');
  });

  declare(
    `${name}: list answers a prefix in key order, and deleted keys compare as absent`,
    async (context) => {
      const [store] = await open(context);
      await store.txn([], [put('p/2', '2'), put('p/1', '1'), put('q', 'no')]);
      const view = await store.list('p/');
      assert.deepEqual(
        view.records.map(({ key, value }) => [key, value]),
        [
          ['p/1', '1'],
          ['p/2', '2'],
        ],
      );
      assert.ok(view.revision >= Math.max(...view.records.map((record) => record.revision)));
      await store.txn([view.records[0]!], [{ kind: 'delete', key: 'p/1' }]);
      assert.equal(await store.get('p/1'), undefined);
      assert.equal((await store.txn([{ key: 'p/1', revision: 0 }], [put('p/1', 'new')])).kind, 'committed');
    },
  );

  declare(`${name}: of transactions that race on one revision, exactly one commits`, async (context) => {
    const [one, other] = await open(context);
    const race = [...Array(10).keys()].map((n) =>
      (n % 2 ? one : other).txn([{ key: 'r', revision: 0 }], [put('r', String(n))]),
    );
    const results = await Promise.all(race);
    assert.equal(results.filter((result) => result.kind === 'committed').length, 1);
  });

  declare(`${name}: a watch begins with the whole and then tells every change in order`, async (context) => {
    const [store, writer] = await open(context);
    await writer.txn([], [put('w/a', '0')]);
    const seen: string[] = [];
    let snapshots = 0;
    const watch = store.watch('w/', {
      onSnapshot: (view) => {
        snapshots += 1;
        seen.push(...view.records.map((record) => `${record.key}=${record.value}`));
      },
      onChanges: (changes) => seen.push(...changes.map(changeText)),
    });
    assert.equal(snapshots, 0, 'no handler runs inside watch()');
    await eventually('snapshot', () => snapshots === 1);
    for (let n = 1; n <= 5; n++) await writer.txn([], [put('w/a', String(n)), put('x', 'unseen')]);
    await writer.txn([], [{ kind: 'delete', key: 'w/a' }]);
    await eventually('changes', () => seen.at(-1) === 'w/a gone');
    assert.deepEqual(seen, ['w/a=0', 'w/a=1', 'w/a=2', 'w/a=3', 'w/a=4', 'w/a=5', 'w/a gone']);
    watch.close();
    await writer.txn([], [put('w/a', 'late')]);
    await store.get('w/a');
    assert.equal(seen.at(-1), 'w/a gone');
  });

  declare(`${name}: the one elected holds a fence that ends with its leadership`, async (context) => {
    const [store] = await open(context);
    const fences: StoreCompare[] = [];
    const leaders: (string | undefined)[] = [];
    const campaign = store.campaign('me:1', {
      onElected: (fence) => fences.push(fence),
      onLost: () => {},
      onLeader: (leader) => leaders.push(leader),
    });
    const fence = await eventually('elected', () => fences[0]);
    assert.equal(fence.key, LEADER_KEY);
    await eventually('leader known', () => leaders.at(-1) === 'me:1');
    assert.equal((await store.txn([fence], [put('f', 'fenced')])).kind, 'committed');
    await campaign.resign();
    await eventually('leader key gone', async () => (await store.get(LEADER_KEY)) === undefined);
    assert.equal((await store.txn([fence], [put('f', 'late')])).kind, 'conflict');
  });
}

function topLevel(name: string, body: (context: TestContext) => Promise<void>): void {
  test(name, body);
}

function put(key: string, value: string): { kind: 'put'; key: string; value: string } {
  return { kind: 'put', key, value };
}

function changeText(change: StoreChange): string {
  return change.kind === 'put' ? `${change.record.key}=${change.record.value}` : `${change.key} gone`;
}
