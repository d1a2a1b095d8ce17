/**
 * Another number of replicas: a wish that is kept before anybody hears of it, with members that are never numbered twice; and
 * what PM does not do while a group is on its way.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PmError } from '../../src/pm/errors.js';
import { wishedMembers } from '../../src/rpc/group-members.js';
import type { GroupInfo, GroupMember } from '../../src/rpc/topology.js';
import { World, type WorldNode, type WorldPm } from './world.js';

async function fiveNodes(world: World, pm: WorldPm): Promise<readonly WorldNode[]> {
  const nodes: WorldNode[] = [];
  for (const key of ['a', 'b', 'c', 'd', 'e']) nodes.push(await world.node(pm, key));
  await world.clock.pass(50);
  return nodes;
}

function groupsOf(pm: WorldPm): readonly GroupInfo[] {
  return pm.manager.state().tables.find(({ name }) => name === 'default')!.groups;
}

/** Everybody reports, as if the voters of each group were `votersOf`. */
function reportAll(
  pm: WorldPm,
  nodes: readonly WorldNode[],
  votersOf: (group: GroupInfo) => readonly GroupMember[] = wishedMembers,
): void {
  for (const node of nodes) pm.manager.report(node.reportOf((groupId) => leaderOf(pm, groupId), 1, votersOf));
}

function leaderOf(pm: WorldPm, groupId: number): number {
  return groupsOf(pm).find((group) => group.groupId === groupId)!.birthNodeIds[0]!;
}

function refusal(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof PmError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

function sameMember(a: GroupMember, b: GroupMember): boolean {
  return a.nodeId === b.nodeId && a.incarnation === b.incarnation;
}

test('more replicas: survivors stay who they are, newcomers are new members, and nodes hear what is written', async () => {
  const world = new World();
  const pm = await world.pm('pm-1:9300', 5);
  const nodes = await fiveNodes(world, pm);
  const before = groupsOf(pm);
  await world.clock.settle(pm.manager.setReplicas('default', 5));
  assert.equal(pm.manager.state().tables[0]!.replicas, 5);
  groupsOf(pm).forEach((group, slot) => {
    assert.deepEqual(group.birthNodeIds, before[slot]!.birthNodeIds, 'birth sets never change');
    const survivors = group.members!.filter(({ incarnation }) => incarnation === 0);
    assert.deepEqual(survivors, wishedMembers(before[slot]!));
    assert.deepEqual(
      group.members!.slice(3).map(({ incarnation }) => incarnation),
      [1, 2],
    );
    assert.equal(group.nextIncarnation, 3);
  });
  for (const node of nodes) assert.deepEqual(node.topology.tables[0], pm.manager.state().tables[0]);
});

test('whatever is wished in whatever order, no member is ever wished again after it was not', async () => {
  const world = new World();
  const pm = await world.pm('pm-1:9300', 5);
  const nodes = await fiveNodes(world, pm);
  const past = groupsOf(pm).map((): GroupMember[] => []);
  for (const replicas of [5, 3, 5, 1, 3, 5, 3, 1, 5]) {
    const before = groupsOf(pm);
    await world.clock.settle(pm.manager.setReplicas('default', replicas));
    groupsOf(pm).forEach((group, slot) => {
      const wished = wishedMembers(group);
      assert.equal(new Set(wished.map(({ nodeId }) => nodeId)).size, replicas);
      const gone = wishedMembers(before[slot]!).filter(
        (old) => !wished.some((member) => sameMember(member, old)),
      );
      past[slot]!.push(...gone);
      assert.ok(!past[slot]!.some((old) => wished.some((member) => sameMember(member, old))));
    });
    await world.clock.pass(10);
    reportAll(pm, nodes);
  }
});

test('asked again it changes nothing, be it that nodes have died since', async () => {
  const world = new World();
  const pm = await world.pm('pm-1:9300', 5);
  const nodes = await fiveNodes(world, pm);
  await world.clock.settle(pm.manager.setReplicas('default', 5));
  const { epoch } = pm.manager.state().cluster;
  pm.manager.closeSession(nodes[4]!);
  await world.clock.settle(pm.manager.setReplicas('default', 5));
  assert.equal(pm.manager.state().cluster.epoch, epoch);
});

test('what cannot be is refused with what was expected', async () => {
  const world = new World();
  const pm = await world.pm('pm-1:9300', 5);
  const nodes = await fiveNodes(world, pm);
  const wish = (name: string, replicas: number) => world.clock.settle(pm.manager.setReplicas(name, replicas));
  for (const replicas of [0, 2, 4, 9, -3, 1.5])
    await assert.rejects(wish('default', replicas), refusal('INVALID_ARGUMENT', /1, 3, 5 or 7/));
  await assert.rejects(wish('nobody', 3), refusal('NOT_FOUND', /"nobody"/));
  await assert.rejects(
    wish('default', 7),
    refusal('FAILED_PRECONDITION', /7 .* 5 nodes alive, .* at most 5/),
  );
  pm.manager.closeSession(nodes[0]!);
  await assert.rejects(wish('default', 5), refusal('FAILED_PRECONDITION', /4 nodes alive, .* at most 3/));
  pm.manager.report({ ...nodes[1]!.reportOf(() => 1), epoch: 999 });
  await assert.rejects(wish('default', 1), refusal('FAILED_PRECONDITION', /older copy/));
});

test('PM dead at any moment: the wish is kept whole or not at all, and what a node heard is what is kept', async () => {
  for (let crashAfterMs = 0; crashAfterMs <= 5; crashAfterMs++) {
    const world = new World();
    const pm = await world.pm('pm-1:9300', 5);
    const nodes = await fiveNodes(world, pm);
    void pm.manager.setReplicas('default', 5).catch(() => {});
    await world.clock.pass(crashAfterMs);
    pm.crash();
    const told = nodes
      .flatMap(({ topologies }) => topologies)
      .find(({ tables }) => tables[0]?.replicas === 5);
    await world.clock.pass(4000);
    const next = await world.pm('pm-2:9300', 5);
    const [kept] = next.manager.state().tables;
    if (told !== undefined) assert.deepEqual(kept, told.tables[0]);
    assert.ok(kept!.groups.every((group) => wishedMembers(group).length === kept!.replicas));
  }
});

test('taking a wish back moves nothing: those without a vote go first, also when they hold less', async () => {
  const world = new World();
  const pm = await world.pm('pm-1:9300', 5);
  const nodes = await fiveNodes(world, pm);
  const born = groupsOf(pm).map(wishedMembers);
  await world.clock.settle(pm.manager.setReplicas('default', 5));
  reportAll(pm, nodes, ({ groupId, birthNodeIds }) => wishedMembers({ groupId, birthNodeIds }));
  await world.clock.settle(pm.manager.setReplicas('default', 3));
  assert.deepEqual(groupsOf(pm).map(wishedMembers), born);
});

test('dead nodes are the first to be without', async () => {
  const world = new World();
  const pm = await world.pm('pm-1:9300', 5);
  const nodes = await fiveNodes(world, pm);
  await world.clock.settle(pm.manager.setReplicas('default', 5));
  reportAll(pm, nodes);
  pm.manager.closeSession(nodes[1]!);
  await world.clock.settle(pm.manager.setReplicas('default', 3));
  assert.ok(
    groupsOf(pm).every((group) => wishedMembers(group).every(({ nodeId }) => nodeId !== nodes[1]!.nodeId)),
  );
});

test('leaders are not spread among members on their way; nor handed to one that is about to go', async () => {
  const world = new World();
  const pm = await world.pm('pm-1:9300', 5);
  const nodes = await fiveNodes(world, pm);
  const one = nodes[0]!.nodeId;
  await world.clock.settle(pm.manager.setReplicas('default', 5));
  const reportOneLeads = (votersOf?: (group: GroupInfo) => readonly GroupMember[]): void => {
    for (const node of nodes) pm.manager.report(node.reportOf(() => one, 1, votersOf));
  };
  for (let second = 0; second < 20; second++) {
    reportOneLeads(({ groupId, birthNodeIds }) => wishedMembers({ groupId, birthNodeIds }));
    await world.clock.pass(1000);
  }
  assert.equal(nodes.flatMap(({ orders }) => orders).length, 0);
  for (let second = 0; second < 20; second++) {
    reportOneLeads();
    await world.clock.pass(1000);
  }
  assert.ok(nodes[0]!.orders.length > 0, 'as wished, they are');
  await world.clock.settle(pm.manager.setReplicas('default', 3));
  const slot = groupsOf(pm).findIndex((group) => wishedMembers(group).length < 5);
  const goes = [1, 2, 3, 4, 5].find(
    (nodeId) =>
      nodeId !== one && !wishedMembers(groupsOf(pm)[slot]!).some((member) => member.nodeId === nodeId),
  )!;
  await assert.rejects(
    pm.manager.transferLeader('default', slot, goes),
    refusal('FAILED_PRECONDITION', /about to lose its replica/),
  );
});
