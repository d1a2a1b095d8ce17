/** How groups stand in a table's record: what earlier versions wrote is read for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeGroupRow, encodeGroupRow } from '../../src/pm/group-row.js';
import type { GroupInfo } from '../../src/rpc/topology.js';

const PLAIN = { noNullPrototype: true } as const;
const id = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const member = fc.record({ nodeId: id, incarnation: fc.nat(2 ** 21 - 1) }, PLAIN);
const birth = { groupId: id, birthNodeIds: fc.array(id, { minLength: 1, maxLength: 7 }) };
const group: fc.Arbitrary<GroupInfo> = fc.oneof(
  fc.record(birth, PLAIN),
  fc.record(
    { ...birth, members: fc.array(member, { minLength: 1, maxLength: 7 }), nextIncarnation: id },
    PLAIN,
  ),
);

test('a group comes back from its row as it was, through JSON', () => {
  fc.assert(
    fc.property(group, (one) => {
      assert.deepEqual(decodeGroupRow(JSON.parse(JSON.stringify(encodeGroupRow(one)))), one);
    }),
  );
});

test('a row that an earlier version wrote is a group with the members of its birth', () => {
  assert.deepEqual(decodeGroupRow([7, 1, 2, 3]), { groupId: 7, birthNodeIds: [1, 2, 3] });
});

test('a group whose members were never changed is written as before', () => {
  assert.deepEqual(encodeGroupRow({ groupId: 7, birthNodeIds: [1, 2, 3] }), [7, 1, 2, 3]);
});
