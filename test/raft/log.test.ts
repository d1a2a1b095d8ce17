/** The log: what is saved, acknowledged, committed, truncated and applied, and in which order. docs/raft.md says which test tells which story. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, core, entry } from './core.js';
import { Network, plain } from './network.js';

test('an append is acknowledged only after its save', () => {
  const network = new Network(3);
  network.elect(1);
  network.diskIsFast = false;
  network.propose(1, 'a');
  network.settle();
  assert.equal(network.raft(1).status.commitIndex, 1);
  network.saveOne(network.member(2));
  network.settle();
  assert.equal(network.raft(1).status.commitIndex, 1, 'one save of three is no majority');
  network.saveOne(network.member(3));
  network.settle();
  assert.equal(network.raft(1).status.commitIndex, 2, 'two followers are, without the leader');
  assert.equal(network.member(1).machine.appliedIndex, 1, 'but the leader applies what its own disk holds');
});

test('a group of one commits, applies and speaks of its term only after its own save', () => {
  const network = new Network(1, { learners: [9] });
  network.diskIsFast = false;
  network.raft(1).campaign(0);
  network.pump();
  assert.equal(network.raft(1).status.role, 'leader');
  assert.equal(network.raft(1).status.commitIndex, 0);
  assert.equal(network.wire.length, 0, 'a crash now could lead the same term again');
  network.diskIsFast = true;
  network.settle();
  assert.equal(network.raft(1).status.commitIndex, 1);
  assert.equal(network.member(9).machine.appliedIndex, 1);
});

test('an entry of an older term is not committed by counting (the figure 8 of the paper)', () => {
  const raft = core({}, [entry(1, 1), entry(2, 2, 'old')]);
  raft.step({ kind: 'timeoutNow', from: 2, to: 1, term: 2 }, 0);
  raft.ready();
  raft.step({ kind: 'voteReply', from: 2, to: 1, term: 3, granted: true }, 0);
  const { entries } = raft.ready()!;
  assert.deepEqual(entries, [entry(3, 3)], 'a leader begins with an entry of its term');
  raft.saved(3, 3);
  const accepted = {
    kind: 'appendReply',
    from: 2,
    to: 1,
    term: 3,
    rejected: false,
    hintIndex: 0,
    hintTerm: 0,
  } as const;
  raft.step({ ...accepted, index: 2 }, 0);
  assert.equal(raft.status.commitIndex, 0);
  raft.step({ ...accepted, index: 3 }, 0);
  assert.equal(raft.status.commitIndex, 3);
});

test('commit follows what the message verified, not the own last entry', () => {
  const raft = core({}, [entry(1, 1), entry(2, 1), entry(3, 1)]);
  raft.step(append([], [1, 1], 3, 2), 0);
  assert.equal(raft.status.commitIndex, 1);
});

test('a late short append does not cut a longer log that matches', () => {
  const raft = core();
  raft.step(append([entry(1, 1, 'a'), entry(2, 1, 'b'), entry(3, 1, 'c')], [0, 0], 0), 0);
  raft.ready();
  raft.step(append([entry(1, 1, 'a')], [0, 0], 0), 0);
  assert.equal(raft.status.lastIndex, 3);
  assert.equal(raft.ready(), undefined, 'and asks for no save');
});

test('a conflict replaces the suffix; a snapshot that contradicts what is committed stops the process', () => {
  const raft = core({}, [entry(1, 1, 'a'), entry(2, 1, 'b'), entry(3, 1, 'c')]);
  raft.step(append([entry(2, 2, 'x')], [1, 1], 1, 2), 0);
  assert.deepEqual(raft.ready()!.entries, [entry(2, 2, 'x')]);
  assert.equal(raft.status.lastIndex, 2);
  raft.step(append([], [2, 2], 2, 2), 0);
  assert.equal(raft.status.commitIndex, 2);
  assert.throws(
    () => raft.restored({ index: 2, term: 1, configuration: plain([1]) }),
    /contradicts the committed log/,
  );
});

test('an append from below the commit is answered with the commit, and changes nothing', () => {
  const raft = core({ hardState: { term: 2, votedFor: 0, commit: 0 } }, [entry(1, 1, 'a'), entry(2, 1, 'b')]);
  raft.step(append([], [2, 1], 2, 2), 0);
  raft.step(append([entry(2, 2, 'x')], [1, 1], 2, 2), 0);
  assert.equal(raft.status.lastIndex, 2);
  const reply = raft.ready()!.messagesAfterSave.at(-1)!;
  assert(reply.kind === 'appendReply' && !reply.rejected && reply.index === 2);
});

test('a save reported for an entry that was replaced since counts for nothing', () => {
  const raft = core();
  raft.step(append([entry(1, 1, 'a')], [0, 0], 0), 0);
  raft.ready();
  raft.step(append([entry(1, 2, 'b')], [0, 0], 1, 2), 0);
  raft.ready();
  raft.saved(1, 1);
  assert.equal(raft.ready(), undefined);
  raft.saved(1, 2);
  assert.deepEqual(raft.ready()!.committed, [entry(1, 2, 'b')]);
});

test('a save counts only when no other entry at its place is still on its way to the disk', () => {
  const raft = core();
  for (const term of [1, 2, 3]) {
    const first = term === 2 ? entry(1, 2, 'b') : entry(1, 1, 'a');
    const rest = term === 3 ? [entry(2, 3, 'c')] : [];
    raft.step(append([first, ...rest], [0, 0], term === 3 ? 2 : 0, term), 0);
    raft.ready();
  }
  raft.saved(1, 1);
  raft.saved(1, 2);
  assert.equal(raft.ready(), undefined, 'the first save wrote the same entry, the second wrote over it');
  raft.saved(2, 3);
  assert.equal(raft.ready()!.committed.length, 2);
});

test('a crash at any save loses nothing that was acknowledged', () => {
  for (let saves = 0; saves < 12; saves++) {
    const network = new Network(3);
    network.elect(1);
    network.diskIsFast = false;
    for (let count = 0; count < 5; count++) {
      network.propose(1, `${count}`);
      network.pump();
      network.deliverAll();
    }
    for (let count = 0; count < saves; count++) network.saveOne(network.member(1 + (count % 3)));
    network.settle();
    const acknowledged = network.raft(1).status.commitIndex;
    for (const id of [1, 2, 3]) network.restart(id);
    network.wire = [];
    network.diskIsFast = true;
    network.advance(5000, 50);
    assert(network.leader !== undefined);
    assert(network.leader.raft.status.commitIndex > acknowledged);
  }
});

test('a log that does not reach back to the state is refused at birth', () => {
  const log = { compactedIndex: 5, compactedTerm: 1, terms: [], lastIndex: 5, entries: [] };
  assert.throws(() => core({ log, appliedIndex: 3 }), /must hold what follows the state/);
});
