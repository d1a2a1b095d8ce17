/** One group of an async table: what its leader answers before the majority, and what becomes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AckAnswer } from '../../src/slot/acks.js';
import { Group, type Member, SETTINGS, SNAPSHOT } from './group.js';

function asyncGroup(size = 3, settings = SETTINGS): Group {
  return new Group(size, settings, SNAPSHOT, true);
}

/** A leader that nobody can reach any more, with these writes answered. */
async function cutOff(group: Group, ...lines: readonly string[]): Promise<Member> {
  const leader = await group.elect();
  group.ask(leader, 'write', 'set base 1');
  await group.clock.pass(300);
  group.isolate(leader);
  for (const line of lines) group.ask(leader, 'write', line);
  await group.settle();
  return leader;
}

function valuesOf(group: Group, member: Member, key: string): Promise<string> {
  group.ask(member, 'read', `get ${key}`, { session: `reader of ${key}`, here: true });
  return group.clock.pass(1000).then(() => group.answers.pop()!);
}

test('a leader answers what is in its file, before its sync and before anybody else has it', async () => {
  const group = asyncGroup();
  const leader = await cutOff(group);
  leader.binlog.prompt = false;
  group.ask(leader, 'write', 'set a 1');
  await group.settle();
  assert.deepEqual(group.answers, ['set base 1 -> ok', 'set a 1 -> ok']);
  assert.ok(leader.events.at(-1) !== 'durable' && leader.events.includes('write entries'));
  assert.equal(leader.slot.isAhead, true);
});

test('of a quorum group nothing is answered so early', async () => {
  const group = new Group(3);
  await cutOff(group, 'set a 1');
  assert.deepEqual(group.answers, ['set base 1 -> ok']);
});

test('its disk counts for the commit only once it is synced', async () => {
  const group = asyncGroup(1);
  const leader = await group.elect();
  leader.binlog.prompt = false;
  group.ask(leader, 'write', 'set a 1');
  await group.settle();
  assert.deepEqual(group.answers, ['set a 1 -> ok']);
  const { commitIndex, lastIndex } = leader.slot.status;
  assert.equal(commitIndex, lastIndex - 1);
  leader.binlog.prompt = true;
  await group.clock.pass(1000);
  assert.equal(
    leader.slot.status.commitIndex,
    lastIndex,
    'synced within a second, although nothing else came',
  );
  assert.equal(leader.slot.isAhead, false);
});

test('no majority, no writes for long: it steps down, and its log takes no more than its bound', async () => {
  const raft = { ...SETTINGS.raft, uncommittedBytesMax: 1000 };
  const group = asyncGroup(3, { ...SETTINGS, raft });
  const leader = await cutOff(group);
  for (let i = 0; i < 50; i++) {
    group.ask(leader, 'write', `set k${i} ${'x'.repeat(100)}`, { session: `s${i}` });
    await group.settle();
  }
  const answered = group.answers.filter((answer) => answer.endsWith('ok')).length;
  assert.ok(answered > 3 && answered < 15, `${answered} were answered`);
  await group.clock.pass(1500);
  assert.equal(leader.slot.isLeader, false);
  group.ask(leader, 'write', 'set late 1');
  assert.equal(group.answers.at(-1), 'set late 1 -> notLeader');
});

test('what another leader cut is rolled back to the last checkpoint and the committed log, and counted', async () => {
  const group = asyncGroup();
  const leader = await cutOff(group, 'set a lost', 'set a lost2', 'del base');
  assert.equal(leader.slot.state.keys, 1);
  await group.clock.pass(4000);
  const next = group.leader;
  assert.notEqual(next, leader);
  group.ask(next, 'write', 'set a kept');
  await group.clock.pass(300);
  group.heal();
  await group.clock.pass(1000);
  assert.deepEqual(leader.slot.appliedTo, next.slot.appliedTo);
  assert.ok(leader.events.includes('back to 0'), leader.events.join('\n'));
  assert.ok(leader.events.includes('cut 3 2 0'));
  for (const member of group.members) {
    assert.equal(await valuesOf(group, member, 'a'), 'get a -> kept@never');
    assert.equal(await valuesOf(group, member, 'base'), 'get base -> 1@never');
    assert.deepEqual(member.fatal, []);
  }
  assert.ok(
    group.members.every(
      (member) => member === leader || !member.events.some((event) => event.startsWith('cut')),
    ),
  );
});

test('a rollback begins at the newest checkpoint, which never holds what may be cut', async () => {
  const group = asyncGroup();
  const leader = await group.elect();
  group.ask(leader, 'write', 'set base 1');
  // Until its own disk has it, too.
  await group.clock.pass(700);
  await group.clock.settle(leader.checkpointer.round());
  const stored = leader.slot.stored!.meta.appliedIndex;
  group.isolate(leader);
  group.ask(leader, 'write', 'set a lost');
  await group.settle();
  // Frozen where it stands, it waits for a commit that does not come; other rounds are not held up.
  await group.clock.settle(leader.checkpointer.round());
  await group.clock.settle(leader.checkpointer.round());
  group.ask(leader, 'write', 'clear');
  await group.settle();
  await group.clock.settle(leader.checkpointer.round());
  assert.equal(leader.slot.stored!.meta.appliedIndex, stored);
  await group.clock.pass(4000);
  group.ask(group.leader, 'write', 'set b 2');
  await group.clock.pass(300);
  group.heal();
  await group.clock.pass(1000);
  assert.ok(leader.events.includes(`back to ${stored}`), leader.events.join('\n'));
  assert.ok(leader.events.includes('cut 2 1 0'));
  await group.clock.settle(leader.checkpointer.round());
  assert.equal(leader.slot.stored!.meta.appliedIndex, leader.slot.appliedTo.index);
  assert.equal(await valuesOf(group, leader, 'a'), 'get a -> (none)');
  assert.equal(await valuesOf(group, leader, 'base'), 'get base -> 1@never');
});

test('a checkpoint that was frozen ahead is written once its index is committed, while writes go on', async () => {
  const group = asyncGroup();
  const leader = await cutOff(group, 'set a 1');
  await group.clock.settle(leader.checkpointer.round());
  const { index } = leader.slot.appliedTo;
  group.ask(leader, 'write', 'set a 2');
  await group.settle();
  assert.equal(leader.slot.stored, undefined);
  group.heal();
  await group.clock.pass(800);
  await group.clock.settle(leader.checkpointer.round());
  assert.equal(leader.slot.stored!.meta.appliedIndex, index, 'as it was frozen');
  await group.clock.settle(leader.checkpointer.round());
  assert.equal(leader.slot.stored!.meta.appliedIndex, leader.slot.appliedTo.index);
});

test('a former leader shows nothing that may yet be cut to readers of its own replica', async () => {
  const group = asyncGroup();
  const leader = await cutOff(group, 'set a lost');
  await group.clock.pass(4000);
  assert.equal(leader.slot.isLeader, false);
  assert.equal(leader.slot.isAhead, true);
  group.heal();
  for (let i = 0; i < 40; i++) {
    group.ask(leader, 'read', 'get a', { session: `reader ${i}`, here: true });
    await group.clock.pass(10);
  }
  await group.clock.pass(1000);
  const seen = new Set(group.answers.filter((answer) => answer.startsWith('get a')));
  assert.ok(seen.has('get a -> (none)') && !seen.has('get a -> lost@never'), [...seen].join());
});

test('a write that is in the file of a leader that is none any more is not answered by it', async () => {
  const group = asyncGroup();
  const leader = await cutOff(group);
  group.ask(leader, 'write', 'set a 1');
  // Written, but the turn that would apply it comes after a newer term has been heard of.
  const [other] = group.members.filter((member) => member !== leader);
  leader.slot.receive({
    kind: 'heartbeat',
    from: other!.id,
    to: leader.id,
    term: leader.slot.status.term + 5,
    commit: 0,
    readRound: 0,
    sentAtMs: 0,
    sleep: false,
  });
  await group.clock.pass(6000);
  const answer = group.answers.find((one) => one.startsWith('set a'));
  assert.ok(answer === 'set a 1 -> notLeader' || answer === 'set a 1 -> unknown', answer);
});

function ask(member: Member, needed: number, deadlineMs: number): AckAnswer[] {
  const answers: AckAnswer[] = [];
  const { index, term } = member.slot.appliedTo;
  member.slot.askAcks({ index, term, needed, deadlineMs, answer: (answer) => void answers.push(answer) });
  return answers;
}

for (const isAsync of [false, true]) {
  test(`WAIT counts the others whose disks have a write, ${isAsync ? 'async' : 'quorum'} mode`, async () => {
    const group = new Group(3, SETTINGS, SNAPSHOT, isAsync);
    const leader = await group.elect();
    const [slow] = group.followers;
    slow!.binlog.prompt = false;
    group.ask(leader, 'write', 'set a 1');
    await group.clock.pass(200);
    assert.equal(group.answers.at(-1), 'set a 1 -> ok');
    assert.deepEqual(ask(group.followers[1]!, 1, 1e9), [{ kind: 'refused' }]);
    const one = ask(leader, 1, 1e9);
    const two = ask(leader, 2, 1e9);
    const late = ask(leader, 2, group.nowMs + 50);
    await group.clock.pass(100);
    assert.deepEqual(one, [{ kind: 'acks', count: 1, lost: false }]);
    assert.deepEqual(late, [{ kind: 'acks', count: 1, lost: false }]);
    assert.deepEqual(two, []);
    slow!.binlog.flush();
    await group.clock.pass(100);
    assert.deepEqual(two, [{ kind: 'acks', count: 2, lost: false }]);
  });
}

test('WAIT counts nobody for a write that was lost with its leader', async () => {
  const group = asyncGroup();
  const leader = await cutOff(group, 'set a lost');
  const lost = leader.slot.appliedTo;
  await group.clock.pass(4000);
  const answers: AckAnswer[] = [];
  const next = group.leader;
  next.slot.askAcks({ ...lost, needed: 1, deadlineMs: 1e9, answer: (answer) => void answers.push(answer) });
  await group.settle();
  assert.deepEqual(answers, [{ kind: 'acks', count: 0, lost: true }]);
});
