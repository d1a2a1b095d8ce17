/** What a real Redis can't be asked: the bounds of this project, blind writes, and time standing still. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLongDouble, parseLongDouble } from '../../src/commands/long-double.js';
import { valueBytesMax } from '../../src/commands/string-value.js';
import { FakeSlot } from './fake-slot.js';
import { execute, run, show } from './harness.js';

const NOW_MS = 1_700_000_000_000;
const TOO_LONG = '-ERR string exceeds maximum allowed size (proto-max-bulk-len)';

test('a value longer than the bound is refused by every way in, and nothing is changed', () => {
  const slot = new FakeSlot(NOW_MS);
  const huge = Buffer.alloc(valueBytesMax + 1);
  const key = Buffer.from('k');
  const argvs = [
    [Buffer.from('set'), key, huge],
    [Buffer.from('setnx'), key, huge],
    [Buffer.from('getset'), key, huge],
    [Buffer.from('append'), key, huge],
    [Buffer.from('mset'), key, huge],
    [Buffer.from('setex'), key, Buffer.from('10'), huge],
    [Buffer.from('setrange'), key, Buffer.from('0'), huge],
  ];
  for (const argv of argvs) assert.equal(show(execute(slot, argv)), TOO_LONG, argv[0]!.toString());
  assert.equal(run(slot, `setrange k ${valueBytesMax} x`), TOO_LONG);
  assert.deepEqual(slot.contents(), []);
  const full = huge.subarray(0, valueBytesMax);
  assert.equal(show(execute(slot, [Buffer.from('set'), key, full])), '+OK');
  assert.equal(run(slot, 'append k x'), TOO_LONG);
});

test('an expiry beyond the safe integers is refused, not rounded', () => {
  const slot = new FakeSlot(NOW_MS);
  run(slot, 'set k v');
  assert.equal(run(slot, 'pexpireat k 9007199254740991'), ':1');
  assert.equal(run(slot, 'pexpiretime k'), ':9007199254740991');
  assert.equal(run(slot, 'pexpireat k 9007199254740992'), "-ERR invalid expire time in 'pexpireat' command");
  assert.equal(run(slot, 'pexpire k 9007199254740000'), "-ERR invalid expire time in 'pexpire' command");
  assert.equal(run(slot, 'set k v px 9007199254740000'), "-ERR invalid expire time in 'set' command");
  assert.equal(run(slot, 'pexpireat k -9223372036854775808'), ':1');
  assert.equal(run(slot, 'exists k'), ':0');
});

test('a relative expiry counts from the time of the entry', () => {
  const slot = new FakeSlot(NOW_MS);
  run(slot, 'set k v px 1500');
  assert.equal(run(slot, 'pexpiretime k'), `:${NOW_MS + 1500}`);
  assert.equal(run(slot, 'ttl k'), ':2');
  slot.nowMs += 1001;
  assert.equal(run(slot, 'pttl k'), ':499');
  assert.equal(run(slot, 'ttl k'), ':0');
  slot.nowMs += 499;
  assert.equal(run(slot, 'get k'), 'nil');
  assert.equal(run(slot, 'ttl k'), ':-2');
});

test('a moment that has come deletes the key and answers as the write does', () => {
  const slot = new FakeSlot(NOW_MS);
  run(slot, 'mset a 1 b 2 c 3');
  assert.equal(run(slot, `set a x pxat ${NOW_MS}`), '+OK');
  assert.equal(run(slot, `getex b pxat ${NOW_MS}`), '"2"');
  assert.equal(run(slot, `pexpireat c ${NOW_MS}`), ':1');
  assert.equal(run(slot, 'dbsize'), ':0');
});

test('a plain SET reads nothing: it never waits for the record that it replaces', () => {
  const slot = new FakeSlot(NOW_MS);
  const txn = slot.begin();
  txn.get = () => assert.fail('SET read');
  slot.begin = () => txn;
  assert.equal(run(slot, 'set k v'), '+OK');
  assert.equal(run(slot, 'set k v ex 10'), '+OK');
});

const float = (text: string): string => {
  const value = parseLongDouble(Buffer.from(text));
  return value === undefined ? 'invalid' : formatLongDouble(value);
};

test('the 80-bit format at its edges', () => {
  assert.equal(float('0.1'), '0.1');
  assert.equal(float('1000000000000.1'), '1000000000000.10000002384185791');
  assert.equal(float('18446744073709551615'), '18446744073709551615');
  assert.equal(float('18446744073709551617'), '18446744073709551616');
  assert.equal(float('36893488147419103235'), '36893488147419103236');
  assert.equal(float('1e4932').length, 4933);
  assert.equal(float('1e4933'), 'invalid');
  assert.equal(float('3e-4951'), '0');
  assert.equal(float('1e-4952'), 'invalid');
  assert.equal(float('1e99999999999999999999'), 'invalid');
  assert.equal(float(`0.${'0'.repeat(5000)}1e5001`), '1');
  assert.equal(float('-0'), '0');
});
