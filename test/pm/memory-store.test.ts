/**
 * The simulator's store keeps the contract of the real ones, on a real clock; and its faults are what they say.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../../src/pm/store.js';
import { SimMetadata } from '../sim/sim-metadata-store.js';
import { realEnv } from './real.js';
import { storeContract } from './store-contract.js';

storeContract('simulated store', async (context) => {
  const world = new SimMetadata(realEnv);
  const stores = [world.connect(realEnv), world.connect(realEnv)] as const;
  context.after(() => Promise.all(stores.map((store) => store.close())));
  return stores;
});

test('simulated store: a lost answer belongs to a transaction that happened', async () => {
  const store = new SimMetadata(realEnv).connect(realEnv);
  store.loseNextAnswer();
  await assert.rejects(store.txn([], [{ kind: 'put', key: 'k', value: 'v' }]), StoreError);
  assert.equal((await store.get('k'))?.value, 'v');
});
