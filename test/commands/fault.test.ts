/**
 * A handler may meet a page fault at any access and run again: reply and state must be those of a run without faults.
 *
 * Every row that touches a slot has scenarios here; a new row without one fails the test.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandTable, isLocal } from '../../src/commands/table.js';
import { FakeSlot } from './fake-slot.js';
import { execute, run, show, words } from './harness.js';

const NOW_MS = 1_700_000_000_000;
const PAST_S = 1_600_000_000;

const SCENARIOS: Readonly<Record<string, readonly string[]>> = {
  append: ['append a xyz', 'append none xyz', 'append dying x'],
  copy: ['copy dying new', 'copy a b', 'copy a b replace', 'copy none b'],
  dbsize: ['dbsize'],
  decr: ['decr n', 'decr a', 'decr none'],
  decrby: ['decrby n 7', 'decrby a 1'],
  del: ['del a a none b dead', 'del none'],
  exists: ['exists a a none dead'],
  expire: ['expire a 10', 'expire a -1', 'expire none 10', 'expire dying 1 gt', 'expire dying 1 lt'],
  expireat: [`expireat a ${PAST_S}`, 'expireat a 1800000000 nx'],
  expiretime: ['expiretime dying'],
  flushall: ['flushall', 'flushall async'],
  flushdb: ['flushdb', 'flushdb sync'],
  get: ['get a', 'get none', 'get dead'],
  getdel: ['getdel a', 'getdel none'],
  getex: ['getex a', 'getex a ex 5', 'getex dying persist', `getex a exat ${PAST_S}`, 'getex none ex 0'],
  getrange: ['getrange a 1 2', 'getrange none 0 -1'],
  getset: ['getset a new', 'getset dying new', 'getset none new'],
  incr: ['incr n', 'incr a', 'incr none', 'incr large'],
  incrby: ['incrby n 5', 'incrby max 1'],
  incrbyfloat: ['incrbyfloat n 0.1', 'incrbyfloat a 1', 'incrbyfloat none 3.0e3'],
  keys: ['keys *', 'keys [ab]', 'keys none'],
  mget: ['mget a none b dead a'],
  mset: ['mset a 1 new 2 a 3'],
  msetnx: ['msetnx new 1 other 2', 'msetnx new 1 a 2'],
  persist: ['persist dying', 'persist a', 'persist none'],
  pexpire: ['pexpire a 1500', 'pexpire a 0'],
  pexpireat: ['pexpireat a 1800000000000 xx', 'pexpireat dying 1800000000000 xx'],
  pexpiretime: ['pexpiretime dying', 'pexpiretime a'],
  psetex: ['psetex a 1500 v'],
  pttl: ['pttl dying', 'pttl none'],
  rename: ['rename dying b', 'rename a a', 'rename none b'],
  renamenx: ['renamenx dying new', 'renamenx a b', 'renamenx none b'],
  scan: ['scan 0', 'scan 0 count 2', 'scan 0 match a count 100', 'scan 0 type hash', 'scan 70368744177665'],
  set: [
    'set a v',
    'set new v nx get',
    'set a v nx',
    'set a v xx get ex 10',
    'set dying v keepttl',
    'set dying v',
    `set a v exat ${PAST_S} get`,
    'set none v xx',
  ],
  setex: ['setex a 10 v'],
  setnx: ['setnx a v', 'setnx new v', 'setnx dead v'],
  setrange: ['setrange a 2 XY', 'setrange new 3 XY', 'setrange none 3 ""', 'setrange dying 0 X'],
  strlen: ['strlen a', 'strlen none'],
  substr: ['substr a 0 -2'],
  touch: ['touch a b none'],
  ttl: ['ttl dying', 'ttl a', 'ttl none'],
  type: ['type a', 'type none'],
  unlink: ['unlink a b none'],
};

function prepared(): FakeSlot {
  const slot = new FakeSlot(NOW_MS - 5000);
  const setUp = 'mset a abcdef b bb c cc n 41 large 9007199254740991 max 9223372036854775807';
  assert.equal(run(slot, setUp), '+OK');
  assert.equal(run(slot, 'psetex dying 65000 tick'), '+OK');
  assert.equal(run(slot, 'psetex dead 1000 gone'), '+OK');
  slot.nowMs = NOW_MS;
  return slot;
}

test('every command of a slot has scenarios', () => {
  const rows = commandTable.filter((row) => !isLocal(row)).map((row) => row.name);
  assert.deepEqual(rows, Object.keys(SCENARIOS).sort());
});

for (const [name, lines] of Object.entries(SCENARIOS)) {
  test(`${name}: a fault at any access changes nothing`, () => {
    for (const line of lines) {
      const smooth = prepared();
      const reply = show(execute(smooth, words(line)));
      assert.notEqual(reply, '-ERR internal error', line);
      for (let faultAt = 0, faults = 1; faults > 0; faultAt++) {
        const slot = prepared();
        assert.equal(show(execute(slot, words(line), faultAt)), reply, `${line}, fault at ${faultAt}`);
        assert.deepEqual(slot.contents(), smooth.contents(), `${line}, fault at ${faultAt}`);
        faults = slot.faults;
      }
    }
  });
}
