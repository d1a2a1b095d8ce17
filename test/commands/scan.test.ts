/** SCAN's promise over one slot, and patterns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globMatches } from '../../src/commands/glob.js';
import { seededRandom } from '../../src/random.js';
import { FakeSlot } from './fake-slot.js';
import { execute, run, words } from './harness.js';

const NOW_MS = 1_700_000_000_000;

interface Page {
  readonly cursor: string;
  readonly keys: readonly string[];
}

function page(slot: FakeSlot, line: string): Page {
  const reply = execute(slot, words(line));
  assert.ok(reply.kind === 'array');
  const [cursor, keys] = reply.items;
  assert.ok(cursor?.kind === 'bulk' && keys?.kind === 'array');
  return {
    cursor: cursor.bytes.toString(),
    keys: keys.items.map((key) => (key.kind === 'bulk' ? String(key.bytes) : '')),
  };
}

function filled(count: number): FakeSlot {
  const slot = new FakeSlot(NOW_MS);
  const pairs = Array.from({ length: count }, (_, at) => `key:${at} ${at}`);
  run(slot, `mset ${pairs.join(' ')}`);
  return slot;
}

test('a walk returns each key once and ends with 0', () => {
  const slot = filled(100);
  const seen: string[] = [];
  let cursor = '0';
  do {
    const { cursor: next, keys } = page(slot, `scan ${cursor} count 7`);
    seen.push(...keys);
    cursor = next;
  } while (cursor !== '0');
  assert.equal(seen.length, 100);
  assert.equal(new Set(seen).size, 100);
});

test('keys that stay are returned while others come and go', () => {
  const slot = filled(60);
  const random = seededRandom(3);
  const seen = new Set<string>();
  let cursor = '0';
  do {
    const { cursor: next, keys } = page(slot, `scan ${cursor} count 5`);
    for (const key of keys) seen.add(key);
    cursor = next;
    run(slot, `del key:${30 + random.below(30)}`);
    run(slot, `set other:${random.below(1000)} x`);
  } while (cursor !== '0');
  for (let at = 0; at < 30; at++) assert.ok(seen.has(`key:${at}`), `key:${at}`);
});

test('a cursor beyond every position ends the walk', () => {
  assert.deepEqual(page(filled(3), 'scan 18446744073709551615'), { cursor: '0', keys: [] });
});

test('patterns do not take exponential time', () => {
  const text = Buffer.from('a'.repeat(2000));
  assert.equal(globMatches(Buffer.from(`${'a*'.repeat(50)}b`), text), false);
  assert.equal(globMatches(Buffer.from(`${'*a'.repeat(50)}*`), text), true);
});

test('patterns match bytes, and letters of either case when told to', () => {
  const matches = (pattern: string, text: string, ignoreCase = false) =>
    globMatches(Buffer.from(pattern, 'latin1'), Buffer.from(text, 'latin1'), { ignoreCase });
  assert.ok(matches('?', '\u00ff'));
  assert.ok(matches('[\u00fe-\u00ff]', '\u00ff'));
  assert.ok(matches('MAX*', 'maxmemory', true));
  assert.ok(matches('[A-C]x', 'bX', true));
  assert.ok(!matches('MAX*', 'maxmemory'));
  assert.ok(matches('a\\*b', 'a*b'));
  assert.ok(!matches('a\\*b', 'axb'));
  assert.ok(matches('', ''));
  assert.ok(!matches('', 'a'));
});
