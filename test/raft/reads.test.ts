/** Reads by index and by lease, on leaders and followers. docs/raft.md says which test tells which story. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Network } from './network.js';

test("a read waits for an entry of the leader's own term, then for a quorum asked after it", () => {
  const network = new Network(3);
  network.passes = ({ kind }) => kind !== 'append';
  network.raft(1).campaign(0);
  network.settle();
  network.raft(1).readIndex(1, network.nowMs);
  network.settle();
  assert.deepEqual(network.member(1).reads, [], 'no entry of this term is committed');
  network.passes = () => true;
  network.advance(200);
  assert.deepEqual(network.member(1).reads, [{ kind: 'ready', context: 1, index: 1, leased: false }]);
});

test('one round of heartbeats confirms all reads that came before it, and none that came after', () => {
  const network = new Network(3);
  network.elect(1);
  network.sent.clear();
  const raft = network.raft(1);
  for (let context = 1; context <= 100; context++) raft.readIndex(context, network.nowMs);
  network.pump([1]);
  assert.equal(network.sent.get('heartbeat'), 2);
  raft.readIndex(101, network.nowMs);
  network.pump([1]);
  assert.equal(network.sent.get('heartbeat'), 2, 'the next round begins when this one ends');
  network.deliverAll([2]);
  network.pump([2]);
  network.deliverAll([1]);
  network.pump([1]);
  assert.equal(network.member(1).reads.length, 100);
  network.settle();
  assert.equal(network.member(1).reads.length, 101);
});

test('an answer to a heartbeat that was sent before the read confirms nothing', () => {
  // So far apart that both hear each of them.
  const network = new Network(3, { settings: { heartbeatMs: 300 } });
  network.elect(1);
  network.nowMs += 300;
  network.raft(1).tick(network.nowMs);
  network.pump();
  network.deliverAll([2, 3]);
  network.pump([2, 3]);
  network.raft(1).readIndex(1, network.nowMs);
  network.pump([1]);
  const early = network.wire.filter(({ message }) => message.kind === 'heartbeatReply');
  assert.equal(early.length, 2);
  for (const packet of early) network.deliver(packet);
  network.pump([1]);
  assert.deepEqual(network.member(1).reads, []);
  network.settle();
  assert.deepEqual(network.member(1).reads, [{ kind: 'ready', context: 1, index: 1, leased: false }]);
});

test('a leader that is not one any more confirms no read', () => {
  const network = new Network(3);
  network.elect(1);
  network.passes = ({ from, to }) => from !== 1 && to !== 1;
  network.raft(1).readIndex(1, network.nowMs);
  network.pump();
  network.advance(1500);
  assert.deepEqual(network.member(1).reads, [{ kind: 'refused', context: 1 }]);
});

test('a follower reads through its leader; without an answer the read is refused', () => {
  const network = new Network(3);
  network.raft(2).readIndex(1, 0);
  network.settle();
  assert.deepEqual(
    network.member(2).reads.splice(0),
    [{ kind: 'refused', context: 1 }],
    'no leader is known',
  );
  network.elect(1);
  network.raft(2).readIndex(2, network.nowMs);
  network.raft(2).readIndex(3, network.nowMs);
  network.sent.clear();
  network.settle();
  assert.deepEqual(network.member(2).reads.splice(0), [
    { kind: 'ready', context: 2, index: 1, leased: false },
    { kind: 'ready', context: 3, index: 1, leased: false },
  ]);
  assert.equal(network.sent.get('readIndex'), 1);
  network.passes = ({ kind }) => kind !== 'readIndexReply';
  network.raft(2).readIndex(4, network.nowMs);
  network.advance(1100);
  assert.deepEqual(network.member(2).reads, [{ kind: 'refused', context: 4 }]);
});

test('a late answer to a question of an earlier life meets no question', () => {
  const network = new Network(3);
  network.elect(1);
  network.raft(2).readIndex(1, network.nowMs);
  network.pump([2]);
  const asked = network.wire.find(({ message }) => message.kind === 'readIndex')!.message;
  network.restart(2);
  network.advance(200);
  network.raft(2).readIndex(1, network.nowMs);
  network.pump([2]);
  const again = network.wire.find(({ message }) => message.kind === 'readIndex')!.message;
  assert(asked.kind === 'readIndex' && again.kind === 'readIndex');
  assert.notEqual(asked.context, again.context);
});

test('a round that waits for members that are removed meanwhile is confirmed by those who remain', () => {
  const network = new Network(3);
  network.elect(1);
  network.passes = ({ kind }) => kind !== 'heartbeatReply';
  network.raft(1).readIndex(1, network.nowMs);
  network.settle();
  assert.deepEqual(network.member(1).reads, []);
  network
    .raft(1)
    .proposeConfiguration({ add: [], addLearners: [], remove: [2, 3], transition: 'auto' }, network.nowMs);
  network.settle();
  assert.deepEqual(network.raft(1).status.configuration.voters, [1]);
  assert.deepEqual(
    network.member(1).reads.map(({ kind }) => kind),
    ['ready'],
  );
});

test('a group of one answers reads at once', () => {
  const network = new Network(1);
  network.elect(1);
  network.raft(1).readIndex(5, network.nowMs);
  assert.deepEqual(network.raft(1).ready()!.reads, [{ kind: 'ready', context: 5, index: 1, leased: false }]);
});

test('the lease counts from the sending of the heartbeat, less the margin', () => {
  const network = new Network(3, { settings: { reads: 'lease' } });
  network.elect(1);
  network.advance(100);
  const raft = network.raft(1);
  const sentAtMs = network.nowMs;
  assert(raft.leaseHolds(sentAtMs + 269));
  assert(!raft.leaseHolds(sentAtMs + 270));
  raft.readIndex(1, sentAtMs + 200);
  assert.deepEqual(
    raft.ready()!.reads,
    [{ kind: 'ready', context: 1, index: 1, leased: true }],
    'a lease asks nobody',
  );
});

test('a heartbeat answered late by a slow wire gives no lease', () => {
  const network = new Network(3, { settings: { reads: 'lease' } });
  network.elect(1);
  network.nowMs += 150;
  network.raft(1).tick(network.nowMs);
  network.pump();
  network.deliverAll([2, 3]);
  network.pump([2, 3]);
  network.nowMs += 400;
  network.deliverAll([1]);
  assert(!network.raft(1).leaseHolds(network.nowMs));
});

test('a lease given up for a transfer does not come back in that term', () => {
  const network = new Network(3, { settings: { reads: 'lease' } });
  network.elect(1);
  network.advance(200);
  assert(network.raft(1).leaseHolds(network.nowMs));
  network.passes = ({ kind }) => kind !== 'timeoutNow';
  assert(network.raft(1).transferLeadership(2, network.nowMs));
  network.advance(1500);
  assert.equal(network.raft(1).status.role, 'leader');
  assert(!network.raft(1).leaseHolds(network.nowMs), 'the word to campaign may still arrive');
});
