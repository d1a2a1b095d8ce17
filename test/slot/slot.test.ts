/** One replica among its peers: what is answered, when, and what must not leave before the disk has it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEntry } from '../../src/slot/entry.js';
import type { BinlogEntry } from '../../src/storage/binlog.js';
import { Group, type Member, SETTINGS } from './group.js';

function commandEntries(member: Member): BinlogEntry[] {
  return member.binlog.batches
    .flat()
    .flatMap((record) => (record.kind === 'entries' ? record.entries : []))
    .filter(({ kind }) => kind === 'command');
}

test('a group elects, writes, reads, and its replicas hold the same', async () => {
  const group = new Group(3);
  const leader = await group.elect();
  group.ask(leader, 'write', 'set a 1');
  group.ask(leader, 'read', 'get a');
  await group.clock.pass(300);
  assert.deepEqual(group.answers, ['set a 1 -> ok', 'get a -> 1@never']);
  for (const { slot } of group.members)
    assert.deepEqual([slot.appliedTo, slot.state.keys], [leader.slot.appliedTo, 1]);
});

test('what arrives while a batch is on its way to the disk goes as one entry after it', async () => {
  const group = new Group(1);
  const leader = await group.elect();
  leader.binlog.prompt = false;
  for (const key of ['a', 'b']) group.ask(leader, 'write', `set ${key} 1`, { session: key });
  await group.settle();
  for (const key of ['c', 'd', 'e']) {
    group.ask(leader, 'write', `set ${key} 1`, { session: key });
    await group.settle();
  }
  assert.deepEqual(group.answers, []);
  leader.binlog.flush();
  await group.settle();
  leader.binlog.flush();
  await group.settle();
  const sizes = commandEntries(leader).map(({ data }) => decodeEntry(data).groups.length);
  assert.deepEqual(sizes, [2, 3]);
  assert.equal(group.answers.length, 5);
});

test('nothing that depends on a record leaves before its batch is durable: votes and acknowledgements', async () => {
  const group = new Group(3);
  const leader = await group.elect();
  for (const member of group.followers) member.binlog.prompt = false;
  const marks = group.followers.map(({ events }) => events.length);
  group.ask(leader, 'write', 'set a 1');
  await group.settle();
  await group.clock.pass(20);
  group.followers.forEach(({ events }, i) => {
    const since = events.slice(marks[i]);
    assert.ok(since.includes('append entries'), since.join());
    assert.ok(!since.includes('send appendReply'), since.join());
  });
  assert.deepEqual(group.answers, []);
  group.followers[0]!.binlog.flush();
  await group.clock.pass(20);
  assert.deepEqual(group.answers, ['set a 1 -> ok']);
  // A vote, too: a deposed quorum must not hear of one that the disk would deny.
  group.isolate(leader);
  const voters = group.members.filter(({ id }) => id !== leader.id);
  for (const { binlog } of voters) binlog.flush();
  await group.clock.pass(4000);
  for (const { events } of voters) {
    events.forEach((event, sent) => {
      if (event !== 'send vote' && event !== 'send voteReply') return;
      const save = events.lastIndexOf('append hardState', sent);
      assert.ok(events.slice(save, sent).includes('durable'), `${event} before its term was durable`);
    });
  }
});

test("the leader's own disk counts like any other: alone with its fsync pending, nothing is answered", async () => {
  const group = new Group(1);
  const leader = await group.elect();
  leader.binlog.prompt = false;
  group.ask(leader, 'write', 'set a 1');
  await group.clock.pass(500);
  assert.deepEqual(group.answers, []);
  leader.binlog.flush();
  await group.settle();
  assert.deepEqual(group.answers, ['set a 1 -> ok']);
});

test('after a failed write to the log nothing leaves any more', async () => {
  const group = new Group(3);
  const leader = await group.elect();
  const follower = group.followers[0]!;
  follower.binlog.prompt = false;
  group.ask(leader, 'write', 'set a 1');
  await group.clock.pass(50);
  const mark = follower.events.length;
  follower.binlog.fail();
  await group.clock.pass(500);
  assert.deepEqual(follower.fatal, ['Error: EIO']);
  assert.deepEqual(
    follower.events.slice(mark).filter((event) => event.startsWith('send')),
    [],
  );
});

test('a leader cut off refuses what was in no entry and calls the rest unknown or done, never both', async () => {
  const group = new Group(3);
  const old = await group.elect();
  group.isolate(old);
  group.ask(old, 'write', 'set lost 1', { forMs: 60_000 });
  await group.settle();
  await group.clock.pass(6000);
  const next = group.leader;
  assert.notEqual(next, old);
  group.ask(old, 'write', 'set refused 1');
  group.ask(next, 'write', 'set kept 1');
  await group.clock.pass(200);
  assert.deepEqual(group.answers, ['set refused 1 -> notLeader', 'set kept 1 -> ok']);
  group.heal();
  await group.clock.pass(3000);
  assert.equal(group.answers[2], 'set lost 1 -> unknown');
  group.ask(group.leader, 'read', 'get lost');
  await group.clock.pass(500);
  assert.equal(group.answers[3], 'get lost -> (none)');
});

test('a cut off leader answers no read once its lease is over', async () => {
  const group = new Group(3);
  const old = await group.elect();
  group.isolate(old);
  await group.clock.pass(400);
  group.ask(old, 'read', 'get a', { forMs: 60_000 });
  await group.clock.pass(6000);
  assert.deepEqual(group.answers, ['get a -> notLeader']);
});

test('a request for another term of this leader is refused at once', async () => {
  const group = new Group(1);
  const leader = await group.elect();
  const { term } = leader.slot.status;
  group.ask(leader, 'write', 'set a 1', { term: term + 1 });
  group.ask(leader, 'write', 'set b 1', { term });
  await group.settle();
  assert.deepEqual(group.answers, ['set a 1 -> notLeader', 'set b 1 -> ok']);
});

test('the bounds answer: too many, no disk, too large; and a large command spoils no neighbour', async () => {
  const group = new Group(1);
  const leader = await group.elect();
  leader.binlog.prompt = false;
  group.ask(leader, 'write', 'set first 1', { session: 'first' });
  await group.settle();
  group.ask(leader, 'write', 'set small 1', { session: 'small' });
  group.ask(leader, 'write', `set big ${'x'.repeat(1950)}`, { session: 'big' });
  group.ask(leader, 'write', `set huge ${'x'.repeat(4000)}`, { session: 'huge' });
  group.ask(leader, 'write', 'set after 1', { session: 'after' });
  leader.binlog.prompt = true;
  leader.binlog.flush();
  await group.settle();
  assert.deepEqual([...group.answers].sort(), [
    'set after 1 -> ok',
    'set big xxxx... -> ok',
    'set first 1 -> ok',
    'set huge xxx... -> tooLarge',
    'set small 1 -> ok',
  ]);
  group.answers.length = 0;
  leader.gauges.diskLow = true;
  group.ask(leader, 'write', 'set a 1');
  group.ask(leader, 'read', 'get small');
  await group.settle();
  assert.deepEqual(group.answers, ['set a 1 -> diskFull', 'get small -> 1@never']);
});

test('requests beyond the bound are refused as busy, and only those', async () => {
  const group = new Group(1, { ...SETTINGS, outstandingRequestsMax: 3 });
  const leader = await group.elect();
  leader.binlog.prompt = false;
  for (const key of ['a', 'b', 'c', 'd']) group.ask(leader, 'write', `set ${key} 1`, { session: key });
  assert.deepEqual(group.answers, ['set d 1 -> busy']);
  await group.settle();
  leader.binlog.flush();
  await group.settle();
  assert.equal(group.answers.length, 4);
});

test('a deadline passes: unknown if it was appended', async () => {
  const group = new Group(1);
  const leader = await group.elect();
  leader.binlog.prompt = false;
  group.ask(leader, 'write', 'set a 1', { forMs: 100 });
  await group.clock.pass(200);
  assert.deepEqual(group.answers, ['set a 1 -> unknown']);
  leader.binlog.flush();
  await group.settle();
  assert.equal(leader.slot.state.keys, 1);
  assert.equal(leader.slot.requests.outstanding, 0);
});

test('keys die by the log, without traffic, on all replicas alike', async () => {
  const group = new Group(3);
  const leader = await group.elect();
  const atMs = Math.floor(leader.slot.clock.nowMs() + 2000);
  group.ask(leader, 'write', 'set a 1');
  group.ask(leader, 'write', `expire a ${atMs}`);
  await group.clock.pass(1500);
  for (const { slot } of group.members) assert.equal(slot.state.keys, 1);
  await group.clock.pass(1500);
  for (const { slot } of group.members)
    assert.deepEqual([slot.state.keys, slot.appliedTo], [0, leader.slot.appliedTo]);
});

test('a read that finds a key dead waits for the entry that says so', async () => {
  const group = new Group(3);
  const leader = await group.elect();
  const atMs = Math.floor(leader.slot.clock.nowMs() + 50);
  group.ask(leader, 'write', 'set a 1');
  group.ask(leader, 'write', `expire a ${atMs}`);
  await group.clock.pass(45);
  group.answers.length = 0;
  const before = leader.slot.appliedTo.index;
  await group.clock.pass(3);
  for (const { binlog } of group.followers) binlog.prompt = false;
  await group.clock.pass(4);
  group.ask(leader, 'read', 'get a');
  await group.clock.pass(100);
  assert.deepEqual(group.answers, []);
  for (const { binlog } of group.followers) {
    binlog.prompt = true;
    binlog.flush();
  }
  await group.clock.pass(100);
  assert.deepEqual(group.answers, ['get a -> (none)']);
  assert.ok(leader.slot.appliedTo.index > before);
});

test('held back applying stops between entries and goes on', async () => {
  const group = new Group(1);
  const leader = await group.elect();
  leader.gauges.applyHeld = true;
  group.ask(leader, 'write', 'set a 1');
  await group.clock.pass(100);
  assert.deepEqual(group.answers, []);
  leader.gauges.applyHeld = false;
  await group.clock.pass(200);
  assert.deepEqual(group.answers, ['set a 1 -> ok']);
});

test('a checkpoint takes the slot between entries, frees the log beyond its tail, and the pool keeps its bound under reads alone', async () => {
  const settings = { ...SETTINGS, logTailBytes: 1024, poolBytes: 20_000 };
  const group = new Group(1, settings);
  const leader = await group.elect();
  const value = 'x'.repeat(900);
  for (let key = 0; key < 2500; key++) {
    group.ask(leader, 'write', `set k${key} ${value}`, { session: `${key}` });
    if (key % 50 === 0) await group.settle();
  }
  await group.settle();
  await group.clock.settle(leader.checkpointer.round());
  assert.ok(leader.binlog.released > 0);
  assert.ok(leader.binlog.released <= leader.slot.appliedTo.index);
  for (let key = 0; key < 200; key++) {
    group.ask(leader, 'read', `get k${key}`, { session: `r${key}` });
    await group.settle();
  }
  assert.equal(
    group.answers.filter((answer) => answer.startsWith('get') && answer.endsWith('@never')).length,
    200,
  );
  assert.ok(leader.slot.state.poolBytes < settings.poolBytes + 5000, `${leader.slot.state.poolBytes}`);
});

test('a slot that is closed answers everyone', async () => {
  const group = new Group(1);
  const leader = await group.elect();
  leader.binlog.prompt = false;
  group.ask(leader, 'write', 'set a 1', { session: 'a' });
  await group.settle();
  group.ask(leader, 'write', 'set b 1', { session: 'b' });
  group.ask(leader, 'read', 'get c', { session: 'c' });
  leader.slot.close();
  group.ask(leader, 'write', 'set d 1', { session: 'd' });
  assert.deepEqual([...group.answers].sort(), [
    'get c -> notLeader',
    'set a 1 -> unknown',
    'set b 1 -> notLeader',
    'set d 1 -> notLeader',
  ]);
});

test('leadership handed over: refused or done, and the successor has it all', async () => {
  const group = new Group(3);
  const leader = await group.elect();
  const target = group.followers[0]!;
  for (let key = 0; key < 5; key++) group.ask(leader, 'write', `set k${key} 1`, { session: `${key}` });
  await group.settle();
  assert.ok(leader.slot.transferTo(target.id));
  for (let key = 5; key < 10; key++) group.ask(leader, 'write', `set k${key} 1`, { session: `${key}` });
  await group.clock.pass(1500);
  assert.equal(group.leader, target);
  assert.equal(group.answers.length, 10);
  const done = group.answers.filter((answer) => answer.endsWith('ok')).length;
  assert.equal(target.slot.state.keys, done);
  assert.ok(
    group.answers.every((answer) => /ok|notLeader/.test(answer)),
    group.answers.join(),
  );
});

test('a follower serves a read that is meant for it, from what was committed when it came, and no other', async () => {
  const group = new Group(3);
  const leader = await group.elect();
  const [follower] = group.followers;
  group.ask(leader, 'write', 'set a 1');
  while (group.answers.length === 0) await group.clock.pass(1);
  group.ask(follower!, 'read', 'get a', { here: true });
  group.ask(follower!, 'read', 'get a');
  group.ask(follower!, 'write', 'set a 2', { here: true });
  await group.clock.pass(300);
  assert.deepEqual(group.answers.sort(), [
    'get a -> 1@never',
    'get a -> notLeader',
    'set a 1 -> ok',
    'set a 2 -> notLeader',
  ]);
});

test('a follower that hears no leader refuses the read instead of answering what it has', async () => {
  const group = new Group(3);
  const leader = await group.elect();
  group.ask(leader, 'write', 'set a 1');
  await group.clock.pass(300);
  const [follower] = group.followers;
  group.isolate(follower!);
  group.ask(leader, 'write', 'set a 2');
  group.ask(follower!, 'read', 'get a', { here: true });
  await group.clock.pass(4000);
  assert.deepEqual(group.answers, ['set a 1 -> ok', 'set a 2 -> ok', 'get a -> notLeader']);
});

test('a follower does not judge by its own clock that a key is dead: only the leader can log it', async () => {
  const group = new Group(3);
  const leader = await group.elect();
  group.ask(leader, 'write', 'set a 1');
  group.ask(leader, 'write', `expire a ${1_700_000_000_000 + Math.ceil(group.nowMs) + 200}`);
  await group.clock.pass(150);
  // The clock entry that removes the key stays on its way to the disks.
  for (const { binlog } of group.members) binlog.prompt = false;
  await group.clock.pass(100);
  const [follower] = group.followers;
  group.ask(follower!, 'read', 'get a', { here: true });
  await group.clock.pass(50);
  assert.equal(group.answers.at(-1), 'get a -> notLeader');
});
