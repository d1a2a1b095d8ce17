/** WAIT at the leader: for whom a member counts, and when nobody does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerProgress } from '../../src/raft/progress.js';
import { type AckAnswer, type AckSource, Acks } from '../../src/slot/acks.js';

/** Leads term 7 with nine entries, of which it has entry 9 of term 7 and not what term 6 had put there. */
function source(...matches: number[]): AckSource {
  return {
    status: { term: 7, commitIndex: 8 },
    peers: matches.map((match) => ({ match }) as PeerProgress),
    holds: (index, term) => index === 9 && term === 7,
  };
}

function asked(acks: Acks, term: number, needed: number): AckAnswer[] {
  const answers: AckAnswer[] = [];
  acks.add({ index: 9, term, needed, deadlineMs: 100, answer: (answer) => void answers.push(answer) });
  return answers;
}

test('enough is answered at once, less when time is over', () => {
  const acks = new Acks(source(9, 8), true, 10);
  const [one, two] = [asked(acks, 7, 1), asked(acks, 7, 2)];
  acks.look();
  assert.deepEqual(one, [{ kind: 'acks', count: 1, lost: false }]);
  acks.expire(99);
  assert.deepEqual(two, []);
  acks.expire(100);
  assert.deepEqual(two, [{ kind: 'acks', count: 1, lost: false }]);
});

// A question whose time was over before the leader had looked was answered by indexes alone.
test('a lost write counts for nobody, also where its time is over before anybody looked', () => {
  const acks = new Acks(source(9, 9), true, 10);
  const late = asked(acks, 6, 1);
  acks.expire(100);
  assert.deepEqual(late, [{ kind: 'acks', count: 0, lost: true }]);
  const early = asked(acks, 6, 1);
  acks.look();
  assert.deepEqual(early, [{ kind: 'acks', count: 0, lost: true }]);
});

// It looked in its own log, and called lost what its successor had just answered.
test('a leader that was succeeded refuses to speak of a newer leader', () => {
  const acks = new Acks(source(9, 9), true, 10);
  assert.deepEqual(asked(acks, 8, 1), [{ kind: 'refused' }]);
});

test('whoever is one too many is refused', () => {
  const acks = new Acks(source(9), true, 0);
  assert.deepEqual(asked(acks, 7, 1), [{ kind: 'refused' }]);
});
