/**
 * Properties of placement: whatever the nodes, the copies are apart and the load is even.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type PlacementNode, placesOf, planPlacement } from '../../src/pm/plan.js';

const slots = fc.integer({ min: 1, max: 200 });
const replicas = fc.constantFrom(1, 3, 5, 7);

function nodesOf(hosts: readonly string[], zones: readonly string[] = []): readonly PlacementNode[] {
  return hosts.map((host, index) => ({ nodeId: index + 1, host, zone: zones[index] ?? '', replicas: 0 }));
}

function countBy<T>(items: readonly T[]): ReadonlyMap<T, number> {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

function spread(counts: ReadonlyMap<number, number>, nodes: readonly PlacementNode[]): number {
  const all = nodes.map((node) => counts.get(node.nodeId) ?? 0);
  return Math.max(...all) - Math.min(...all);
}

test('a set has as many members as asked for, all different', () => {
  const hosts = fc.array(fc.constantFrom('h1', 'h2', 'h3', 'h4'), { minLength: 7, maxLength: 12 });
  fc.assert(
    fc.property(hosts, slots, replicas, (names, slotCount, replicaCount) => {
      const sets = planPlacement({ nodes: nodesOf(names), slots: slotCount, replicas: replicaCount });
      assert.equal(sets.length, slotCount);
      for (const set of sets) assert.equal(new Set(set).size, replicaCount);
    }),
  );
});

test('equal nodes hold, and lead at birth, numbers that differ by at most one', () => {
  fc.assert(
    fc.property(fc.integer({ min: 7, max: 15 }), slots, replicas, (nodeCount, slotCount, replicaCount) => {
      const nodes = nodesOf([...Array(nodeCount).keys()].map((n) => `h${n}`));
      const sets = planPlacement({ nodes, slots: slotCount, replicas: replicaCount });
      assert.ok(spread(countBy(sets.flat()), nodes) <= 1, 'replicas');
      assert.ok(spread(countBy(sets.map((set) => set[0]!)), nodes) <= 1, 'first in birth order');
    }),
  );
});

test('copies of a slot share a zone or a host only when there are fewer zones or hosts than copies', () => {
  const pairs = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 3 })), {
    minLength: 5,
    maxLength: 12,
  });
  fc.assert(
    fc.property(pairs, fc.constantFrom(1, 3, 5), (places, replicaCount) => {
      const zones = places.map(([zone]) => zone);
      const hosts = places.map(([zone, number]) => `${zone}${number}`);
      const nodes = nodesOf(hosts, zones);
      const zoneOf = (nodeId: number): string => nodes[nodeId - 1]!.zone;
      for (const set of planPlacement({ nodes, slots: 20, replicas: replicaCount })) {
        const used = new Set(set.map(zoneOf)).size;
        assert.equal(used, Math.min(replicaCount, new Set(zones).size));
      }
    }),
  );
});

test('nodes of one host count as one place while there are other hosts', () => {
  const sets = planPlacement({ nodes: nodesOf(['a', 'a', 'a', 'b', 'c']), slots: 12, replicas: 3 });
  const hostOf = (nodeId: number): string => ['a', 'a', 'a', 'b', 'c'][nodeId - 1]!;
  for (const set of sets) assert.deepEqual(new Set(set.map(hostOf)), new Set(['a', 'b', 'c']));
});

test('a node that holds much already gets less of a new table', () => {
  const [one, ...others] = nodesOf(['a', 'b', 'c', 'd']);
  const nodes = [{ ...one!, replicas: 100 }, ...others];
  const sets = planPlacement({ nodes, slots: 10, replicas: 3 });
  assert.equal(countBy(sets.flat()).get(1) ?? 0, 0);
});

test('what a node leads would spread over all others when it dies, not over the same two', () => {
  const nodes = nodesOf([...Array(9).keys()].map((n) => `h${n}`));
  const sets = planPlacement({ nodes, slots: 60, replicas: 3 });
  const companions = new Set(sets.filter((set) => set.includes(1)).flat());
  assert.equal(companions.size, 9);
});

test('the same question gets the same answer', () => {
  const request = { nodes: nodesOf(['a', 'b', 'b', 'c', 'd']), slots: 64, replicas: 3 };
  assert.deepEqual(
    planPlacement(request),
    planPlacement({ ...request, nodes: [...request.nodes].reverse() }),
  );
});

test('copies never share a machine that nodes name, and its nodes share the load', () => {
  const nodes = nodesOf(['h', 'h', 'h', 'h', 'h', 'h']).map((node, at) => ({
    ...node,
    machine: `m${at % 3}`,
  }));
  const sets = planPlacement({ nodes, slots: 30, replicas: 3 });
  for (const set of sets) assert.equal(new Set(set.map((nodeId) => (nodeId - 1) % 3)).size, 3);
  assert.ok(spread(countBy(sets.flat()), nodes) <= 1, 'replicas');
  assert.ok(spread(countBy(sets.map((set) => set[0]!)), nodes) <= 1, 'first in birth order');
});

test('nodes that name no machine count as one each', () => {
  const [one, ...others] = nodesOf(['a', 'b', 'c', 'd']);
  assert.equal(placesOf([one!, ...others]), 4);
  assert.equal(
    placesOf([{ ...one!, machine: 'm' }, ...others.map((node) => ({ ...node, machine: 'm' }))]),
    1,
  );
  assert.equal(placesOf([{ ...one!, machine: 'm' }, ...others]), 4);
});
