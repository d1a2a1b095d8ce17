/** What the tail of a log keeps alive: its entries' bytes, and not what they came in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntryMemory } from '../../src/raft/entry-memory.js';

function bytesHeld(buffers: readonly Buffer[]): number {
  const held = new Set(buffers.map(({ buffer }) => buffer));
  return [...held].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

test('small entries that came in large messages, or between short-lived buffers, hold little more than themselves', () => {
  const memory = new EntryMemory();
  const given: Buffer[] = [];
  const kept: Buffer[] = [];
  for (let at = 0; at < 2000; at++) {
    const message = Buffer.alloc(64 * 1024, at % 251);
    given.push(Buffer.from(message.subarray(100, 100 + (at % 120))));
    kept.push(memory.keep(message.subarray(100, 100 + (at % 120))));
  }
  assert.deepEqual(kept, given);
  const bytes = kept.reduce((sum, { length }) => sum + length, 0);
  assert.ok(bytesHeld(kept) < bytes * 1.1 + 8192, `${bytesHeld(kept)} bytes for ${bytes}`);
});

test('a large entry is copied out of what is much larger, and stays what it is where it is alone', () => {
  const memory = new EntryMemory();
  const alone = Buffer.alloc(5000, 1);
  assert.equal(memory.keep(alone), alone);
  const kept = memory.keep(Buffer.alloc(1 << 20, 2).subarray(0, 5000));
  assert.deepEqual(kept, Buffer.alloc(5000, 2));
  assert.equal(kept.buffer.byteLength, 5000);
});

test('an entry without data holds nothing', () => {
  assert.equal(new EntryMemory().keep(Buffer.alloc(8192).subarray(0, 0)).buffer.byteLength, 0);
});
