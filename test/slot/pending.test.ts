/** Which entries wait for the log's word, whatever the order in which terms left them (pending.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pending, PendingEntries } from '../../src/slot/pending.js';

function holding(...indexes: number[]): PendingEntries<Pending> {
  const pending = new PendingEntries<Pending>();
  for (const index of indexes) pending.put({ index });
  return pending;
}

const indexesOf = (pending: PendingEntries<Pending>): number[] => [...pending].map(({ index }) => index);

test('an entry is taken once, from wherever it stands', () => {
  const pending = holding(4, 5, 7);
  assert.deepEqual(pending.take(5), { index: 5 });
  assert.equal(pending.take(5), undefined);
  assert.equal(pending.take(6), undefined);
  assert.deepEqual(pending.take(4), { index: 4 });
  assert.deepEqual(indexesOf(pending), [7]);
});

test('a new term appends before what an earlier one left: both stay, in the order of the log', () => {
  const pending = holding(8, 9, 10);
  assert.deepEqual(pending.take(8), { index: 8 });
  pending.put({ index: 8 });
  assert.deepEqual(indexesOf(pending), [8, 9, 10]);
});

test('a snapshot passes all up to its index, and no other', () => {
  const pending = holding(3, 4, 6);
  assert.deepEqual(pending.takeUpTo(5), [{ index: 3 }, { index: 4 }]);
  assert.deepEqual(indexesOf(pending), [6]);
  assert.equal(pending.size, 1);
});
