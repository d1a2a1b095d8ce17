/** Elections: votes and what must be saved before them, pre-votes, timers, stepping down, transfers, pledges. docs/raft.md says which test tells which story. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, core, entry, vote } from './core.js';
import { Network } from './network.js';

test('a vote leaves only with the save of its term and itself, in one record', () => {
  const raft = core();
  raft.step(vote(2, 5, [0, 0]), 0);
  const ready = raft.ready()!;
  assert.deepEqual(ready.hardState, { term: 5, votedFor: 2, commit: 0 });
  assert(ready.mustSync);
  assert.equal(ready.messages.length, 0);
  assert.deepEqual(
    ready.messagesAfterSave.map(({ kind }) => kind),
    ['voteReply'],
  );
});

test('a repeated vote brings its own record to wait for, as the first may not be durable yet', () => {
  const raft = core();
  raft.step(vote(2, 5, [0, 0]), 0);
  raft.ready();
  raft.step(vote(2, 5, [0, 0]), 0);
  const ready = raft.ready()!;
  assert.deepEqual(ready.hardState, { term: 5, votedFor: 2, commit: 0 });
  assert(ready.mustSync);
  assert.equal(ready.messagesAfterSave.length, 1);
});

test('a candidate saves its term and vote before it asks', () => {
  const raft = core();
  raft.step({ kind: 'timeoutNow', from: 2, to: 1, term: 0 }, 0);
  const ready = raft.ready()!;
  assert.deepEqual(ready.hardState, { term: 1, votedFor: 1, commit: 0 });
  assert.equal(ready.messages.length, 0);
  assert.deepEqual(
    ready.messagesAfterSave.map(({ kind }) => kind),
    ['vote', 'vote'],
  );
});

test('a vote goes to one candidate a term, and survives a restart', () => {
  const network = new Network(3);
  network.raft(1).step(vote(2, 5, [0, 0]), 0);
  network.settle([1]);
  network.restart(1);
  network.nowMs = 5000;
  network.raft(1).step(vote(3, 5, [9, 4]), network.nowMs);
  const reply = network.raft(1).ready()!.messagesAfterSave[0]!;
  assert(reply.kind === 'voteReply' && !reply.granted);
});

test('freshness is the last term first, then the length', () => {
  const cases = [
    { last: [1, 3], granted: true },
    { last: [2, 2], granted: true },
    { last: [1, 2], granted: false },
    { last: [9, 1], granted: false },
  ] as const;
  for (const { last, granted } of cases) {
    const raft = core({}, [entry(1, 1), entry(2, 2)]);
    raft.step(vote(2, 7, last), 0);
    const reply = raft.ready()!.messagesAfterSave[0]!;
    assert(reply.kind === 'voteReply');
    assert.equal(reply.granted, granted, String(last));
  }
});

test('terms teach: candidates, leaders and stale senders give way', () => {
  const candidate = core();
  candidate.step({ kind: 'timeoutNow', from: 2, to: 1, term: 0 }, 0);
  candidate.step(append([], [0, 0], 0, 1), 0);
  assert.equal(candidate.status.role, 'follower');
  assert.equal(candidate.status.leader, 2);

  const network = new Network(3);
  network.elect(1);
  const reply = {
    kind: 'heartbeatReply',
    from: 2,
    to: 1,
    term: 9,
    readRound: 0,
    sentAtMs: 0,
    asleep: false,
  } as const;
  network.raft(1).step(reply, network.nowMs);
  assert.equal(network.raft(1).status.role, 'follower');
  assert.equal(network.raft(1).ready()!.hardState!.term, 9);

  const follower = core({ hardState: { term: 5, votedFor: 0, commit: 0 } });
  follower.step(append([], [0, 0], 0, 3), 0);
  follower.step({ kind: 'preVote', from: 3, to: 1, term: 4, lastIndex: 0, lastTerm: 0, transfer: false }, 0);
  const { messages } = follower.ready()!;
  assert.deepEqual(
    messages.map(({ kind, term }) => [kind, term]),
    [
      ['appendReply', 5],
      ['preVoteReply', 5],
    ],
  );
});

test('the election timer restarts for a leader or a vote given, not for a mere higher term', () => {
  const raft = core({}, [entry(1, 1), entry(2, 2)]);
  const dueMs = raft.nextTickMs;
  raft.step(vote(2, 9, [0, 0]), 500);
  assert.equal(raft.status.term, 9);
  assert.equal(raft.nextTickMs, dueMs);
  raft.step(vote(3, 9, [2, 2]), 500);
  assert(raft.nextTickMs >= 1500);
});

test('each round waits for another random span of one to two time-outs', () => {
  const raft = core();
  const spans = new Set<number>();
  let nowMs = 0;
  for (let round = 0; round < 20; round++) {
    const span = raft.nextTickMs - nowMs;
    assert(span >= 1000 && span < 2000);
    spans.add(span);
    nowMs = raft.nextTickMs;
    raft.tick(nowMs);
  }
  assert(spans.size > 15);
});

test('a pre-vote changes nothing, and is never counted as a vote', () => {
  const raft = core();
  raft.campaign(0);
  assert.deepEqual([raft.status.role, raft.status.term, raft.status.votedFor], ['preCandidate', 0, 0]);
  const asked = raft.ready()!.messages;
  assert.deepEqual(
    asked.map(({ kind, term }) => [kind, term]),
    [
      ['preVote', 1],
      ['preVote', 1],
    ],
  );
  raft.step({ kind: 'preVoteReply', from: 2, to: 1, term: 1, granted: true }, 0);
  assert.equal(raft.status.role, 'candidate');
  raft.step({ kind: 'preVoteReply', from: 3, to: 1, term: 1, granted: true }, 0);
  raft.step({ kind: 'voteReply', from: 3, to: 1, term: 0, granted: true }, 0);
  assert.equal(raft.status.role, 'candidate', 'neither a pre-vote nor a vote of an earlier term elects');
  raft.step({ kind: 'voteReply', from: 9, to: 1, term: 1, granted: true }, 0);
  assert.equal(raft.status.role, 'candidate', 'nor does one who is no voter');
  raft.step({ kind: 'voteReply', from: 3, to: 1, term: 1, granted: true }, 0);
  assert.equal(raft.status.role, 'leader');
});

test('a member that was cut off neither raises its term nor deposes the leader when it returns', () => {
  const network = new Network(3);
  network.elect(1);
  network.passes = ({ from, to }) => from !== 3 && to !== 3;
  network.advance(10_000, 50);
  assert.equal(network.raft(3).status.term, 1);
  network.passes = () => true;
  network.advance(2000);
  assert.equal(network.leader!.id, 1);
  assert.equal(network.raft(3).status.leader, 1);
});

test('a broken link between two of three leaves a leader that both ends can follow', () => {
  const network = new Network(3);
  network.elect(1);
  network.passes = ({ from, to }) => from + to !== 3;
  network.advance(10_000, 50);
  const { leader } = network;
  assert(leader !== undefined);
  assert.equal(network.propose(leader.id, 'x').kind, 'accepted');
  network.advance(500);
  assert.equal(leader.raft.status.commitIndex, leader.raft.status.lastIndex);
});

test('a leader without a quorum steps down, by measured time', () => {
  const network = new Network(3);
  network.elect(1);
  network.passes = ({ from, to }) => from !== 1 && to !== 1;
  network.advance(1200);
  assert.notEqual(network.raft(1).status.role, 'leader');
  network.advance(3000);
  assert(network.leader !== undefined && network.leader.id !== 1);
});

test('a leader that was blocked for longer than the time-out does not trust answers from before', () => {
  const network = new Network(3);
  network.elect(1);
  network.advance(200);
  network.raft(1).tick(network.nowMs + 100);
  network.pump([1]);
  network.deliverAll([2, 3]);
  network.pump([2, 3]);
  network.nowMs += 5000;
  network.deliverAll([1]);
  network.raft(1).tick(network.nowMs);
  assert.equal(network.raft(1).status.role, 'follower');
});

test('a transfer goes to a member that caught up, past all pledges, and ends when it fails', () => {
  const network = new Network(3);
  network.elect(1);
  network.advance(200);
  assert(!network.raft(1).transferLeadership(1, network.nowMs), 'not to itself');
  assert(!network.raft(1).transferLeadership(7, network.nowMs), 'not to a stranger');
  assert(!network.raft(2).transferLeadership(3, network.nowMs), 'not by a follower');
  network.propose(1, 'a');
  assert(network.raft(1).transferLeadership(2, network.nowMs));
  assert.deepEqual(network.propose(1, 'b'), { kind: 'refused', why: 'transferring' });
  network.settle();
  assert.equal(network.leader!.id, 2);
  assert.equal(network.raft(2).status.lastIndex, 3);

  network.passes = ({ to }) => to !== 3;
  network.advance(200);
  assert(network.raft(2).transferLeadership(3, network.nowMs));
  assert(!network.raft(2).transferLeadership(1, network.nowMs), 'one at a time');
  network.advance(1100);
  assert.equal(network.raft(2).status.transferringTo, 0);
  assert.equal(network.propose(2, 'c').kind, 'accepted');
  assert(!network.raft(2).transferLeadership(3, network.nowMs + 2000), 'not to one who shows no life');
});

test('an answered heartbeat pledges the vote: no other candidate gets it, nor the follower itself', () => {
  const network = new Network(3);
  network.elect(1);
  network.advance(100);
  const { lastIndex } = network.raft(2).status;
  network.raft(2).step(vote(3, 2, [lastIndex, 1], { to: 2 }), network.nowMs + 200);
  assert.equal(network.raft(2).status.term, 1, 'not even its term is taken');
  network.raft(2).campaign(network.nowMs + 200);
  assert.equal(network.raft(2).status.role, 'follower');
  assert.equal(network.raft(2).nextTickMs, network.nowMs + 300, 'it campaigns when the pledge has run out');
  network.raft(2).step(vote(3, 2, [lastIndex, 1], { to: 2, transfer: true }), network.nowMs + 200);
  assert.equal(network.raft(2).status.votedFor, 3, "a transfer is the leader's own wish");
});

test('a restarted voter abstains for as long as a pledge it may have given', () => {
  const raft = core({ restarted: true });
  raft.step(vote(2, 1, [0, 0]), 299);
  raft.campaign(299);
  assert.deepEqual([raft.status.term, raft.status.role], [0, 'follower']);
  raft.step(vote(2, 1, [0, 0]), 300);
  assert.equal(raft.status.votedFor, 2);
});
