/**
 * Properties of leader balancing: even where it can be, few moves, and only to where a replica is.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { balanceLeaders, type GroupLeadership, placeLeaders } from '../../src/pm/balance.js';

function leadersAfter(
  groups: readonly GroupLeadership[],
  moves: ReadonlyMap<number, number>,
): readonly number[] {
  return groups.map((group) => moves.get(group.groupId) ?? group.leaderNodeId);
}

function spread(leaders: readonly number[], nodes: readonly number[]): number {
  const counts = nodes.map((node) => leaders.filter((leader) => leader === node).length);
  return Math.max(...counts) - Math.min(...counts);
}

/** Tables whose groups may be led by every node, led by anybody now. */
const freeGroups = fc
  .record({
    nodes: fc.integer({ min: 2, max: 7 }),
    leaders: fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat()), { minLength: 1, maxLength: 60 }),
  })
  .map(({ nodes, leaders }) => {
    const all = [...Array(nodes).keys()].map((n) => n + 1);
    const groups = leaders.map(
      ([tableId, dice], groupId): GroupLeadership => ({
        groupId,
        tableId,
        leaderNodeId: all[dice % nodes]!,
        targetNodeIds: all,
      }),
    );
    return { all, groups };
  });

test('leaders end up within one of each other, in each table and overall', () => {
  fc.assert(
    fc.property(freeGroups, ({ all, groups }) => {
      const leaders = leadersAfter(groups, balanceLeaders(groups));
      assert.ok(spread(leaders, all) <= 1, 'overall');
      for (const tableId of new Set(groups.map((group) => group.tableId))) {
        const ofTable = leaders.filter((_, index) => groups[index]!.tableId === tableId);
        assert.ok(spread(ofTable, all) <= 1, `table ${tableId}`);
      }
    }),
  );
});

test('one table is evened with no more moves than nodes lead too many', () => {
  fc.assert(
    fc.property(freeGroups, ({ all, groups }) => {
      const table = groups.map((group) => ({ ...group, tableId: 0 }));
      const least = Math.floor(table.length / all.length);
      const surplus = all
        .map((node) => table.filter((group) => group.leaderNodeId === node).length - least)
        .reduce((sum, excess) => sum + Math.max(0, excess), 0);
      assert.ok(balanceLeaders(table).size <= surplus);
    }),
  );
});

test('what is even stays as it is, and so does what was just evened', () => {
  fc.assert(
    fc.property(freeGroups, ({ groups }) => {
      const leaders = leadersAfter(groups, balanceLeaders(groups));
      const evened = groups.map((group, index) => ({ ...group, leaderNodeId: leaders[index]! }));
      assert.equal(balanceLeaders(evened).size, 0);
    }),
  );
});

test('with any replica sets: moves go to replicas only, and no single transfer would improve the result', () => {
  const groupsOf = fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 2 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
    ),
    { minLength: 1, maxLength: 40 },
  );
  fc.assert(
    fc.property(groupsOf, (rows) => {
      const groups = rows.map(
        ([tableId, set], groupId): GroupLeadership => ({
          groupId,
          tableId,
          leaderNodeId: set[0]!,
          targetNodeIds: set,
        }),
      );
      const leaders = leadersAfter(groups, balanceLeaders(groups));
      assert.ok(groups.every((group, index) => group.targetNodeIds.includes(leaders[index]!)));
      const led = (tableId: number, node: number): number =>
        leaders.filter((leader, index) => leader === node && groups[index]!.tableId === tableId).length;
      for (const [index, group] of groups.entries()) {
        for (const target of group.targetNodeIds) {
          assert.ok(led(group.tableId, leaders[index]!) - led(group.tableId, target) <= 1);
        }
      }
    }),
  );
});

test('a way over a third node is found where no direct one exists', () => {
  const group = (groupId: number, targetNodeIds: readonly number[]): GroupLeadership => ({
    groupId,
    tableId: 0,
    leaderNodeId: targetNodeIds[0]!,
    targetNodeIds,
  });
  // Node 1 shares sets with 2 only, and 2 with 3: counts 2, 1, 0 become 1, 1, 1 by two transfers.
  const moves = balanceLeaders([group(1, [1, 2]), group(2, [1, 2]), group(3, [2, 3])]);
  assert.deepEqual(moves.get(3), 3);
  assert.equal(moves.size, 2);
});

test('a bound on moves is kept but for the path that reaches it', () => {
  const groups = [...Array(100).keys()].map((groupId) => ({
    groupId,
    tableId: 0,
    leaderNodeId: 1,
    targetNodeIds: [1, 2, 3],
  }));
  assert.equal(balanceLeaders(groups, 10).size, 10);
});

test('a preferred node leads all that it could, keeps it, and the rest is even', () => {
  fc.assert(
    fc.property(freeGroups, fc.integer({ min: 1, max: 7 }), ({ all, groups }, preferred) => {
      const held = groups.map((group, at) =>
        at % 3 === 0 ? withoutTarget(group, preferred, all) : { ...group, tableId: 0 },
      );
      const leaders = leadersAfter(
        held,
        placeLeaders(held, (nodeId) => nodeId === preferred),
      );
      const isHeld = (at: number): boolean => held[at]!.targetNodeIds.includes(preferred);
      for (const [at, leader] of leaders.entries()) assert.equal(leader === preferred, isHeld(at));
      const rest = leaders.filter((_, at) => !isHeld(at));
      assert.ok(
        spread(
          rest,
          all.filter((node) => node !== preferred),
        ) <= 1,
      );
    }),
  );
});

/** The same group where the node holds no replica; led by another. */
function withoutTarget(group: GroupLeadership, nodeId: number, all: readonly number[]): GroupLeadership {
  const targetNodeIds = all.filter((node) => node !== nodeId);
  const leaderNodeId = group.leaderNodeId === nodeId ? targetNodeIds[0]! : group.leaderNodeId;
  return { ...group, tableId: 0, leaderNodeId, targetNodeIds };
}

test('a bound on moves holds for a preferred node too', () => {
  const groups = [...Array(100).keys()].map((groupId) => ({
    groupId,
    tableId: 0,
    leaderNodeId: 2,
    targetNodeIds: [1, 2, 3],
  }));
  const moves = placeLeaders(groups, (nodeId) => nodeId === 1, 10);
  assert.deepEqual([...moves.values()], new Array(10).fill(1));
});
