/** Who leads, as far as a node knows: knowledge only moves to higher terms, and what was refused is not believed again by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Leaders } from '../../src/node/leaders.js';
import { VirtualClock } from '../pm/virtual-env.js';

function leaders(): Leaders {
  return new Leaders(new VirtualClock().env(1).env, { membersOf: () => [], ask: () => {} });
}

test('older terms are no news, and neither is "nobody" within a term', () => {
  const known = leaders();
  known.learn(1, { nodeId: 2, term: 5 });
  known.learn(1, { nodeId: 3, term: 4 });
  known.learn(1, { nodeId: 0, term: 5 });
  assert.deepEqual(known.of(1), { nodeId: 2, term: 5 });
  known.learn(1, { nodeId: 0, term: 6 });
  assert.equal(known.of(1), undefined);
  known.learn(1, { nodeId: 2, term: 5 });
  assert.equal(known.of(1), undefined);
  known.learn(1, { nodeId: 3, term: 6 });
  assert.deepEqual(known.of(1), { nodeId: 3, term: 6 });
});

test('that nobody leads in a higher term is not believed for ever: it may be the word of one that was removed', async () => {
  const clock = new VirtualClock();
  const known = new Leaders(clock.env(1).env, { membersOf: () => [], ask: () => {} });
  known.learn(1, { nodeId: 0, term: 9 });
  await clock.pass(2000);
  known.learn(1, { nodeId: 0, term: 9 });
  known.learn(1, { nodeId: 2, term: 5 });
  assert.equal(known.of(1), undefined);
  await clock.pass(1100);
  known.learn(1, { nodeId: 2, term: 5 });
  assert.deepEqual(known.of(1), { nodeId: 2, term: 5 });
});

test('doubt concerns the very knowledge that failed, not what was learned since', () => {
  const known = leaders();
  known.learn(1, { nodeId: 2, term: 5 });
  known.learn(1, { nodeId: 3, term: 6 });
  known.doubt(1, { nodeId: 2, term: 5 });
  assert.deepEqual(known.of(1), { nodeId: 3, term: 6 });
  known.doubt(1, { nodeId: 3, term: 6 });
  assert.equal(known.of(1), undefined);
});

test('a node that went away leads nothing, and groups do not mix', () => {
  const known = leaders();
  known.learn(1, { nodeId: 2, term: 5 });
  known.learn(2, { nodeId: 3, term: 1 });
  known.forgetNode(2);
  assert.equal(known.of(1), undefined);
  assert.deepEqual(known.of(2), { nodeId: 3, term: 1 });
});

test('who waits is woken once, and not after it stopped waiting', () => {
  const known = leaders();
  const woken: string[] = [];
  const once = (): void => void woken.push('once');
  const stopped = (): void => void woken.push('stopped');
  known.whenKnown(1, once);
  known.whenKnown(1, stopped);
  known.stopWaiting(1, stopped);
  known.learn(1, { nodeId: 2, term: 1 });
  known.learn(1, { nodeId: 3, term: 2 });
  assert.deepEqual(woken, ['once']);
});
