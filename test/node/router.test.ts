/** A session's commands on their way to the leaders: order, what is tried again and what is not, and the bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bulk } from '../../src/resp/reply.js';
import { Fleet, GROUP, SELF, type Sent } from './fleet.js';

test('commands to one leader travel together, in order, with the term that they expect', () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.ask('write', 'a');
  fleet.ask('read', 'b');
  assert.deepEqual(fleet.sentWords, ['2: a', '2: b']);
  assert.ok(fleet.sent.every(({ request }) => request.expectedTerm === 5 && request.session === 'session'));
  fleet.done(fleet.sent[1]!);
  fleet.done(fleet.sent[0]!);
  assert.deepEqual(fleet.answers, ['b -> ok', 'a -> ok']);
});

test('a read is answered at once where it can be, but never before what its session sent that slot earlier', () => {
  const fleet = new Fleet();
  fleet.onReadNow = (session) => [bulk(`now, ${session}`)];
  fleet.leads(2, 5);
  fleet.ask('read', 'a');
  fleet.ask('write', 'b');
  fleet.ask('read', 'c');
  fleet.ask('read', 'elsewhere', GROUP + 1);
  assert.deepEqual(fleet.answers, ['a -> now, session', 'elsewhere -> now, session']);
  assert.deepEqual(fleet.sentWords, ['2: b', '2: c']);
  for (const one of fleet.sent) fleet.done(one);
  fleet.ask('read', 'd');
  assert.deepEqual(fleet.answers.slice(2), ['b -> ok', 'c -> ok', 'd -> now, session']);
});

test('nothing goes to a new leader while the fate of an earlier command is open; another slot does not wait', () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.ask('write', 'a');
  fleet.leads(3, 6);
  fleet.ask('write', 'b');
  fleet.leads(3, 1, GROUP + 1);
  fleet.ask('write', 'elsewhere', GROUP + 1);
  assert.deepEqual(fleet.sentWords, ['2: a', '3: elsewhere']);
  fleet.done(fleet.sent[0]!);
  assert.deepEqual(fleet.sentWords, ['2: a', '3: elsewhere', '3: b']);
});

test('definite refusals are tried again in the order sent, after all that was sent beside them has ended', () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  for (const word of ['a', 'b', 'c']) fleet.ask('write', word);
  const [a, b, c] = fleet.sent as [Sent, Sent, Sent];
  fleet.refused(c, 'notLeader', { nodeId: 3, term: 6 });
  fleet.refused(a, 'notLeader', { nodeId: 3, term: 6 });
  fleet.ask('write', 'd');
  assert.equal(fleet.sent.length, 3);
  fleet.refused(b, 'notLeader', { nodeId: 3, term: 6 });
  assert.deepEqual(fleet.sentWords.slice(3), ['3: a', '3: b', '3: c', '3: d']);
  assert.deepEqual(fleet.answers, []);
});

test('the members change under way: who led is gone, those there are now are asked, and no client hears of it', async () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.ask('write', 'a');
  fleet.ask('read', 'b');
  // Handed over, and then without its replica: it knows of nobody.
  for (const one of fleet.sent.slice()) fleet.refused(one, 'notLeader');
  await fleet.clock.pass(200);
  assert.deepEqual([fleet.sent.length, fleet.answers], [2, []]);
  fleet.members = [4, 5];
  fleet.opinions.set(5, { nodeId: 4, term: 7 });
  await fleet.clock.pass(200);
  assert.deepEqual(fleet.sentWords.slice(2), ['4: a', '4: b']);
  for (const one of fleet.sent.slice(2)) fleet.done(one);
  assert.deepEqual(fleet.answers, ['a -> ok', 'b -> ok']);
});

test('a write whose fate is unknown is told so and not sent again; a read is sent again', () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.ask('write', 'w');
  fleet.ask('read', 'r');
  fleet.down(2);
  assert.deepEqual(fleet.answers, ['w -> unknown']);
  fleet.leads(3, 6);
  assert.deepEqual(fleet.sentWords, ['2: w', '2: r', '3: r']);
  fleet.done(fleet.sent[0]!);
  assert.deepEqual(fleet.answers, ['w -> unknown']);
});

test('other refusals are answers, not reasons to try again', () => {
  for (const why of ['busy', 'tooLarge', 'diskFull', 'timeout'] as const) {
    const fleet = new Fleet();
    fleet.leads(2, 5);
    fleet.ask('write', 'w');
    fleet.refused(fleet.sent[0]!, why);
    assert.deepEqual(fleet.answers, [`w -> ${why}`]);
    assert.equal(fleet.sent.length, 1);
  }
});

test('without a leader members are asked, a few times a second, and after the bound the answer is definite', async () => {
  const fleet = new Fleet();
  fleet.ask('write', 'w');
  await fleet.clock.pass(1999);
  assert.deepEqual(fleet.answers, []);
  assert.ok(fleet.questions.length >= 10 && fleet.questions.length <= 50, `${fleet.questions.length}`);
  assert.deepEqual(new Set(fleet.questions), new Set([2, 3]));
  await fleet.clock.pass(2);
  assert.deepEqual(fleet.answers, ['w -> noLeader']);
  const asked = fleet.questions.length;
  await fleet.clock.pass(1000);
  assert.ok(fleet.questions.length <= asked + 1, 'nobody waits, nobody is asked');
});

test('as soon as a member names the leader, what waits goes there in order', async () => {
  const fleet = new Fleet();
  fleet.ask('write', 'a');
  fleet.ask('write', 'b');
  fleet.opinions.set(2, { nodeId: 3, term: 4 });
  fleet.opinions.set(3, { nodeId: 3, term: 4 });
  await fleet.clock.pass(5);
  assert.deepEqual(fleet.sentWords, ['3: a', '3: b']);
});

test('a member that keeps naming a leader that refuses costs a few requests a second, not a busy loop', async () => {
  const fleet = new Fleet();
  const opinion = { nodeId: 3, term: 4 };
  for (const member of [2, 3]) fleet.opinions.set(member, opinion);
  fleet.leads(3, 4);
  fleet.ask('write', 'w');
  for (let passed = 0; passed < 2500 && fleet.answers.length === 0; passed++) {
    const last = fleet.sent.at(-1)!;
    fleet.refused(last, 'notLeader', opinion);
    await fleet.clock.pass(1);
  }
  assert.deepEqual(fleet.answers, ['w -> noLeader']);
  assert.ok(fleet.sent.length < 60, `${fleet.sent.length}`);
});

test('a peer that cannot be reached is a definite refusal: nothing went out', async () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.unreachable.add(2);
  fleet.ask('write', 'w');
  assert.deepEqual([fleet.answers, fleet.sent], [[], []]);
  fleet.leads(3, 6);
  assert.deepEqual(fleet.sentWords, ['3: w']);
});

test('a reply that never comes is unknown after the deadline and its grace', async () => {
  const fleet = new Fleet({ requestTimeoutMs: 1000, noLeaderTimeoutMs: 500 });
  fleet.leads(2, 5);
  fleet.ask('write', 'w');
  fleet.ask('read', 'r');
  await fleet.clock.pass(1400);
  assert.deepEqual(fleet.answers, []);
  await fleet.clock.pass(600);
  assert.deepEqual(fleet.answers, ['w -> unknown', 'r -> unknown']);
  assert.equal(fleet.sent.length, 2);
});

test('a group led here goes to the own replica, and its refusal names who leads', () => {
  const fleet = new Fleet();
  fleet.leads(SELF, 5);
  fleet.ask('write', 'w');
  assert.deepEqual(
    fleet.local.map(({ words, expectedTerm }) => [words, expectedTerm]),
    [['w', 5]],
  );
  fleet.ownView = { nodeId: 2, term: 6 };
  fleet.local[0]!.request.done({ kind: 'refused', why: 'notLeader' });
  assert.deepEqual(fleet.sentWords, ['2: w']);
});

test('a read for the own replica goes there whoever leads; refused, it takes the common road', () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.ownView = { nodeId: 2, term: 5 };
  fleet.askHere('r');
  assert.deepEqual(
    fleet.local.map(({ words, expectedTerm, request }) => [words, expectedTerm, request.here]),
    [['r', 0, true]],
  );
  assert.deepEqual(fleet.sentWords, []);
  fleet.local[0]!.request.done({ kind: 'refused', why: 'notLeader' });
  assert.deepEqual(fleet.sentWords, ['2: r']);
});

test('a read that the own replica refuses goes to the leader although a later one of the session was served', () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.ownView = { nodeId: 2, term: 5 };
  fleet.askHere('due');
  fleet.askHere('r');
  fleet.local[1]!.request.done({ kind: 'done', replies: [bulk('ok')] });
  // It has met a key that is to expire.
  fleet.local[0]!.request.done({ kind: 'refused', why: 'notLeader' });
  assert.deepEqual(fleet.sentWords, ['2: due']);
  fleet.done(fleet.sent[0]!);
  assert.deepEqual(fleet.answers, ['r -> ok', 'due -> ok']);
});

test('a read that the own replica refuses late has the whole time to find a leader', async () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.ownView = { nodeId: 2, term: 5 };
  fleet.askHere('r');
  await fleet.clock.pass(2500);
  fleet.ownView = { nodeId: 0, term: 6 };
  fleet.local[0]!.request.done({ kind: 'refused', why: 'notLeader' });
  await fleet.clock.pass(1900);
  assert.deepEqual([fleet.answers, fleet.sentWords], [[], []]);
  fleet.leads(3, 6);
  assert.deepEqual(fleet.sentWords, ['3: r']);
});

test('a write that a later read has passed is refused: it would run after what has not seen it', () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.ask('write', 'w');
  fleet.ask('read', 'r');
  fleet.done(fleet.sent[1]!);
  fleet.refused(fleet.sent[0]!, 'notLeader', { nodeId: 3, term: 6 });
  assert.deepEqual(fleet.answers, ['r -> ok', 'w -> noLeader']);
});

test("a read for the own replica waits for the session's writes that are open elsewhere", () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.ownView = { nodeId: 2, term: 5 };
  fleet.ask('write', 'w');
  fleet.askHere('r');
  assert.deepEqual(fleet.local, []);
  fleet.done(fleet.sent[0]!);
  assert.deepEqual(
    fleet.local.map(({ words }) => words),
    ['r'],
  );
});

test('without a replica of its own a node asks the leader, also for such a read', () => {
  const fleet = new Fleet();
  fleet.leads(2, 5);
  fleet.askHere('r');
  assert.deepEqual(fleet.sentWords, ['2: r']);
});

test('a group of one that was doubted is found again by asking oneself', async () => {
  const fleet = new Fleet();
  fleet.members = [SELF];
  fleet.ownView = { nodeId: SELF, term: 5 };
  fleet.leads(SELF, 5);
  fleet.ask('write', 'slow');
  fleet.local[0]!.request.done({ kind: 'unknown' });
  fleet.ask('write', 'next');
  await fleet.clock.pass(100);
  assert.deepEqual(
    fleet.local.map(({ words }) => words),
    ['slow', 'next'],
  );
});

test('a replica that says it leads and refuses is asked again later, not at once', async () => {
  const fleet = new Fleet();
  fleet.members = [SELF];
  fleet.ownView = { nodeId: SELF, term: 5 };
  fleet.leads(SELF, 5);
  fleet.ask('write', 'w');
  for (let passed = 0; passed < 2100; passed++) {
    if (fleet.answers.length === 0) fleet.local.at(-1)!.request.done({ kind: 'refused', why: 'notLeader' });
    await fleet.clock.pass(1);
  }
  assert.deepEqual(fleet.answers, ['w -> noLeader']);
  assert.ok(fleet.local.length < 60, `${fleet.local.length}`);
});

test('whatever leaders and peers do: each command is answered once, a write is open at one place at most, in order', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('read' as const, 'write' as const) }),
    fc.record({ kind: fc.constant('lead' as const), node: fc.integer({ min: 2, max: 3 }) }),
    fc.record({ kind: fc.constantFrom('done' as const, 'refuse' as const), pick: fc.nat(5) }),
    fc.record({ kind: fc.constant('down' as const), node: fc.integer({ min: 2, max: 3 }) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(700) }),
  );
  const property = fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
    const fleet = new Fleet({ requestTimeoutMs: 60_000, noLeaderTimeoutMs: 2000 });
    const open: Sent[] = [];
    const executed: number[] = [];
    let seen = 0;
    let term = 1;
    let asked = 0;
    const look = (): void => {
      for (; seen < fleet.sent.length; seen++) open.push(fleet.sent[seen]!);
      const places = new Set(open.map(({ peer, request }) => `${peer}/${request.expectedTerm}`));
      assert.ok(places.size <= 1, 'open at two leaders');
    };
    for (const one of steps) {
      if (one.kind === 'read' || one.kind === 'write') fleet.ask(one.kind, `${asked++}`);
      if (one.kind === 'lead') fleet.leads(one.node, ++term);
      if (one.kind === 'done' && open.length > 0) {
        // A leader executes what it got in the order it got it.
        const next = open.shift()!;
        executed.push(Number(next.words));
        fleet.done(next);
      }
      if (one.kind === 'refuse' && open.length > 0) {
        const [refused] = open.splice(0, open.length);
        const all = [refused!, ...fleet.sent.filter((sent) => sent !== refused && fleetOpen(fleet, sent))];
        for (const sent of all) fleet.refused(sent, 'notLeader');
      }
      if (one.kind === 'down') {
        for (let i = open.length - 1; i >= 0; i--) if (open[i]!.peer === one.node) open.splice(i, 1);
        fleet.down(one.node);
      }
      if (one.kind === 'pass') await fleet.clock.pass(one.ms);
      look();
    }
    await fleet.clock.pass(65_000);
    assert.equal(fleet.answers.length, asked);
    assert.equal(new Set(fleet.answers.map((answer) => answer.split(' ')[0])).size, asked);
    assert.deepEqual(
      executed,
      [...executed].sort((a, b) => a - b),
    );
  });
  await fc.assert(property, { numRuns: 60 });
});

/** Still without an answer, as far as the forwarder knows. */
function fleetOpen(fleet: Fleet, sent: Sent): boolean {
  return fleet.answers.every((answer) => !answer.startsWith(`${sent.words} `));
}
