/**
 * The embedded store keeps the contract, and what it answered is there after it was closed and opened again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmbeddedStore } from '../../src/pm/embedded-store.js';
import { StoreError } from '../../src/pm/store.js';
import { realEnv, temporaryFolder } from './real.js';
import { storeContract } from './store-contract.js';

storeContract('embedded store', async (context) => {
  const store = await EmbeddedStore.open(`${await temporaryFolder(context)}/metadata`, realEnv);
  context.after(() => store.close());
  return [store, store];
});

test('embedded store: records and revisions survive a reopening, and revisions go on from there', async (context) => {
  const folder = `${await temporaryFolder(context)}/metadata`;
  const first = await EmbeddedStore.open(folder, realEnv);
  await first.txn([], [{ kind: 'put', key: 'k', value: '1' }]);
  await first.txn([], [{ kind: 'put', key: 'gone', value: 'x' }]);
  await first.txn([], [{ kind: 'delete', key: 'gone' }]);
  const before = await first.list('');
  await first.close();
  const second = await EmbeddedStore.open(folder, realEnv);
  context.after(() => second.close());
  assert.deepEqual(await second.list(''), before);
  const result = await second.txn(before.records, [{ kind: 'put', key: 'k', value: '2' }]);
  assert.ok(result.kind === 'committed' && result.revision === before.revision + 1);
});

test('embedded store: a second opening of the same folder says that it is in use', async (context) => {
  const folder = `${await temporaryFolder(context)}/metadata`;
  const store = await EmbeddedStore.open(folder, realEnv);
  context.after(() => store.close());
  await assert.rejects(EmbeddedStore.open(folder, realEnv), (error) => {
    assert.ok(error instanceof StoreError);
    assert.match(error.message, /in use by another process/);
    return true;
  });
});
