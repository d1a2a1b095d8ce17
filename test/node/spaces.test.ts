/** What a full disk of one node, of some and of all means for a group's clients and for what its members hear. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Spaces } from '../../src/node/spaces.js';
import type { Entry, Message } from '../../src/raft/message.js';
import { AMPLE, LOW, RESERVED, type Space, STARVED } from '../../src/storage/disk-gauge.js';

const CONFIGURATION = {
  voters: [1, 2, 3],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};
const group = (...lines: string[]) => ({
  kind: 'atomic' as const,
  commands: lines.map((line) => line.split(' ').map((word) => Buffer.from(word))),
});

/** On node 1, with the others' disks as given. */
function spaces(own: Space, second: Space, third: Space): Spaces {
  const made = new Spaces();
  made.nodeId = 1;
  made.own = own;
  made.heard(2, second);
  made.heard(3, third);
  return made;
}

function refused(of: Spaces): string[] {
  const lines = ['SET a 1', 'HSET h f 1', 'INCR n', 'DEL a', 'UNLINK a', 'EXPIRE a 1', 'LPOP l', 'FLUSHALL'];
  return lines.filter((line) => of.refuses({ configuration: CONFIGURATION }, group(line)));
}

test('one low disk of three, whosever it is, is no reason to refuse anything', () => {
  assert.deepEqual(refused(spaces(AMPLE, AMPLE, AMPLE)), []);
  assert.deepEqual(refused(spaces(LOW, AMPLE, AMPLE)), []);
  assert.deepEqual(refused(spaces(AMPLE, STARVED, AMPLE)), []);
});

test('with a majority low what takes room is refused, and what frees some is not', () => {
  for (const low of [spaces(LOW, LOW, AMPLE), spaces(AMPLE, LOW, RESERVED), spaces(LOW, LOW, LOW)]) {
    assert.deepEqual(refused(low), ['SET a 1', 'HSET h f 1', 'INCR n']);
  }
  const low = spaces(LOW, LOW, AMPLE);
  assert.equal(low.refuses({ configuration: CONFIGURATION }, group('DEL a', 'SET b 1')), true);
  assert.equal(low.refuses({ configuration: CONFIGURATION }, group('DEL a', 'GET b')), false);
});

test('in the reserve, the own or that of a majority, no write is taken', () => {
  for (const full of [spaces(RESERVED, AMPLE, AMPLE), spaces(AMPLE, RESERVED, STARVED)])
    assert.equal(refused(full).length, 8);
});

test('a peer that is gone, or has room again, counts as one with room', () => {
  const of = spaces(AMPLE, LOW, LOW);
  of.forget(2);
  assert.deepEqual(refused(of), []);
  of.heard(2, LOW);
  of.heard(3, AMPLE);
  assert.deepEqual(refused(of), []);
});

const entry = (kind: Entry['kind'], bytes: number): Entry => ({
  index: 5,
  term: 1,
  kind,
  data: Buffer.alloc(bytes),
});
const appendOf = (to: number, ...entries: Entry[]): Message => ({
  kind: 'append',
  from: 3,
  to,
  term: 1,
  previousIndex: 4,
  previousTerm: 1,
  commit: 4,
  entries,
});
const others: readonly Message[] = [
  { kind: 'heartbeat', from: 3, to: 1, term: 1, commit: 4, readRound: 0, sentAtMs: 0, sleep: false },
  { kind: 'vote', from: 3, to: 1, term: 2, lastIndex: 4, lastTerm: 1, transfer: false },
];

test('a follower in its reserve takes no entries of clients, and whatever a group needs to have a leader', () => {
  const of = spaces(RESERVED, AMPLE, AMPLE);
  assert.equal(of.takes(appendOf(1, entry('command', 500)), 'follower'), false);
  assert.equal(of.takes(appendOf(1, entry('empty', 0), entry('command', 500)), 'follower'), false);
  assert.equal(of.takes(appendOf(1), 'follower'), true);
  assert.equal(of.takes(appendOf(1, entry('empty', 0)), 'follower'), true);
  assert.equal(of.takes(appendOf(1, entry('configuration', 200)), 'follower'), true);
  assert.equal(of.takes(appendOf(1, entry('command', 20)), 'follower'), true, 'a clock entry');
  for (const message of others) assert.equal(of.takes(message, 'follower'), true);
  assert.equal(spaces(LOW, AMPLE, AMPLE).takes(appendOf(1, entry('command', 500)), 'follower'), true);
});

test('a starved follower hears only what waits for no disk; a leader hears all', () => {
  const of = spaces(STARVED, AMPLE, AMPLE);
  assert.deepEqual(
    [...others, appendOf(1)].map((message) => of.takes(message, 'follower')),
    [true, false, false],
  );
  for (const message of others) assert.equal(of.takes(message, 'leader'), true);
});

test('a leader sends no entries to whom has no room for them', () => {
  const of = spaces(AMPLE, RESERVED, LOW);
  assert.equal(of.holdsBack(appendOf(2, entry('command', 500))), true);
  assert.equal(of.holdsBack(appendOf(2, entry('empty', 0))), false);
  assert.equal(of.holdsBack(appendOf(3, entry('command', 500))), false);
  assert.equal(of.holdsBack(others[0]!), false);
});
