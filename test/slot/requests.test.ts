/** The order among one session's requests, and what each is told of its fate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Outcome, Requests, type SlotRequest, type TakenRead } from '../../src/slot/requests.js';

/** Requests by name, with the answers in the order in which they came. */
class Bench {
  readonly requests = new Requests<string>();
  readonly answers: string[] = [];
  private nextIndex = 1;

  read(name: string, session = 's', deadlineMs = 1000): void {
    this.requests.take(this.request('read', name, session, deadlineMs));
  }

  write(name: string, session = 's', deadlineMs = 1000): void {
    this.requests.take(this.request('write', name, session, deadlineMs));
  }

  /** All that waits becomes one entry; its index. */
  append(term = 1, index = this.nextIndex): number {
    this.nextIndex = index + 1;
    this.requests.appended(
      index,
      term,
      this.requests.takeWaiting(() => true),
    );
    return index;
  }

  apply(index: number, term = 1, replies = 10): void {
    this.requests.applied(
      index,
      term,
      Array.from({ length: replies }, (_, i) => [`reply ${i}`]),
    );
  }

  /** Confirms the reads that have arrived, at `index`. */
  confirm(index: number, context = 1): void {
    this.requests.askFor(context);
    this.requests.readIndexKnown(context, index, false);
  }

  runnable(applied: number, stampMs = 0): TakenRead<string>[] {
    return this.requests.takeRunnable(applied, stampMs);
  }

  serve(applied: number): void {
    for (const read of this.runnable(applied))
      this.requests.settleRead(read, { kind: 'done', replies: ['read'] });
  }

  private request(
    kind: 'read' | 'write',
    name: string,
    session: string,
    deadlineMs: number,
  ): SlotRequest<string> {
    const done = (outcome: Outcome<string>): void => void this.answers.push(`${name} ${words(outcome)}`);
    return { session, kind, here: false, group: { kind: 'lone', commands: [] }, deadlineMs, done };
  }
}

function words(outcome: Outcome<string>): string {
  if (outcome.kind === 'done') return outcome.replies.join();
  return outcome.kind === 'refused' ? outcome.why : 'unknown';
}

test("a read runs after its session's earlier writes, whatever the read index says", () => {
  const bench = new Bench();
  bench.write('w');
  bench.read('r');
  const index = bench.append();
  bench.confirm(0);
  bench.serve(0);
  assert.deepEqual(bench.answers, []);
  bench.apply(index);
  bench.serve(index);
  assert.deepEqual(bench.answers, ['w reply 0', 'r read']);
});

test("a write is not proposed before its session's earlier reads are answered; other sessions wait for nobody", () => {
  const bench = new Bench();
  bench.read('r');
  bench.write('w');
  bench.write('other', 'another session');
  assert.equal(bench.requests.waitingCount, 1);
  bench.confirm(0);
  bench.serve(0);
  assert.equal(bench.requests.waitingCount, 2);
});

test('a read waits until its index is applied', () => {
  const bench = new Bench();
  bench.read('r');
  bench.confirm(7);
  assert.equal(bench.runnable(6).length, 0);
  assert.equal(bench.runnable(7).length, 1);
});

test('one round confirms all reads that came before it, and none that came after', () => {
  const bench = new Bench();
  bench.read('a', 'a');
  bench.read('b', 'b');
  bench.requests.askFor(1);
  bench.read('late', 'c');
  bench.requests.readIndexKnown(1, 0, false);
  assert.equal(bench.runnable(0).length, 2);
  assert.ok(bench.requests.hasReadsToAsk);
});

test('a read that met a newly dead key runs again only after an entry stamped that late', () => {
  const bench = new Bench();
  bench.read('r');
  bench.confirm(0);
  const [read] = bench.runnable(0);
  read!.untilStampMs = 500;
  bench.requests.again(read!);
  assert.equal(bench.runnable(0, 499).length, 0);
  assert.equal(bench.runnable(0, 500).length, 1);
});

test('with leadership lost, what is in no entry is refused, and what is in one waits for the log', () => {
  const bench = new Bench();
  bench.write('pending');
  const index = bench.append();
  bench.write('waiting');
  bench.read('asking', 'a');
  bench.requests.askFor(1);
  bench.read('arrived', 'b');
  bench.write('held', 'b');
  bench.requests.lostLeadership();
  const refused = ['waiting', 'arrived', 'asking', 'held'].map((name) => `${name} notLeader`);
  assert.deepEqual(bench.answers, refused);
  bench.apply(index);
  assert.equal(bench.answers.at(-1), 'pending reply 0');
  assert.equal(bench.requests.outstanding, 0);
});

test("another term's entry at the index tells that ours was lost: unknown, never a made-up reply", () => {
  const bench = new Bench();
  bench.write('w');
  const index = bench.append(1);
  bench.apply(index, 2, 0);
  assert.deepEqual(bench.answers, ['w unknown']);
});

test('an index used again after the tail was cut off answers who waited there', () => {
  const bench = new Bench();
  bench.write('old');
  bench.append(1, 5);
  bench.requests.lostLeadership();
  bench.write('new');
  bench.append(3, 5);
  assert.deepEqual(bench.answers, ['old unknown']);
  bench.apply(5, 3);
  assert.deepEqual(bench.answers, ['old unknown', 'new reply 0']);
  assert.equal(bench.requests.outstanding, 0);
});

test('past the deadline: refused where nothing was appended, unknown where it was', () => {
  const bench = new Bench();
  bench.write('pending', 'a', 10);
  const index = bench.append();
  bench.write('waiting', 'b', 10);
  bench.read('asking', 'c', 10);
  bench.write('in time', 'd', 20);
  bench.requests.expire(10);
  assert.deepEqual(bench.answers, ['waiting timeout', 'pending unknown', 'asking timeout']);
  // The late reply is no second answer, yet the session's order knows that the write has ended.
  bench.read('after', 'a');
  bench.confirm(index);
  bench.serve(index);
  assert.equal(bench.answers.length, 3);
  bench.apply(index);
  bench.serve(index);
  assert.deepEqual(bench.answers.slice(3), ['after read']);
});

test('a replica that closes answers all, also those that nobody will hear of again', () => {
  const bench = new Bench();
  bench.write('pending', 'a');
  bench.append();
  bench.read('loading', 'b');
  bench.confirm(0);
  const [loading] = bench.runnable(0);
  bench.write('waiting', 'c');
  bench.requests.close();
  bench.requests.again(loading!);
  assert.deepEqual(bench.answers, ['waiting notLeader', 'pending unknown', 'loading notLeader']);
  assert.equal(bench.requests.outstanding, 0);
});

test('whatever happens, each request is answered once, and each session in an order that it can bear', () => {
  const step = fc.record(
    {
      kind: fc.constantFrom('read', 'write', 'append', 'apply', 'confirm', 'serve', 'lose', 'expire'),
      session: fc.nat(2),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const bench = new Bench();
      let taken = 0;
      let term = 1;
      let applied = 0;
      const pending: [number, number][] = [];
      steps.forEach(({ kind, session }, at) => {
        if (kind === 'read') bench.read(`${taken++}`, `${session}`, at + 20);
        if (kind === 'write') bench.write(`${taken++}`, `${session}`, at + 20);
        if (kind === 'append' && bench.requests.waitingCount > 0) pending.push([bench.append(term), term]);
        if (kind === 'apply' && pending.length > 0) {
          const [index, ofTerm] = pending.shift()!;
          bench.apply(index, ofTerm, taken);
          applied = index;
        }
        if (kind === 'confirm') bench.confirm(applied, at + 1);
        if (kind === 'serve') bench.serve(applied);
        if (kind === 'expire') bench.requests.expire(at);
        if (kind === 'lose') {
          term++;
          bench.requests.lostLeadership();
        }
      });
      bench.requests.close();
      assert.equal(bench.answers.length, taken);
      assert.equal(new Set(bench.answers.map((answer) => answer.split(' ')[0])).size, taken);
      assert.equal(bench.requests.outstanding, 0);
    }),
  );
});
