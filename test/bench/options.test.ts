/** What `npm run bench` refuses, and in which words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peersOptionsOf } from '../../bench/options.js';

test('without options: the default peers, loads and rounds, clients at the node that leads', () => {
  const options = peersOptionsOf([]);
  assert.deepEqual(options.peers, ['redis-wait', 'redis-async', 'etcd', 'ceiling']);
  assert.deepEqual([options.conns, options.pipeline, options.mix], [[1, 50, 200], [1, 16], ['set']]);
  assert.deepEqual([options.seconds, options.rounds, options.slots, options.value], [10, 3, 16, 64]);
  assert.deepEqual([options.via, options.leaders, options.rate], ['one', 'one', undefined]);
});

test('cluster clients find leaders spread, unless told otherwise', () => {
  assert.equal(peersOptionsOf(['--via', 'cluster']).leaders, 'spread');
  assert.equal(peersOptionsOf(['--via', 'cluster', '--leaders', 'one']).leaders, 'one');
  assert.equal(peersOptionsOf(['--nodes', '6', '--hosts', '3']).leaders, 'spread');
});

test('what cannot be is refused with what was expected', () => {
  const refuses = (args: readonly string[], words: RegExp): void =>
    assert.throws(() => peersOptionsOf(args), words);
  refuses(['--peers', 'redis'], /--peers: "redis" is not valid, expected redis-wait, redis-async/);
  refuses(['--conns', '50,many'], /--conns: "many" is not valid, expected an integer from 1 to 10000/);
  refuses(['--mix', '90/20'], /mix: "90\/20" is none of set, get/);
  refuses(['--via', 'two'], /--via: "two" is not valid, expected one, other, all, cluster/);
  refuses(['--rate', '0'], /--rate: "0" is not valid, expected an integer from 1/);
  refuses(['--round', '1'], /--round/);
  refuses(['--nodes', '6', '--leaders', 'one'], /--leaders: one of 6 nodes holds no replica of some slots/);
});
