/** Replicas brought up by a snapshot: one that lags behind a log already cut, one that is born empty, and what may come in between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeSnapshotAck,
  decodeSnapshotMessage,
  encodeSnapshotAck,
} from '../../src/slot/snapshot-codec.js';
import { readStoredStates } from '../../src/slot/states.js';
import { Group, type Member, SETTINGS, SNAPSHOT } from './group.js';

/** Every entry goes as soon as it is in the engine. */
const SHORT_LOG = { ...SETTINGS, logTailBytes: 1 };

async function write(group: Group, leader: Member, from: number, to: number): Promise<void> {
  for (let key = from; key < to; key++) {
    group.ask(leader, 'write', `set k${key} ${'v'.repeat(30)}`, { session: `${key}` });
    await group.settle();
  }
  await group.clock.pass(20);
}

/** A leader whose log starts after what one of its followers has. */
async function lagging(
  group: Group,
): Promise<{ readonly leader: Member; readonly late: Member; readonly other: Member }> {
  const leader = await group.elect();
  const [late, other] = group.followers as [Member, Member];
  await write(group, leader, 0, 3);
  group.isolate(late);
  group.ask(leader, 'write', 'set k0 changed');
  await write(group, leader, 3, 20);
  await group.clock.settle(leader.checkpointer.round());
  assert.ok(leader.binlog.released > late.slot.appliedTo.index);
  return { leader, late, other };
}

function assertSame(group: Group): void {
  const [first, ...others] = group.members.map(({ slot }) => [
    slot.appliedTo,
    slot.state.keys,
    slot.clock.lastStampMs,
  ]);
  for (const other of others) assert.deepEqual(other, first);
  for (const { fatal } of group.members) assert.deepEqual(fatal, []);
}

function installs(member: Member): number {
  return member.events.filter((event) => event.startsWith('snapshot at')).length;
}

/** A read as that member would answer it, were it leading. */
async function readAt(group: Group, member: Member, key: string): Promise<string | undefined> {
  if (!member.slot.isLeader) {
    assert.ok(group.leader.slot.transferTo(member.id));
    await group.clock.pass(1500);
  }
  group.ask(member, 'read', `get ${key}`, { session: 'reader' });
  await group.clock.pass(300);
  return group.answers.at(-1);
}

test('a follower that lags beyond the kept log gets the state, goes on from there, and can lead', async () => {
  const group = new Group(3, SHORT_LOG);
  const { leader, late } = await lagging(group);
  group.heal();
  await group.clock.pass(2000);
  assert.equal(installs(late), 1);
  assert.equal(leader.snapshots.figures.sent, 1);
  assert.equal(late.snapshots.figures.received, 1);
  assertSame(group);
  // No checkpoint has been made since: what the engine holds is what was received.
  assert.deepEqual(late.slot.stored, { stateId: late.slot.state.stateId, meta: late.slot.stored!.meta });
  assert.deepEqual(late.slot.stored!.meta, leader.slot.stored!.meta);
  await write(group, leader, 20, 25);
  assertSame(group);
  assert.equal(await readAt(group, late, 'k7'), `get k7 -> ${'v'.repeat(30)}@never`);
  // It was in memory here, as it was before.
  assert.equal(await readAt(group, late, 'k0'), 'get k0 -> changed@never');
  assert.equal(installs(late), 1);
});

test('a replica born empty is brought up by a snapshot, although the log is whole and nothing was ever checkpointed', async () => {
  const group = new Group(1);
  const leader = await group.elect();
  await write(group, leader, 0, 10);
  const learner = group.join();
  const noChange = { add: [], addLearners: [], remove: [], transition: 'auto' } as const;
  leader.slot.raft.proposeConfiguration({ ...noChange, addLearners: [learner.id] }, group.nowMs);
  leader.pump.wake(leader.slot);
  await group.clock.pass(3000);
  assert.equal(installs(learner), 1);
  assertSame(group);
  assert.deepEqual(learner.slot.status.configuration.learners, [learner.id]);
  leader.slot.raft.proposeConfiguration({ ...noChange, add: [learner.id] }, group.nowMs);
  leader.pump.wake(leader.slot);
  await group.clock.pass(1000);
  assert.equal(await readAt(group, learner, 'k3'), `get k3 -> ${'v'.repeat(30)}@never`);
  assertSame(group);
});

test('keys with an expiry arrive with it and die with the others', async () => {
  const group = new Group(3, SHORT_LOG);
  const { leader, late } = await lagging(group);
  const atMs = Math.floor(leader.slot.clock.nowMs() + 4000);
  group.ask(leader, 'write', `expire k5 ${atMs}`);
  await group.clock.pass(50);
  await group.clock.settle(leader.checkpointer.round());
  group.heal();
  await group.clock.pass(2000);
  assert.equal(late.slot.state.expiry.nextMs, atMs);
  assert.equal(late.slot.state.keys, 20);
  await group.clock.pass(4000);
  assert.equal(late.slot.state.keys, 19);
  assertSame(group);
});

test('chunks, answers and ends may get lost: the transfer falls silent, and another one makes it', async () => {
  for (const kind of ['begin', 'chunk', 'end', 'written', 'installed']) {
    const group = new Group(3, SHORT_LOG);
    const { late } = await lagging(group);
    let lost = 0;
    group.losesSnapshot = (_from, _to, lane, message) => {
      const said = lane === 'snapshot' ? decodeSnapshotMessage(message) : decodeSnapshotAck(message);
      return said.kind === kind && ++lost === 1;
    };
    group.heal();
    await group.clock.pass(5000);
    assert.ok(lost > 0, kind);
    assert.ok(installs(late) >= 1, kind);
    assertSame(group);
    await group.clock.settle(late.checkpointer.round());
    const { unnamed, byReplica } = await readStoredStates(late.engine);
    assert.deepEqual([...unnamed.keys()], [], `${kind}: rows of a failed transfer stay`);
    assert.equal(byReplica.size, 1);
  }
});

test('a new leader in the middle of it: the old transfer ends, the new leader sends its own', async () => {
  const group = new Group(3, SHORT_LOG, { ...SNAPSHOT, bytesPerSecond: 500 });
  const { leader, late, other } = await lagging(group);
  await group.clock.settle(other.checkpointer.round());
  group.heal();
  await group.clock.pass(500);
  assert.equal(leader.snapshots.active, 1);
  assert.ok(leader.slot.transferTo(other.id));
  await group.clock.pass(10_000);
  assert.equal(leader.snapshots.figures.sent, 0);
  assert.ok(leader.snapshots.figures.failed >= 1);
  assert.equal(other.snapshots.figures.sent, 1);
  assert.equal(installs(late), 1);
  assertSame(group);
});

test('a state cleared while it is sent: what arrives is the state before, and the log brings the clearing', async () => {
  const group = new Group(3, SHORT_LOG, { ...SNAPSHOT, bytesPerSecond: 500 });
  const { leader, late } = await lagging(group);
  group.heal();
  await group.clock.pass(500);
  assert.equal(leader.snapshots.active, 1);
  group.ask(leader, 'write', 'clear');
  await write(group, leader, 0, 2);
  for (let round = 0; round < 3; round++) await group.clock.settle(leader.checkpointer.round());
  await group.clock.pass(10_000);
  assert.equal(installs(late), 1);
  assert.equal(late.slot.state.keys, 2);
  assertSame(group);
});

test('the log behind a snapshot under way is kept for its member, and beyond the bound it is not', async () => {
  for (const [logBytesMax, sent] of [
    [1 << 20, 1],
    [200, 2],
  ] as const) {
    const group = new Group(3, SHORT_LOG, { ...SNAPSHOT, bytesPerSecond: 1000, logBytesMax });
    const { leader, late } = await lagging(group);
    group.heal();
    await group.clock.pass(300);
    assert.equal(leader.snapshots.active, 1);
    await write(group, leader, 20, 40);
    await group.clock.settle(leader.checkpointer.round());
    await group.clock.pass(10_000);
    assert.equal(leader.snapshots.figures.sent, sent, `bound ${logBytesMax}`);
    assert.equal(installs(late), sent);
    assertSame(group);
  }
});

test('nothing of the group is heard between the mark and the switch, and what is sent meanwhile is not missed', async () => {
  const group = new Group(3, SHORT_LOG);
  const { leader, late } = await lagging(group);
  group.heal();
  late.binlog.prompt = false;
  const marked = (): boolean => late.events.includes('append snapshot');
  for (let ms = 0; ms < 3000 && !marked(); ms += 10) {
    await group.clock.pass(10);
    if (!marked()) late.binlog.flush();
  }
  assert.ok(marked());
  const mark = late.events.length;
  await write(group, leader, 20, 23);
  await group.clock.pass(500);
  assert.deepEqual(late.events.slice(mark), []);
  assert.equal(late.slot.freeze(), undefined);
  late.binlog.prompt = true;
  late.binlog.flush();
  await group.clock.pass(2000);
  assertSame(group);
});

test('a client whose write was overtaken by a snapshot is told that its fate is unknown, and its lane goes on', async () => {
  const group = new Group(3, SHORT_LOG);
  const old = await group.elect();
  await write(group, old, 0, 3);
  group.isolate(old);
  group.ask(old, 'write', 'set lost 1', { forMs: 600_000, session: 'overtaken' });
  await group.clock.pass(6000);
  const leader = group.leader;
  assert.notEqual(leader, old);
  await write(group, leader, 3, 10);
  await group.clock.settle(leader.checkpointer.round());
  group.answers.length = 0;
  group.heal();
  await group.clock.pass(3000);
  assert.ok(installs(old) >= 1);
  assert.deepEqual(group.answers, ['set lost 1 -> unknown']);
  assert.equal(old.slot.requests.pendingEntries, 0);
  assertSame(group);
});

test('no more than so many at once, either way; the others wait their turn', async () => {
  const group = new Group(5, SHORT_LOG, { ...SNAPSHOT, outgoingMax: 1 });
  const leader = await group.elect();
  const late = group.followers.slice(0, 2);
  await write(group, leader, 0, 3);
  for (const member of late) group.isolate(member);
  await write(group, leader, 3, 20);
  await group.clock.settle(leader.checkpointer.round());
  group.heal();
  await group.clock.pass(5000);
  assert.deepEqual(late.map(installs), [1, 1]);
  assert.equal(leader.snapshots.figures.failed, 0);
  assertSame(group);
});

test('a node that takes in enough already is not bothered for a while, and loses nothing by it', async () => {
  const group = new Group(3, SHORT_LOG);
  const { leader, late } = await lagging(group);
  let said = 0;
  group.losesSnapshot = (from, to, lane, message) => {
    if (lane !== 'snapshot') return false;
    const begin = decodeSnapshotMessage(message);
    if (begin.kind !== 'begin' || ++said > 2) return false;
    group.members[from - 1]!.snapshots.onAck(
      encodeSnapshotAck({ kind: 'busy', transferId: begin.transferId }),
    );
    assert.equal(to, late.id);
    return true;
  };
  group.heal();
  await group.clock.pass(3000);
  assert.equal(said, 3);
  assert.deepEqual([leader.snapshots.figures.failed, leader.snapshots.figures.sent], [0, 1]);
  assert.equal(installs(late), 1);
  assertSame(group);
});
