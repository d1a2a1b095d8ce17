/**
 * A member whose disk was set back: the leader tells each member of no commit beyond what that member has acknowledged to it, so one
 * whose log ends before it has forgotten, and says so instead of going on.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '../../src/raft/message.js';
import { append, core, entry } from './core.js';

const heartbeat = (commit: number, term: number): Message => ({
  kind: 'heartbeat',
  from: 2,
  to: 1,
  term,
  commit,
  readRound: 0,
  sentAtMs: 0,
  sleep: false,
});

test('acknowledged entries that are not there any more are proof', () => {
  const raft = core({ restarted: true }, [entry(1, 1), entry(2, 1, 'a')]);
  raft.step(heartbeat(4, 1), 0);
  assert.equal(raft.ready()?.forgottenIndex, 4);
  assert.equal(raft.ready()?.forgottenIndex ?? 0, 0, 'said once');
});

test('what is there proves nothing, durable or on its way; nor does a leader of an older term', () => {
  const raft = core({}, [entry(1, 1), entry(2, 1, 'a')]);
  raft.step(append([entry(3, 1, 'b')], [2, 1], 2), 0);
  raft.step(heartbeat(3, 1), 0);
  assert.equal(raft.ready()?.forgottenIndex, 0);
  const later = core({ hardState: { term: 5, votedFor: 0, commit: 0 } }, [entry(1, 1)]);
  later.step(heartbeat(9, 4), 0);
  assert.equal(later.ready()?.forgottenIndex ?? 0, 0);
});

test('an append says nothing of what was acknowledged', () => {
  const raft = core({}, [entry(1, 1)]);
  raft.step(append([entry(9, 1, 'far ahead')], [8, 1], 8), 0);
  assert.equal(raft.ready()?.forgottenIndex, 0);
});
