/** How much of the log stays: by bytes, never what is not in the engine, and for a while what a snapshot's member needs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogTail } from '../../src/slot/log-tail.js';

const NOBODY = { after: Number.POSITIVE_INFINITY, bytesMax: 0 };
/** Beside its data. */
const OVERHEAD = 16;

function tailOf(entries: number, nodeTailBytes: number): LogTail {
  const tail = new LogTail(0, nodeTailBytes);
  for (let index = 1; index <= entries; index++) tail.appended(index, 100 - OVERHEAD);
  return tail;
}

test('a small tail is kept to the entry, and only what is durable goes', () => {
  const tail = tailOf(10, 300);
  assert.equal(tail.releasable(5, 300, NOBODY), 5);
  assert.equal(tail.releasable(10, 300, NOBODY), 7);
  assert.equal(tail.releasable(10, 300, NOBODY), 0);
});

test('a large tail is counted in few steps', () => {
  const tail = tailOf(10_000, 4096 * 1000);
  const upTo = tail.releasable(10_000, 500_000, NOBODY);
  assert.ok(upTo >= 4990 && upTo <= 5010, `${upTo}`);
});

test('what is needed stays within its bound, and goes beyond it', () => {
  const need = (bytesMax: number) => ({ after: 4, bytesMax });
  assert.equal(tailOf(10, 100).releasable(10, 100, need(1000)), 4);
  assert.equal(tailOf(10, 100).releasable(10, 100, need(300)), 6);
  const tail = tailOf(10, 100);
  assert.equal(tail.releasable(10, 100, need(1000)), 4);
  assert.equal(tail.releasable(10, 100, NOBODY), 9);
});

test('after a snapshot nothing is counted that came before it', () => {
  const tail = tailOf(10, 100);
  tail.restart(20);
  assert.equal(tail.releasable(20, 0, NOBODY), 0);
  tail.appended(21, 84);
  tail.appended(22, 84);
  assert.equal(tail.releasable(22, 100, NOBODY), 21);
});
