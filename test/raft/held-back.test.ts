/** Entries of groups whose clients don't wait for a majority: held back for a little while, and no longer where somebody does wait. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Network } from './network.js';

function lately(): Network {
  const network = new Network(3, { settings: { sendEveryMs: 20, commitNoticeMs: 100 } });
  network.elect(1);
  network.advance(250);
  network.sent.clear();
  return network;
}

test('entries that come within one span go in one message a follower', () => {
  const network = lately();
  for (const word of ['a', 'b', 'c']) {
    network.propose(1, word);
    network.settle();
  }
  assert.equal(network.sent.get('append') ?? 0, 0);
  network.advance(25);
  assert.equal(network.sent.get('append'), 2);
  const { commitIndex, lastIndex } = network.raft(1).status;
  assert.equal(commitIndex, lastIndex);
});

test('who waits for followers, or reads at one, has them sent at once', () => {
  const network = lately();
  network.propose(1, 'a');
  network.settle();
  network.raft(1).hurry();
  network.settle();
  assert.equal(network.raft(1).status.commitIndex, network.raft(1).status.lastIndex);
  network.propose(1, 'b');
  network.raft(2).readIndex(7, network.nowMs);
  network.settle();
  assert.equal(network.raft(2).status.commitIndex, network.raft(1).status.lastIndex);
});

test('a follower whose log is not known to match is asked at once, whatever the others wait for', () => {
  const network = new Network(3, { settings: { sendEveryMs: 10_000 } });
  network.elect(1);
  network.advance(10_250);
  network.raft(1).unreachable(3);
  network.propose(1, 'a');
  network.settle();
  const { lastIndex } = network.raft(1).status;
  assert.equal(network.raft(3).status.lastIndex, lastIndex);
  assert.equal(network.raft(2).status.lastIndex, lastIndex - 1, 'held back');
});
