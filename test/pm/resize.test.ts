/**
 * Properties of giving a table's slots more replicas or fewer: nothing moves that need not, copies stay apart, load stays even.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planPlacement } from '../../src/pm/plan.js';
import { planResize, type ResizeNode } from '../../src/pm/resize.js';

function nodesOf(count: number, more: Partial<ResizeNode> = {}): readonly ResizeNode[] {
  return Array.from({ length: count }, (_, at) => ({
    nodeId: at + 1,
    host: `h${at + 1}`,
    zone: '',
    replicas: 0,
    alive: true,
    ...more,
  }));
}

/** Sets as they would be at birth. */
function born(nodes: readonly ResizeNode[], slots: number, replicas: number): readonly (readonly number[])[] {
  return planPlacement({ nodes, slots, replicas });
}

function resized(
  nodes: readonly ResizeNode[],
  sets: readonly (readonly number[])[],
  replicas: number,
  absent: readonly number[] = [],
): readonly (readonly number[])[] {
  return planResize({ nodes, sets: sets.map((nodeIds) => ({ nodeIds, absent })), replicas });
}

function spread(sets: readonly (readonly number[])[], nodes: readonly ResizeNode[]): number {
  const counts = nodes.map(({ nodeId }) => sets.filter((set) => set.includes(nodeId)).length);
  return Math.max(...counts) - Math.min(...counts);
}

const counts = fc.constantFrom(1, 3, 5, 7);
const world = fc.record({
  nodes: fc.integer({ min: 7, max: 12 }),
  slots: fc.integer({ min: 1, max: 120 }),
  before: counts,
  after: counts,
});

test('a set only gains or only loses, and has as many members as asked for, all different', () => {
  fc.assert(
    fc.property(world, ({ nodes: count, slots, before, after }) => {
      const nodes = nodesOf(count);
      const sets = born(nodes, slots, before);
      resized(nodes, sets, after).forEach((set, slot) => {
        assert.equal(new Set(set).size, after);
        const [small, large] = before < after ? [sets[slot]!, set] : [set, sets[slot]!];
        assert.ok(small.every((nodeId) => large.includes(nodeId)));
      });
    }),
  );
});

test('equal nodes hold numbers that differ by at most one, there and back again', () => {
  fc.assert(
    fc.property(world, ({ nodes: count, slots, before, after }) => {
      const nodes = nodesOf(count);
      const there = resized(nodes, born(nodes, slots, before), after);
      assert.ok(spread(there, nodes) <= 1, `there: ${spread(there, nodes)}`);
      const back = resized(nodes, there, before);
      assert.ok(spread(back, nodes) <= 1, `back: ${spread(back, nodes)}`);
    }),
    { numRuns: 300 },
  );
});

test('copies share a zone only when there are fewer zones than copies', () => {
  const zones = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 7, maxLength: 10 });
  fc.assert(
    fc.property(zones, fc.constantFrom(1, 3), fc.constantFrom(3, 5), (names, before, after) => {
      const nodes = nodesOf(names.length).map((node, at) => ({ ...node, zone: names[at]! }));
      const zoneOf = (nodeId: number): string => names[nodeId - 1]!;
      const grown = resized(nodes, born(nodes, 30, before), Math.max(before, after));
      const shrunk = resized(nodes, grown, before);
      for (const [sets, size] of [
        [grown, Math.max(before, after)],
        [shrunk, before],
      ] as const) {
        for (const set of sets)
          assert.equal(new Set(set.map(zoneOf)).size, Math.min(size, new Set(names).size));
      }
    }),
  );
});

test('dead nodes go first, then those without a vote; nobody dead comes', () => {
  const nodes = nodesOf(7).map((node) => ({ ...node, alive: node.nodeId !== 2 && node.nodeId !== 7 }));
  const five = [1, 2, 3, 4, 5];
  assert.deepEqual(resized(nodes, [five], 3, [1]), [[3, 4, 5]]);
  assert.deepEqual(resized(nodes, [five], 1, [4, 5]).flat().length, 1);
  assert.ok([1, 3].includes(resized(nodes, [five], 1, [4, 5])[0]![0]!));
  assert.ok(
    !resized(nodes, [[1, 2, 3]], 5)
      .flat()
      .includes(7),
  );
});

test('a node that holds much of other tables gets less, and is the first to be relieved', () => {
  const nodes = nodesOf(4).map((node) => ({ ...node, replicas: node.nodeId === 1 ? 100 : 0 }));
  const grown = resized(nodes, [[2], [3], [4]], 3);
  assert.ok(grown.every((set) => !set.includes(1)));
  assert.ok(resized(nodes, [[1, 2, 3]], 1).every((set) => !set.includes(1)));
});

test('newcomers never share a machine with a member, whatever evens the load', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat({ max: 5 }), (slots, heavy) => {
      const nodes = nodesOf(15).map((node, at) => ({
        ...node,
        host: 'h',
        machine: `m${at % 5}`,
        replicas: at % 5 < heavy ? 40 : 0,
      }));
      const machineOf = (nodeId: number): string => nodes[nodeId - 1]!.machine;
      const three = resized(nodes, born(nodes, slots, 1), 3);
      for (const sets of [three, resized(nodes, three, 5), resized(nodes, resized(nodes, three, 5), 3)])
        for (const set of sets) assert.equal(new Set(set.map(machineOf)).size, set.length);
    }),
  );
});
