/** Changes of configuration, learners, removed members, snapshots. docs/raft.md says which test tells which story. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry, Message } from '../../src/raft/message.js';
import { core, entry, noChange } from './core.js';
import { Network, plain } from './network.js';

test('one configuration change at a time, and none before the term has a committed entry', () => {
  const network = new Network(3);
  network.passes = ({ kind }) => kind !== 'append';
  network.raft(1).campaign(0);
  network.settle();
  assert.equal(network.raft(1).proposeConfiguration({ ...noChange, addLearners: [4] }, 0).kind, 'refused');
  network.passes = () => true;
  network.advance(200);
  network.member(1).applies = false;
  network.join(4);
  assert.equal(network.raft(1).proposeConfiguration({ ...noChange, addLearners: [4] }, 0).kind, 'accepted');
  network.settle();
  assert.equal(
    network.raft(1).proposeConfiguration({ ...noChange, add: [4] }, 0).kind,
    'refused',
    'not applied yet',
  );
  network.apply(network.member(1));
  network.settle();
  assert.equal(network.raft(1).proposeConfiguration({ ...noChange, add: [4] }, 0).kind, 'accepted');
});

test('a new leader leaves a joint configuration that it inherits', () => {
  const network = new Network(3);
  network.elect(1);
  network.advance(100);
  network.join(4);
  network.join(5);
  const change = { ...noChange, add: [4, 5], remove: [2, 3] };
  assert.equal(network.raft(1).proposeConfiguration(change, network.nowMs).kind, 'accepted');
  for (let count = 0; network.raft(2).status.configuration.votersOutgoing.length === 0; count++) {
    assert(count < 50);
    network.pump();
    network.deliverAll();
  }
  network.member(1).crash();
  network.advance(6000);
  network.restart(1);
  network.advance(6000);
  const { leader } = network;
  assert(leader !== undefined);
  assert.deepEqual(leader.raft.status.configuration.voters, [1, 4, 5]);
  assert.deepEqual(leader.raft.status.configuration.votersOutgoing, []);
});

test('those who remain get a leader even if only the removed know of the removal', () => {
  const network = new Network(3);
  network.elect(1);
  network.advance(100);
  for (const id of [4, 5, 6]) network.join(id);
  const change = { ...noChange, add: [4, 5, 6], remove: [1, 2, 3] };
  assert.equal(network.raft(1).proposeConfiguration(change, network.nowMs).kind, 'accepted');
  // The newcomers hold the change that ends the joint configuration, and the leader doesn't know it yet.
  const lastChange = (): number =>
    network.member(1).log.filter(({ kind }) => kind === 'configuration')[1]?.index ?? Infinity;
  const held: Message[] = [];
  network.passes = (message) => {
    const isHeld = message.kind === 'appendReply' && message.from > 3 && message.index >= lastChange();
    if (isHeld) held.push(message);
    return !isHeld;
  };
  network.settle();
  assert.deepEqual([...new Set(held.map(({ from }) => from))], [4, 5, 6]);
  // From here on they learn neither of a later entry, nor that the change is committed.
  network.passes = (message) =>
    message.to <= 3 ||
    (message.kind === 'append' && message.previousIndex < lastChange()) ||
    (message.kind === 'heartbeat' && message.commit < lastChange());
  for (const message of held) network.post(message);
  network.propose(1, 'more');
  network.settle();
  assert.deepEqual(network.raft(2).status.configuration.voters, [4, 5, 6]);
  assert.deepEqual(network.raft(2).status.configuration.votersOutgoing, [], 'the removed know');
  assert.deepEqual(network.raft(4).status.configuration.votersOutgoing, [1, 2, 3], 'those who remain do not');
  assert(network.raft(2).status.lastIndex > network.raft(4).status.lastIndex, 'and cannot win a vote');
  network.passes = () => true;
  network.wire = [];
  network.restart(1);
  network.advance(8000, 50);
  assert(network.leader !== undefined && network.leader.id >= 4);
  assert.deepEqual(network.leader.raft.status.configuration.votersOutgoing, []);
});

test('those who remain need nobody who is gone once a later change is on their disks, whatever else they forgot', () => {
  const network = new Network(2);
  network.elect(1);
  network.advance(100);
  network.raft(1).proposeConfiguration({ ...noChange, remove: [2] }, network.nowMs);
  network.settle();
  assert.deepEqual(network.raft(1).status.configuration.voters, [1]);
  const confirm = { ...noChange, transition: 'confirm' } as const;
  assert.equal(network.raft(1).proposeConfiguration(confirm, network.nowMs).kind, 'accepted');
  network.settle();
  assert.deepEqual(network.raft(1).status.configuration, plain([1]), 'it changes nothing');
  const { log } = network.member(1);
  const [removal, confirmation] = log.filter(({ kind }) => kind === 'configuration');
  // The commit and what was applied are not on the disk of a member that restarts.
  const forgets = (entries: readonly Entry[]) => core({ appliedIndex: 1 }, entries, [1, 2]);
  const without = forgets(log.slice(0, removal!.index));
  without.campaign(0);
  assert.equal(without.status.role, 'preCandidate', 'it asks the removed, who may be gone');
  const proven = forgets(log.slice(0, confirmation!.index));
  for (let ready = proven.ready(); ready !== undefined; ready = proven.ready())
    for (const { index } of ready.committed) proven.applied(index);
  assert.deepEqual(proven.status.configuration.voters, [1]);
  proven.campaign(0);
  assert.equal(proven.status.role, 'leader');
});

test('a removed leader hands over only when all that it took is committed: nobody would tell it later', () => {
  const network = new Network(3);
  network.elect(1);
  network.advance(100);
  const removal = network.raft(1).proposeConfiguration({ ...noChange, remove: [1] }, network.nowMs);
  const late = network.propose(1, 'late');
  assert(removal.kind === 'accepted' && late.kind === 'accepted');
  const held: Message[] = [];
  network.passes = (message) => {
    const isHeld = message.from === 3 && message.kind === 'appendReply' && message.index >= late.index;
    if (isHeld) held.push(message);
    return !isHeld;
  };
  network.post({
    ...{ kind: 'appendReply', from: 3, to: 1, term: removal.term, index: removal.index },
    ...{ rejected: false, hintIndex: 0, hintTerm: 0 },
  });
  network.advance(2500);
  assert.deepEqual(network.raft(1).status.configuration.voters, [2, 3], 'removed');
  assert(network.raft(1).status.commitIndex < late.index, 'and not told all');
  assert.equal(network.sent.get('timeoutNow'), undefined);
  network.passes = () => true;
  for (const message of held) network.post(message);
  network.advance(2000);
  assert(network.raft(1).status.commitIndex >= late.index);
  assert(network.member(1).machine.applied.some(({ data }) => data.toString() === 'late'));
  assert(network.leader !== undefined && network.leader.id !== 1);
});

test('a learner counts for nothing and holds everything', () => {
  const network = new Network(1, { learners: [8, 9] });
  network.elect(1);
  network.passes = ({ to }) => to !== 8;
  network.propose(1, 'a');
  network.settle();
  assert.equal(network.raft(1).status.commitIndex, 2);
  assert.equal(network.member(9).machine.appliedIndex, 2);
  network.advance(5000, 50);
  assert.equal(network.raft(8).status.role, 'follower', 'and never campaigns');
  assert.equal(network.raft(8).nextTickMs, Number.POSITIVE_INFINITY);
});

test('a member born empty begins with a snapshot, which brings the configuration', () => {
  const network = new Network(3);
  network.elect(1);
  network.propose(1, 'a');
  network.settle();
  network.join(4);
  network.raft(1).proposeConfiguration({ ...noChange, addLearners: [4] }, network.nowMs);
  network.advance(300);
  assert.equal(network.sent.get('snapshot'), 1);
  assert.deepEqual(network.raft(4).status.configuration, plain([1, 2, 3], [4]));
  assert.equal(network.member(4).machine.appliedIndex, network.raft(1).status.commitIndex);
});

test('a snapshot replaces a log that contradicts it, keeps one that continues it, and is not taken when old', () => {
  const mark = { index: 2, term: 2, configuration: plain([1, 2, 3, 4]) };
  const contradicts = core({}, [entry(1, 1), entry(2, 1), entry(3, 1)]);
  contradicts.restored(mark);
  assert.deepEqual(
    [contradicts.status.lastIndex, contradicts.status.commitIndex, contradicts.status.appliedIndex],
    [2, 2, 2],
  );
  assert.deepEqual(contradicts.status.configuration.voters, [1, 2, 3, 4]);

  const continues = core({}, [entry(1, 1), entry(2, 2), entry(3, 2)]);
  continues.restored(mark);
  assert.deepEqual([continues.status.lastIndex, continues.status.commitIndex], [3, 2]);

  const raft = core({}, [entry(1, 1), entry(2, 2), entry(3, 2)]);
  raft.step({ kind: 'snapshot', from: 2, to: 1, term: 2, mark }, 0);
  assert.equal(raft.status.commitIndex, 2, 'what the log holds anyway is committed, not installed');
  const reply = raft.ready()!.messagesAfterSave[0]!;
  assert(reply.kind === 'appendReply' && !reply.rejected && reply.index === 2);
});

test('a snapshot that failed is wanted again after the next sign of life', () => {
  const network = new Network(3);
  network.elect(1);
  network.passes = ({ to }) => to !== 3;
  for (let count = 0; count < 10; count++) network.propose(1, `${count}`);
  network.settle();
  network.compact(1, 8);
  network.passes = ({ kind }) => kind !== 'snapshot';
  network.advance(500);
  assert(network.sent.get('snapshot')! > 1);
  assert(network.sent.get('snapshot')! < 8, 'and not before');
  network.passes = () => true;
  network.advance(500);
  assert.equal(network.member(3).machine.appliedIndex, 11);
});

test('a log that holds a second change proves the first committed, whatever the hint says', () => {
  const change = Buffer.from([1, 0, 0, 1, 1, 4]);
  const configuration = (index: number): Entry => ({ index, term: 1, kind: 'configuration', data: change });
  const raft = core({}, [entry(1, 1), configuration(2), configuration(3)]);
  assert.equal(raft.status.commitIndex, 2);
  raft.campaign(0);
  assert.equal(raft.status.role, 'follower', 'and it campaigns only when that is applied');
});
