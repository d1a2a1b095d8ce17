/** WAIT: which leaders are asked, what the least of their answers is, and when there is nothing more to wait for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countAcks } from '../../src/node/waits.js';
import type { AckQuestion } from '../../src/slot/acks.js';
import { Fleet, GROUP, SELF } from './fleet.js';

const AT = { index: 9, term: 5 };

function waiting(
  fleet: Fleet,
  groups: readonly number[],
  needed: number,
  timeoutMs: number,
): { count: number; gone: boolean } {
  const result = { count: -1, gone: false };
  const writes = new Map(groups.map((groupId) => [groupId, AT]));
  const wish = { needed, timeoutMs, isGone: () => result.gone };
  void countAcks(fleet.router, writes, wish).then((count) => {
    result.count = count;
  });
  return result;
}

test('a leader here is asked for the place of the write, and its answer is enough', async () => {
  const fleet = new Fleet();
  const asked: AckQuestion[] = [];
  fleet.onAcks = (question) => {
    asked.push(question);
    question.answer({ kind: 'acks', count: 2, lost: false });
  };
  fleet.leads(SELF, 5);
  const result = waiting(fleet, [GROUP], 2, 1000);
  await fleet.clock.pass(1);
  assert.equal(result.count, 2);
  assert.deepEqual([asked[0]!.index, asked[0]!.term, asked[0]!.needed], [9, 5, 2]);
});

test('over several slots the least counts, and time ends it', async () => {
  const fleet = new Fleet();
  const counts = [2, 1];
  fleet.onAcks = (question) => {
    const count = counts.shift()!;
    if (count >= question.needed) question.answer({ kind: 'acks', count, lost: false });
    else
      fleet.env.after(question.deadlineMs - fleet.env.monotonicMs(), () =>
        question.answer({ kind: 'acks', count, lost: false }),
      );
  };
  fleet.leads(SELF, 5);
  fleet.leads(SELF, 5, GROUP + 1);
  const result = waiting(fleet, [GROUP, GROUP + 1], 2, 300);
  await fleet.clock.pass(200);
  assert.equal(result.count, -1);
  await fleet.clock.pass(200);
  assert.equal(result.count, 1);
});

test('a write that is lost ends the wait at once', async () => {
  const fleet = new Fleet();
  fleet.onAcks = (question) => question.answer({ kind: 'acks', count: 0, lost: true });
  fleet.leads(SELF, 6);
  const result = waiting(fleet, [GROUP], 1, Number.POSITIVE_INFINITY);
  await fleet.clock.pass(10);
  assert.equal(result.count, 0);
});

test('who leads no more is not believed: the next leader is asked', async () => {
  const fleet = new Fleet();
  let asked = 0;
  fleet.onAcks = (question) =>
    question.answer(++asked === 1 ? { kind: 'refused' } : { kind: 'acks', count: 1, lost: false });
  fleet.leads(SELF, 5);
  const result = waiting(fleet, [GROUP], 1, Number.POSITIVE_INFINITY);
  await fleet.clock.pass(10);
  assert.equal(result.count, -1);
  fleet.leads(SELF, 6);
  await fleet.clock.pass(200);
  assert.equal(result.count, 1);
});

test('a connection that is gone waits no longer than a second', async () => {
  const fleet = new Fleet();
  fleet.onAcks = (question) =>
    void fleet.env.after(question.deadlineMs - fleet.env.monotonicMs(), () =>
      question.answer({ kind: 'acks', count: 0, lost: false }),
    );
  fleet.leads(SELF, 5);
  const result = waiting(fleet, [GROUP], 1, Number.POSITIVE_INFINITY);
  await fleet.clock.pass(5000);
  assert.equal(result.count, -1);
  result.gone = true;
  await fleet.clock.pass(1100);
  assert.equal(result.count, 0);
});
