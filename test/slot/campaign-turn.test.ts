/** Voters of a group whose leader's node is gone take turns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaignTurn } from '../../src/slot/campaign-turn.js';

const configuration = {
  voters: [1, 2, 3, 4, 5],
  votersOutgoing: [],
  learners: [9],
  learnersNext: [],
  autoLeave: false,
};

test('each voter has a turn of its own, whoever reckons', () => {
  const turns = [1, 2, 4, 5].map((memberId) => campaignTurn(configuration, { memberId, groupId: 7 }, 3));
  assert.deepEqual(turns.map(Math.floor).sort(), [0, 1, 2, 3]);
});

test('the first turn goes around from group to group', () => {
  const firsts = [1, 2, 3, 4].map((groupId) =>
    [1, 2, 4, 5].find((memberId) => Math.floor(campaignTurn(configuration, { memberId, groupId }, 3)) === 0),
  );
  assert.deepEqual([...new Set(firsts)].sort(), [1, 2, 4, 5]);
});
