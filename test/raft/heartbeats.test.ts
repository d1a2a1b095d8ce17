/** Whom a leader's heartbeats go to: half of the followers in turn while all is well, all of them as soon as it is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Network } from './network.js';

function heartbeatsIn(network: Network, ms: number): number {
  network.sent.delete('heartbeat');
  network.advance(ms);
  return network.sent.get('heartbeat') ?? 0;
}

test('followers take turns while all answer, and the lease never lapses', () => {
  const network = new Network(3, { settings: { reads: 'lease' } });
  network.elect(1);
  network.advance(250);
  assert.equal(heartbeatsIn(network, 1000), 10, 'one at each beat');
  for (let step = 0; step < 200; step++) {
    network.advance(5);
    assert(network.raft(1).leaseHolds(network.nowMs), `at ${network.nowMs}`);
  }
  assert.equal(network.leader?.id, 1);
});

test('five take turns by two, and the lease never lapses', () => {
  const network = new Network(5, { settings: { reads: 'lease' } });
  network.elect(1);
  network.advance(250);
  assert.equal(heartbeatsIn(network, 1000), 20);
  for (let step = 0; step < 200; step++) {
    network.advance(5);
    assert(network.raft(1).leaseHolds(network.nowMs), `at ${network.nowMs}`);
  }
});

test('a follower that does not answer gives its turn to nobody: all hear every beat, until it is back', () => {
  const network = new Network(3, { settings: { reads: 'lease' } });
  network.elect(1);
  network.advance(250);
  network.passes = ({ from }) => from !== 3;
  network.advance(300);
  assert.equal(heartbeatsIn(network, 1000), 20);
  for (let step = 0; step < 200; step++) {
    network.advance(5);
    assert(network.raft(1).leaseHolds(network.nowMs), `at ${network.nowMs}`);
  }
  network.passes = () => true;
  network.advance(300);
  assert.equal(heartbeatsIn(network, 1000), 10);
});

test('where beats are rare beside the time-outs, all hear each of them', () => {
  const network = new Network(3, { settings: { heartbeatMs: 300 } });
  network.elect(1);
  network.advance(700);
  assert.equal(heartbeatsIn(network, 3000), 20);
  assert.equal(network.leader?.id, 1);
});

test('a follower hears of a commit by the next beat, also where the turn is not its own', () => {
  const network = new Network(3, { settings: { commitNoticeMs: 100 } });
  network.elect(1);
  network.advance(250);
  network.propose(1, 'a');
  network.settle();
  network.sent.clear();
  network.advance(101);
  for (const id of [2, 3])
    assert.equal(network.raft(id).status.commitIndex, network.raft(1).status.commitIndex);
  assert.equal(network.sent.get('append') ?? 0, 0, 'no message of its own');
});

test('words that wait for nothing are handed out without a Ready, and a Ready is asked for where there is more', () => {
  const network = new Network(3);
  network.elect(1);
  network.advance(250);
  const leader = network.raft(1);
  const { term, lastIndex } = leader.status;
  const { nowMs } = network;
  const beat = {
    kind: 'heartbeat',
    from: 1,
    to: 2,
    term,
    commit: lastIndex,
    readRound: 0,
    sentAtMs: nowMs,
    sleep: false,
  } as const;
  const follower = network.raft(2);
  follower.step({ ...beat }, nowMs);
  const words = follower.messagesAlone();
  assert.deepEqual(
    words?.map(({ kind, to }) => [kind, to]),
    [['heartbeatReply', 1]],
  );
  assert.equal(follower.ready(), undefined, 'nothing was left behind');
  leader.propose(Buffer.from('a'), nowMs);
  assert.equal(leader.messagesAlone(), undefined);
  assert((leader.ready()?.messages.length ?? 0) > 0, 'they go with the Ready');
  follower.step({ ...beat, term: term + 1, from: 3 }, nowMs);
  assert.equal(follower.messagesAlone(), undefined, 'its term is not on disk');
});

/** It would else be refused, and the next one have its turn 150 ms later: longest gaps of killed leaders were 450 ms, not 323. */
test('who has not heard the newest beat waits for the promise of the one who has, and wins at its first try', () => {
  const network = new Network(3);
  network.elect(1);
  // The beat at 300 was the second member's.
  network.advance(350);
  network.passes = ({ from, to }) => from !== 1 && to !== 1;
  network.sent.clear();
  network.raft(3).suspectLeader(1, 0, network.nowMs);
  network.advance(300);
  assert.equal(network.raft(3).status.role, 'leader');
  assert.equal(network.sent.get('preVote'), 2, 'one round, each asked once');
});
