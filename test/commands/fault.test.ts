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
  copy: ['copy dying new', 'copy z new', 'copy a b', 'copy a b replace', 'copy none b'],
  dbsize: ['dbsize'],
  decr: ['decr n', 'decr a', 'decr none'],
  decrby: ['decrby n 7', 'decrby a 1'],
  del: ['del h s', 'del a a none b dead', 'del none'],
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
  hset: ['hset h f 9 new 1 f 10', 'hset fresh f v', 'hset a f v'],
  hmset: ['hmset h f 9 new 1'],
  hsetnx: ['hsetnx h f x', 'hsetnx h new x', 'hsetnx a f x'],
  hget: ['hget h f', 'hget none f', 'hget a f'],
  hmget: ['hmget h f none g'],
  hdel: ['hdel h f none', 'hdel h f g n', 'hdel none f'],
  hlen: ['hlen h'],
  hexists: ['hexists h f', 'hexists h none'],
  hstrlen: ['hstrlen h f'],
  hgetall: ['hgetall h', 'hgetall none'],
  hkeys: ['hkeys h'],
  hvals: ['hvals h'],
  hincrby: ['hincrby h n 5', 'hincrby h f 5', 'hincrby fresh n 5'],
  hincrbyfloat: ['hincrbyfloat h n 0.5', 'hincrbyfloat h f 1'],
  hrandfield: ['hrandfield h', 'hrandfield h 2', 'hrandfield h -5 withvalues', 'hrandfield none 2'],
  hscan: ['hscan h 0', 'hscan h 0 match f', 'hscan none 0', 'hscan h 99999999999'],
  sadd: ['sadd s a new', 'sadd fresh a', 'sadd a a'],
  srem: ['srem s a none', 'srem s a b c', 'srem none a'],
  sismember: ['sismember s a', 'sismember s none'],
  smismember: ['smismember s a none'],
  scard: ['scard s'],
  smembers: ['smembers s'],
  srandmember: ['srandmember s', 'srandmember s 2', 'srandmember s -5', 'srandmember none'],
  spop: ['spop s', 'spop s 2', 'spop s 10', 'spop none', 'spop none 1'],
  sscan: ['sscan s 0', 'sscan s 0 match a'],
  zadd: [
    'zadd z 5 a 1 new',
    'zadd z gt ch 0 a 9 b',
    'zadd z nx incr 1 a',
    'zadd fresh 1 m',
    'zadd z incr inf b',
  ],
  zincrby: ['zincrby z 2 a', 'zincrby z 1 new'],
  zrem: ['zrem z a none', 'zrem z a b c d'],
  zcard: ['zcard z'],
  zscore: ['zscore z a', 'zscore none a'],
  zmscore: ['zmscore z a none'],
  zrank: ['zrank z c', 'zrank z none', 'zrank z c withscore'],
  zrevrank: ['zrevrank z c'],
  zrange: [
    'zrange z 0 -1 withscores',
    'zrange z (1 3 byscore',
    'zrange z + - bylex rev limit 1 2',
    'zrange none 0 1',
  ],
  zrevrange: ['zrevrange z 0 1'],
  zrangebyscore: ['zrangebyscore z 1 2 limit 0 1'],
  zrevrangebyscore: ['zrevrangebyscore z 2 1 withscores'],
  zrangebylex: ['zrangebylex z [a (c'],
  zrevrangebylex: ['zrevrangebylex z (c [a'],
  zcount: ['zcount z 1 2', 'zcount none 1 2'],
  zlexcount: ['zlexcount z [a [b'],
  zpopmin: ['zpopmin z', 'zpopmin z 10', 'zpopmin none'],
  zpopmax: ['zpopmax z 2'],
  zremrangebyrank: ['zremrangebyrank z 1 2', 'zremrangebyrank z 0 -1'],
  zremrangebyscore: ['zremrangebyscore z 1 (2', 'zremrangebyscore none 1 2'],
  zremrangebylex: ['zremrangebylex z [a [b'],
  zrandmember: ['zrandmember z', 'zrandmember z 2 withscores', 'zrandmember z -3'],
  zscan: ['zscan z 0', 'zscan z 0 match a'],
  lpush: ['lpush l x y', 'lpush fresh x', 'lpush a x'],
  rpush: ['rpush l x y', 'rpush fresh x'],
  lpushx: ['lpushx l x', 'lpushx none x'],
  rpushx: ['rpushx l x', 'rpushx none x'],
  lpop: ['lpop l', 'lpop l 2', 'lpop l 10', 'lpop none', 'lpop none 1'],
  rpop: ['rpop l', 'rpop l 2'],
  llen: ['llen l'],
  lindex: ['lindex l 1', 'lindex l -1', 'lindex none 0'],
  lrange: ['lrange l 0 -1', 'lrange l 1 2', 'lrange none 0 1'],
  lset: ['lset l 1 x', 'lset l 9 x', 'lset none 0 x'],
  ltrim: ['ltrim l 1 2', 'ltrim l 5 9', 'ltrim none 0 1'],
  lrem: ['lrem l 0 x', 'lrem l -1 x', 'lrem none 0 x'],
  linsert: ['linsert l before y N', 'linsert l after none N', 'linsert none before y N'],
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
  rename: ['rename dying b', 'rename h s', 'rename a a', 'rename none b'],
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
  assert.equal(run(slot, 'hset h f 1 g two n 5'), ':3');
  assert.equal(run(slot, 'sadd s a b c'), ':3');
  assert.equal(run(slot, 'zadd z 1 a 1 b 2 c 3 d'), ':4');
  assert.equal(run(slot, 'rpush l x y x z'), ':4');
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
