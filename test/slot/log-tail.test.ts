/** How much of the log stays: by bytes, never what is not in the engine, and for a while what a snapshot's member needs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogTail } from '../../src/slot/log-tail.js';

const NOBODY = { after: Number.POSITIVE_INFINITY, bytesMax: 0 };
/** Beside its data. */
const OVERHEAD = 16;

function tailOf(entries: number, nodeTailBytes: number, sharers = 1): LogTail {
  const tail = new LogTail(nodeTailBytes, () => sharers);
  for (let index = 1; index <= entries; index++) tail.appended(index, 100 - OVERHEAD);
  return tail;
}

test('a small tail is kept to the entry, and only what is durable goes', () => {
  const tail = tailOf(10, 300);
  assert.equal(tail.releasable(5, NOBODY), 5);
  assert.equal(tail.releasable(10, NOBODY), 7);
  assert.equal(tail.releasable(10, NOBODY), 0);
});

test('a large tail is counted in few steps', () => {
  const tail = tailOf(10_000, 4096 * 1000, 8);
  const upTo = tail.releasable(10_000, NOBODY);
  assert.ok(upTo >= 4870 && upTo <= 4890, `${upTo}`);
});

test('what is needed stays within its bound, and goes beyond it', () => {
  const need = (bytesMax: number) => ({ after: 4, bytesMax });
  assert.equal(tailOf(10, 100).releasable(10, need(1000)), 4);
  assert.equal(tailOf(10, 100).releasable(10, need(300)), 6);
  const tail = tailOf(10, 100);
  assert.equal(tail.releasable(10, need(1000)), 4);
  assert.equal(tail.releasable(10, NOBODY), 9);
});

test('after a snapshot nothing is counted that came before it', () => {
  const tail = tailOf(10, 100);
  tail.restart(20);
  assert.equal(tail.releasable(20, NOBODY), 0);
  tail.appended(21, 84);
  tail.appended(22, 84);
  assert.equal(tail.releasable(22, NOBODY), 21);
});

test('what the log held before a restart counts like what came after it', () => {
  const runs = [
    { last: 13, bytes: 300 - OVERHEAD },
    { last: 20, bytes: 700 - OVERHEAD },
    { last: 21, bytes: 100 - OVERHEAD },
  ];
  const tail = new LogTail(900, () => 1, { compactedIndex: 10, runs });
  assert.equal(tail.releasable(21, NOBODY), 13);
  tail.appended(22, 200 - OVERHEAD);
  assert.equal(tail.releasable(22, NOBODY), 20);
});

test('the tail shrinks with the share, though nothing is appended', () => {
  let sharers = 1;
  const tail = new LogTail(1000, () => sharers);
  for (let index = 1; index <= 10; index++) tail.appended(index, 100 - OVERHEAD);
  assert.equal(tail.releasable(10, NOBODY), 0);
  sharers = 2;
  assert.equal(tail.releasable(10, NOBODY), 5);
});
