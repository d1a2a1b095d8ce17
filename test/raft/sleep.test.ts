/** Idle groups sleep and wake. docs/raft.md, "Sleep", says why it is safe. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noChange } from './core.js';
import { Network } from './network.js';

const QUIESCE_AFTER_MS = 1000;

/** Member 1 leads, and all sleep. */
function sleeping(voters = 3, settings: { reads?: 'lease' | 'index' } = {}): Network {
  const network = new Network(voters, { settings: { quiesceAfterMs: QUIESCE_AFTER_MS, ...settings } });
  network.elect(1);
  network.propose(1, 'a');
  network.advance(QUIESCE_AFTER_MS + 500);
  for (const { raft, id } of network.members.values()) assert(raft.status.asleep, `member ${id} is awake`);
  network.sent.clear();
  return network;
}

test('an idle group says nothing and waits for nothing, for as long as it is idle', () => {
  const network = sleeping();
  network.advance(60_000, 100);
  assert.deepEqual([...network.sent], []);
  for (const { raft } of network.members.values()) assert.equal(raft.nextTickMs, Number.POSITIVE_INFINITY);
  assert.equal(network.raft(1).status.role, 'leader');
});

test('a proposal wakes all and is committed at once', () => {
  const network = sleeping();
  network.advance(30_000, 100);
  assert.equal(network.propose(1, 'b').kind, 'accepted');
  network.settle();
  for (const { raft } of network.members.values()) {
    assert.equal(raft.status.commitIndex, 3);
    assert(!raft.status.asleep);
  }
  network.advance(QUIESCE_AFTER_MS - 200);
  assert(!network.raft(1).status.asleep, 'used a moment ago');
  network.advance(700);
  assert(network.raft(1).status.asleep);
});

test('a sleeping leader has no lease, and its first read asks a quorum', () => {
  const network = sleeping(3, { reads: 'lease' });
  assert(!network.raft(1).leaseHolds(network.nowMs));
  network.raft(1).readIndex(1, network.nowMs);
  network.pump([1]);
  assert.deepEqual(network.member(1).reads, []);
  network.settle();
  assert.deepEqual(network.member(1).reads, [{ kind: 'ready', context: 1, index: 2, leased: false }]);
});

test('a sleeper that was deposed unawares answers no read', () => {
  const network = sleeping(3, { reads: 'lease' });
  network.passes = ({ from, to }) => from !== 1 && to !== 1;
  for (const id of [2, 3]) network.raft(id).suspectLeader(1, id * 100, network.nowMs);
  network.advance(500);
  assert.notEqual(network.leader!.id, 1);
  network.propose(network.leader!.id, 'newer');
  network.settle();
  network.raft(1).readIndex(1, network.nowMs);
  network.advance(2500);
  assert.deepEqual(network.member(1).reads, [{ kind: 'refused', context: 1 }]);
});

test('whose leader is gone campaigns after its turn, without waiting for an election time-out', () => {
  const network = sleeping();
  network.member(1).crash();
  network.raft(3).suspectLeader(1, 150, network.nowMs);
  network.raft(2).suspectLeader(1, 0, network.nowMs);
  network.advance(100);
  assert.equal(network.leader?.id, 2);
});

test('an awake follower that suspects its leader keeps its promise first', () => {
  const network = new Network(3);
  network.elect(1);
  // A beat whose turn is the second member's.
  network.advance(300);
  const promisedAtMs = network.nowMs;
  network.passes = ({ from }) => from !== 1;
  network.raft(2).suspectLeader(1, 0, network.nowMs);
  network.advance(290);
  assert.equal(network.raft(2).status.role, 'follower', `promised at ${promisedAtMs}`);
  network.advance(50);
  assert.equal(network.leader?.id, 2);
});

test('who misses the leader wakes it instead of deposing it', () => {
  const network = sleeping();
  const { term } = network.raft(1).status;
  network.restart(3);
  network.advance(2500);
  assert.equal(network.raft(1).status.role, 'leader');
  assert.equal(network.raft(1).status.term, term);
  assert((network.sent.get('wake') ?? 0) > 0);
  assert.equal(network.raft(3).status.leader, 1);
});

test('a sleeper whose leader does not show itself lets others lead', () => {
  const network = sleeping();
  network.member(1).crash();
  // Nobody told 2 that the node of 1 is gone.
  network.raft(3).suspectLeader(1, 0, network.nowMs);
  network.advance(5000);
  assert(network.leader !== undefined && network.leader.id !== 1);
});

test('a group sleeps without a member whose node is gone, and wakes when it comes back', () => {
  const network = new Network(3, { settings: { quiesceAfterMs: QUIESCE_AFTER_MS } });
  network.elect(1);
  network.member(3).crash();
  network.propose(1, 'a');
  network.advance(QUIESCE_AFTER_MS * 2);
  assert(!network.raft(1).status.asleep, 'it may only be slow');
  network.raft(1).unreachable(3);
  network.advance(500);
  assert(network.raft(1).status.asleep);
  network.restart(3);
  network.raft(1).reachable(3, network.nowMs);
  network.advance(500);
  assert.equal(network.raft(3).status.commitIndex, 2);
  network.advance(QUIESCE_AFTER_MS + 500);
  assert(network.raft(3).status.asleep);
});

test('without a quorum nobody sleeps', () => {
  const network = new Network(3, { settings: { quiesceAfterMs: 100 } });
  network.elect(1);
  network.advance(50);
  network.member(2).crash();
  network.member(3).crash();
  for (const id of [2, 3]) network.raft(1).unreachable(id);
  network.advance(900);
  assert(!network.raft(1).status.asleep);
  network.advance(1000);
  assert.notEqual(network.raft(1).status.role, 'leader');
});

test('a follower that has not applied everything stays awake, and its leader with it', () => {
  const network = new Network(3, { settings: { quiesceAfterMs: 100 } });
  network.elect(1);
  network.member(2).applies = false;
  network.propose(1, 'a');
  network.advance(1000);
  assert(!network.raft(2).status.asleep);
  assert(!network.raft(1).status.asleep);
  network.member(2).applies = true;
  network.apply(network.member(2));
  network.advance(500);
  assert(network.raft(1).status.asleep);
});

test('an answer that comes after the leader fell asleep wakes nobody', () => {
  const network = sleeping();
  network.raft(1).step(
    {
      kind: 'heartbeatReply',
      from: 2,
      to: 1,
      term: network.raft(1).status.term,
      readRound: 0,
      sentAtMs: 1,
      asleep: true,
    },
    network.nowMs,
  );
  assert(network.raft(1).status.asleep);
});

test('a group of one sleeps alone', () => {
  const network = sleeping(1);
  network.raft(1).readIndex(1, network.nowMs);
  network.settle();
  assert.equal(network.member(1).reads.length, 1);
});

test('a transfer, a change of members and a follower that reads wake a group', () => {
  const byTransfer = sleeping();
  assert(byTransfer.raft(1).transferLeadership(2, byTransfer.nowMs));
  byTransfer.advance(100);
  assert.equal(byTransfer.leader?.id, 2);
  const byChange = sleeping();
  byChange.join(4);
  assert.equal(
    byChange.raft(1).proposeConfiguration({ ...noChange, addLearners: [4] }, byChange.nowMs).kind,
    'accepted',
  );
  byChange.advance(500);
  assert.equal(byChange.raft(4).status.commitIndex, 3);
  const byRead = sleeping();
  byRead.raft(2).readIndex(1, byRead.nowMs);
  byRead.settle();
  assert.equal(byRead.member(2).reads[0]?.kind, 'ready');
});

test('a roused leader is followed again, as if it were used', () => {
  const network = sleeping();
  network.raft(1).rouse(network.nowMs);
  network.advance(300);
  assert(network.raft(1).peers.every(({ ackedSentAtMs }) => ackedSentAtMs + 300 > network.nowMs));
  assert(!network.raft(2).status.asleep);
});

test('heartbeats of all groups of a node fall on the same moments', () => {
  const moments = [7, 31, 93].map((bornAtMs) => {
    const network = new Network(3);
    network.advance(bornAtMs, 1);
    network.elect(1);
    network.advance(205, 1);
    return Math.floor(network.raft(1).nextTickMs) % 100;
  });
  assert.deepEqual(moments, [0, 0, 0]);
});
