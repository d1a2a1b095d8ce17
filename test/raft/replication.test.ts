/** Feeding followers: windows, losses, stale answers, loads, limits. docs/raft.md says which test tells which story. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Network } from './network.js';

test('a heartbeat carries a commit clipped to what the follower verified', () => {
  const network = new Network(3);
  network.elect(1);
  network.passes = ({ to, kind }) => to !== 3 || kind !== 'append';
  network.propose(1, 'a');
  network.settle();
  const told: number[] = [];
  network.passes = (message) => {
    if (message.kind === 'heartbeat' && message.to === 3) told.push(message.commit);
    return message.to !== 3 || message.kind !== 'append';
  };
  network.advance(300);
  assert.equal(network.raft(1).status.commitIndex, 2);
  assert.deepEqual([...new Set(told)], [1]);
});

/** A word of its own for each commit, and its answer, were half of all messages under load. */
test('followers hear of a commit with the next entries, or a little later, or at once where one of them is asked to read', () => {
  const network = new Network(3, { settings: { commitNoticeMs: 20 } });
  network.elect(1);
  network.advance(50);
  network.sent.clear();
  for (const word of ['a', 'b', 'c']) {
    network.propose(1, word);
    network.settle();
  }
  assert.equal(network.raft(1).status.commitIndex, 4);
  assert.equal(network.raft(2).status.commitIndex, 3, 'what came with the entry after it');
  assert.equal(network.sent.get('append'), 6, 'one for each entry and follower');
  network.advance(40);
  assert.equal(network.raft(2).status.commitIndex, 4);
  assert.equal(network.sent.get('append'), 8);
  network.propose(1, 'd');
  network.settle();
  network.raft(2).readIndex(7, network.nowMs);
  network.settle();
  assert.equal(network.raft(2).status.commitIndex, 5, 'it could not answer before it knows');
});

test('a follower lacking everything is found by terms, not entry by entry', () => {
  const network = new Network(3);
  network.elect(1);
  network.passes = ({ to }) => to !== 3;
  for (let count = 0; count < 200; count++) {
    network.propose(1, `${count}`);
    network.settle();
  }
  network.passes = () => true;
  network.sent.clear();
  network.advance(400);
  assert.equal(network.raft(3).status.commitIndex, 201);
  assert(network.sent.get('append')! < 20);
});

test('appends are sent ahead within a window of bytes, and answers let more go', () => {
  const network = new Network(2, { settings: { inflightBytesMax: 1000, appendBytesMax: 200 } });
  network.elect(1);
  for (let count = 0; count < 50; count++) network.propose(1, 'x'.repeat(100));
  network.pump([1]);
  const flying = network.wire.filter(({ message }) => message.kind === 'append').length;
  assert(flying > 1 && flying < 15, `${flying} in flight`);
  network.settle();
  assert.equal(network.raft(1).status.commitIndex, 51);
});

test('a window lost in silence is found out by a heartbeat', () => {
  const network = new Network(3, { settings: { inflightBytesMax: 1000, appendBytesMax: 200 } });
  network.elect(1);
  network.passes = ({ to, kind }) => to !== 3 || kind !== 'append';
  for (let count = 0; count < 50; count++) network.propose(1, 'x'.repeat(100));
  network.settle();
  network.passes = () => true;
  network.advance(300);
  assert.equal(network.member(3).machine.appliedIndex, 51);
});

test('stale answers move nothing back', () => {
  const network = new Network(3);
  network.elect(1);
  network.propose(1, 'a');
  network.settle();
  const before = network.raft(1).peers;
  const refused = { kind: 'appendReply', from: 2, to: 1, rejected: true, hintIndex: 0, hintTerm: 0 } as const;
  network.raft(1).step({ ...refused, term: 1, index: 1 }, network.nowMs);
  network.raft(1).step({ ...refused, term: 0, index: 9 }, network.nowMs);
  assert.deepEqual(network.raft(1).peers, before);
  assert.equal(network.raft(1).ready(), undefined);
});

test('an answer to a leadership that is over, met by the next one of the same leader, asks for no snapshot', () => {
  const network = new Network(3);
  network.elect(1);
  network.propose(1, 'a');
  network.settle();
  // An append of term 1 is still on its way to 2 when 1, who lost its leadership, leads again.
  const late = {
    kind: 'append',
    from: 1,
    to: 2,
    term: 1,
    previousIndex: 2,
    previousTerm: 1,
    commit: 2,
  } as const;
  for (const [from, to] of [
    [1, 3],
    [3, 1],
  ] as const) {
    assert(network.raft(from).transferLeadership(to, network.nowMs));
    network.settle();
  }
  assert.equal(network.raft(1).status.role, 'leader');
  network.raft(2).step({ ...late, entries: [] }, network.nowMs);
  const answer = network.raft(2).ready()!.messages[0]!;
  network.raft(1).step(answer, network.nowMs);
  assert.equal(answer.term, network.raft(1).status.term);
  assert.equal(network.raft(1).peers.find(({ id }) => id === 2)!.state, 'replicate');
});

test('a broken stream makes the leader probe, and the group goes on', () => {
  const network = new Network(3);
  network.elect(1);
  network.raft(1).unreachable(2);
  assert.equal(network.raft(1).peers[0]!.state, 'probe');
  network.propose(1, 'a');
  network.settle();
  assert.equal(network.raft(1).peers[0]!.state, 'replicate');
  assert.equal(network.member(2).machine.appliedIndex, 2);
});

test('memory is bounded: older entries are loaded from the log on disk', () => {
  const network = new Network(3, { settings: { memoryBytesMax: 1000, appendBytesMax: 300 } });
  network.elect(1);
  network.passes = ({ to }) => to !== 3;
  for (let count = 0; count < 100; count++) {
    network.propose(1, `${count}`);
    network.settle();
  }
  network.passes = () => true;
  network.advance(1000);
  assert.equal(network.member(3).machine.appliedIndex, 101);
  assert.equal(network.sent.get('snapshot'), undefined);
});

test('limits: a proposal too large, a tail too long; one always fits an empty tail, the no-op always', () => {
  const settings = { proposalBytesMax: 100, uncommittedBytesMax: 50 };
  const network = new Network(3, { settings });
  network.elect(1);
  network.passes = () => false;
  const big = 'x'.repeat(80);
  assert.deepEqual(network.propose(1, `${big}${big}`), { kind: 'refused', why: 'tooLarge' });
  assert.equal(network.propose(1, big).kind, 'accepted');
  assert.deepEqual(network.propose(1, 'x'), { kind: 'refused', why: 'uncommittedFull' });
  network.settle();
  network.passes = () => true;
  network.advance(300);
  assert.equal(network.propose(1, 'x').kind, 'accepted', 'what was committed counts no more');
  assert.deepEqual(network.propose(2, 'x'), { kind: 'refused', why: 'notLeader' });
});

test('a follower whose state machine lags takes no more than it can hold, and catches up', () => {
  const network = new Network(3, { settings: { memoryBytesMax: 2000, inflightBytesMax: 1000 } });
  network.elect(1);
  network.member(3).applies = false;
  for (let count = 0; count < 100; count++) {
    network.propose(1, 'x'.repeat(100));
    network.settle();
  }
  assert(network.raft(3).status.lastIndex < 40);
  network.member(3).applies = true;
  network.apply(network.member(3));
  network.advance(3000);
  assert.equal(network.member(3).machine.appliedIndex, 101);
});
