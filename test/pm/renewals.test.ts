/** Damaged members are wished anew where their group lives without them, and nowhere else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wishedMembers } from '../../src/rpc/group-members.js';
import type { DamagedMember, GroupInfo } from '../../src/rpc/topology.js';
import { World, type WorldNode, type WorldPm } from './world.js';

async function threeNodes(): Promise<{ world: World; pm: WorldPm; nodes: readonly WorldNode[] }> {
  const world = new World();
  const pm = await world.pm();
  const nodes: WorldNode[] = [];
  for (const key of ['a', 'b', 'c']) nodes.push(await world.node(pm, key));
  await world.clock.pass(100);
  return { world, pm, nodes };
}

function groupsOf(pm: WorldPm): readonly GroupInfo[] {
  return pm.manager.state().tables[0]!.groups;
}

function report(pm: WorldPm, node: WorldNode, leader: number, damaged: readonly DamagedMember[] = []): void {
  pm.manager.report({ ...node.reportOf(() => leader), damaged });
}

function damagedIn(pm: WorldPm, slot: number, incarnation = 0): DamagedMember {
  return { groupId: groupsOf(pm)[slot]!.groupId, incarnation, why: 'a page of zeros' };
}

test('on the same node, as the next incarnation; only the group concerned; told to all; and once', async () => {
  const { world, pm, nodes } = await threeNodes();
  const before = groupsOf(pm);
  for (const node of nodes) report(pm, node, 1);
  report(pm, nodes[1]!, 1, [damagedIn(pm, 3)]);
  await world.clock.pass(100);
  const after = groupsOf(pm);
  const wished = wishedMembers(after[3]!).map(({ nodeId, incarnation }) => `${nodeId}.${incarnation}`);
  assert.deepEqual(wished.sort(), ['1.0', '2.1', '3.0']);
  assert.deepEqual(
    after
      .filter((group, slot) => JSON.stringify(group) !== JSON.stringify(before[slot]))
      .map(({ groupId }) => groupId),
    [before[3]!.groupId],
  );
  assert.deepEqual(nodes[0]!.topology.tables[0]!.groups[3], after[3]);
  const { epoch } = pm.manager.state().cluster;
  report(pm, nodes[1]!, 1, [damagedIn(pm, 3)]);
  await world.clock.pass(100);
  assert.equal(pm.manager.state().cluster.epoch, epoch, 'what is not wished any more needs no other');
  report(pm, nodes[1]!, 1, [damagedIn(pm, 3, 1)]);
  await world.clock.pass(100);
  assert.deepEqual(
    wishedMembers(groupsOf(pm)[3]!).find(({ nodeId }) => nodeId === 2),
    { nodeId: 2, incarnation: 2 },
  );
});

test('not without a leader, not where the leader itself is damaged, not where the others have no healthy majority', async () => {
  const { world, pm, nodes } = await threeNodes();
  const { epoch } = pm.manager.state().cluster;
  const unchanged = async (what: string): Promise<void> => {
    await world.clock.pass(100);
    assert.equal(pm.manager.state().cluster.epoch, epoch, what);
  };
  for (const node of nodes) report(pm, node, 0);
  report(pm, nodes[1]!, 0, [damagedIn(pm, 0)]);
  await unchanged('no leader');
  for (const node of nodes) report(pm, node, 2);
  report(pm, nodes[1]!, 2, [damagedIn(pm, 0)]);
  await unchanged('its own leader');
  report(pm, nodes[0]!, 1);
  report(pm, nodes[2]!, 1, [damagedIn(pm, 0)]);
  report(pm, nodes[1]!, 1, [damagedIn(pm, 0)]);
  await unchanged('two of three are damaged');
  report(pm, nodes[2]!, 1);
  pm.manager.closeSession(nodes[2]!);
  report(pm, nodes[1]!, 1, [damagedIn(pm, 0)]);
  await unchanged('the third one is away');
});

test('an older copy of a data folder, or another one, is refused; each start is told to all nodes', async () => {
  const { world, pm, nodes } = await threeNodes();
  const registration = async (number: number, id: string): Promise<void> => {
    const registered = pm.manager.register({
      registrationKey: 'a'.padEnd(16, '-'),
      nodeId: 1,
      clusterId: pm.manager.state().cluster.clusterId,
      address: { ...nodes[0]!.topology.nodes[0]!, name: 'a' },
      boot: { number, id },
    });
    await world.clock.settle(registered);
    // Kept behind the answer.
    await world.clock.pass(100);
  };
  await registration(4, 'aa');
  await registration(4, 'aa');
  assert.deepEqual(nodes[1]!.topology.nodes[0]!.boot, { number: 4, id: 'aa' });
  await assert.rejects(
    registration(3, 'bb'),
    /node 1 \(a\) is an older copy: it has been started 3 times, the node 4/,
  );
  await assert.rejects(registration(4, 'bb'), /is another copy/);
  await registration(5, 'bb');
});
