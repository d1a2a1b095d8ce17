/**
 * What PM must keep through crashes, lost answers and rivals: ids never given twice, tables whole or not at all, and nothing
 * told before it is written.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PmError } from '../../src/pm/errors.js';
import { address, registrationKey, World, type WorldNode, type WorldPm } from './world.js';

const WISH = { name: 'users', slots: 8, replicas: 3, mode: 'quorum' as const };

async function threeNodes(world: World, pm: WorldPm): Promise<readonly WorldNode[]> {
  const nodes: WorldNode[] = [];
  for (const key of ['a', 'b', 'c']) nodes.push(await world.node(pm, key));
  await world.clock.pass(50);
  return nodes;
}

function refusal(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof PmError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

test('a registration key gets one id, for ever; other keys get others', async () => {
  const world = new World();
  const pm = await world.pm();
  const first = await world.register(pm, 'a');
  assert.deepEqual(await world.register(pm, 'a'), first);
  assert.notEqual((await world.register(pm, 'b')).nodeId, first.nodeId);
  assert.match(first.clusterId, /^[0-9a-f]{32}$/);
});

test('registrations of one key at the same time get the same id', async () => {
  const world = new World();
  const pm = await world.pm();
  const both = await Promise.all([world.register(pm, 'a'), world.register(pm, 'a')]);
  assert.deepEqual(both[0], both[1]);
  assert.equal(pm.manager.state().nodes.length, 1);
});

test('the answer to a registration lost, PM dead: the next PM gives the id that was written', async () => {
  const world = new World();
  const pm = await world.pm();
  void pm.manager
    .register({ registrationKey: registrationKey('a'), address: address('a', 7000) })
    .catch(() => {});
  await world.clock.pass(2);
  pm.crash();
  await world.clock.pass(4000);
  const next = await world.pm('pm-2:9300');
  const given = await world.register(next, 'a');
  assert.equal(next.manager.state().nodes.length, 1);
  assert.equal(given.nodeId, 1);
  assert.equal((await world.register(next, 'b')).nodeId, 2);
});

test('a node that moved keeps its id, and everybody hears of the new address', async () => {
  const world = new World();
  const pm = await world.pm();
  const watcher = await world.node(pm, 'w');
  const before = await world.register(pm, 'a', 7000);
  const epoch = watcher.topology.epoch;
  assert.deepEqual(await world.register(pm, 'a', 8000), before);
  assert.ok(watcher.topology.epoch > epoch);
  assert.equal(watcher.topology.nodes.find((node) => node.nodeId === before.nodeId)?.peerPort, 8000);
});

test('a node of another cluster, or with an id that is not its own, is refused', async () => {
  const world = new World();
  const pm = await world.pm();
  const { nodeId, clusterId } = await world.register(pm, 'a');
  const register = (key: string, id: number, cluster: string) =>
    pm.manager.register({
      registrationKey: registrationKey(key),
      nodeId: id,
      clusterId: cluster,
      address: address(key, 1),
    });
  await assert.rejects(
    register('a', nodeId, 'elsewhere'),
    refusal('FAILED_PRECONDITION', /belongs to cluster elsewhere/),
  );
  await assert.rejects(register('b', nodeId, clusterId), refusal('FAILED_PRECONDITION', /not known here/));
  assert.equal(pm.manager.state().nodes.length, 1);
});

test('no key of registration is ever told to nodes', async () => {
  const world = new World();
  const pm = await world.pm();
  const node = await world.node(pm, 'secret-key');
  assert.ok(!JSON.stringify(node.topology).includes(registrationKey('secret-key')));
});

test('table default appears once, when the expected nodes are alive, with its groups whole', async () => {
  const world = new World();
  const pm = await world.pm();
  const first = await world.node(pm, 'a');
  await world.node(pm, 'b');
  await world.clock.pass(3000);
  assert.equal(first.topology.tables.length, 0);
  await world.node(pm, 'c');
  await world.clock.pass(3000);
  const [table] = first.topology.tables;
  assert.equal(table?.tableId, 0);
  assert.equal(table?.name, 'default');
  assert.equal(table?.groups.length, 16);
  assert.ok(table?.groups.every((group) => group.birthNodeIds.length === 3));
  assert.equal(new Set(table?.groups.map((group) => group.groupId)).size, 16);
});

test('a crash at any moment of creating a table leaves it whole or absent, and no group id is used twice', async () => {
  for (let crashAfterMs = 0; crashAfterMs <= 6; crashAfterMs++) {
    const world = new World();
    const pm = await world.pm();
    const nodes = await threeNodes(world, pm);
    void pm.manager.createTable(WISH).catch(() => {});
    await world.clock.pass(crashAfterMs);
    pm.crash();
    const told = nodes.flatMap((node) => node.topologies).flatMap((topology) => topology.tables);
    const toldUsers = told.find((table) => table.name === 'users');
    await world.clock.pass(4000);
    const next = await world.pm('pm-2:9300');
    await threeNodes(world, next);
    await world.clock.settle(next.manager.createTable(WISH).catch(() => undefined));
    const { tables } = next.manager.state();
    const users = tables.find((table) => table.name === 'users')!;
    assert.equal(users.groups.length, 8);
    if (toldUsers) assert.deepEqual(toldUsers, users, 'what a node heard of is what is written');
    const groupIds = tables.flatMap((table) => table.groups.map((group) => group.groupId));
    assert.equal(new Set(groupIds).size, groupIds.length);
  }
});

test('the answer of the store lost: the table is found to be there, and the call succeeds', async () => {
  const world = new World();
  const pm = await world.pm();
  await threeNodes(world, pm);
  pm.store.loseNextAnswer();
  const state = await world.clock.settle(pm.manager.createTable(WISH));
  assert.ok(state.tables.some((table) => table.name === 'users'));
});

test('the store out of reach: writes say that the outcome is unknown, reads and sessions go on', async () => {
  const world = new World();
  const pm = await world.pm();
  const [node] = await threeNodes(world, pm);
  pm.store.setReachable(false);
  const creating = pm.manager.createTable(WISH);
  await assert.rejects(world.clock.settle(creating), refusal('UNAVAILABLE', /outcome unknown/));
  assert.equal(pm.manager.state().tables[0]?.name, 'default');
  await world.clock.pass(5000);
  assert.equal(node!.ended, undefined);
  await assert.rejects(
    world.clock.settle(pm.manager.createTable(WISH)),
    refusal('UNAVAILABLE', /nothing was changed|no node/),
  );
  pm.store.setReachable(true);
  await world.clock.pass(2000);
  assert.ok(pm.leadership.isLeading);
});

test('a PM paused past its lease still believes to lead, and cannot write', async () => {
  const world = new World();
  const stale = await world.pm('pm-1:9300');
  const nodes = await threeNodes(world, stale);
  const fence = stale.leadership.fence()!;
  await world.clock.settle(stale.leadership.resign());
  const next = await world.pm('pm-2:9300');
  assert.ok(next.leadership.isLeading);
  const before = next.manager.state();
  stale.leadership.fence = () => fence;
  await assert.rejects(
    world.clock.settle(stale.manager.createTable(WISH)),
    refusal('UNAVAILABLE', /nothing was changed/),
  );
  await world.clock.pass(100);
  assert.deepEqual(next.manager.state(), before);
  assert.ok(nodes.every((node) => node.topology.tables.length === 1));
});

test('a second PM follows: it knows what the first wrote, and takes over with the same cluster', async () => {
  const world = new World();
  const one = await world.pm('pm-1:9300');
  const two = await world.pm('pm-2:9300');
  assert.equal(two.leadership.otherLeader, 'pm-1:9300');
  const { clusterId } = await world.register(one, 'a');
  await world.clock.pass(10);
  assert.equal(two.manager.state().nodes.length, 1);
  await world.clock.settle(one.leadership.resign());
  await world.clock.pass(1000);
  assert.ok(two.leadership.isLeading);
  assert.deepEqual(await world.register(two, 'b'), { clusterId, nodeId: 2 });
});

test('tables: names, numbers and modes that cannot be are refused with what was expected', async () => {
  const world = new World();
  const pm = await world.pm();
  await threeNodes(world, pm);
  const create = (wish: object) => world.clock.settle(pm.manager.createTable({ ...WISH, ...wish }));
  for (const name of ['', 'Users', '12', '-a', 'a b', 'x'.repeat(65)]) {
    await assert.rejects(create({ name }), refusal('INVALID_ARGUMENT', /^name: /));
  }
  for (const slots of [-1, 16385, 1.5])
    await assert.rejects(create({ slots }), refusal('INVALID_ARGUMENT', /1 to 16384/));
  for (const replicas of [2, 9, -1])
    await assert.rejects(create({ replicas }), refusal('INVALID_ARGUMENT', /1, 3, 5 or 7/));
  await assert.rejects(create({ replicas: 5 }), refusal('FAILED_PRECONDITION', /3 nodes alive/));
  await create({});
  await assert.rejects(create({}), refusal('ALREADY_EXISTS', /"users"/));
});

test('a table has the mode that it was made with, and keeps it', async () => {
  const world = new World();
  const pm = await world.pm();
  const [node] = await threeNodes(world, pm);
  const create = (wish: object) => world.clock.settle(pm.manager.createTable({ ...WISH, ...wish }));
  await create({ name: 'quick', mode: 'async' });
  assert.equal(node!.topology.tables.find(({ name }) => name === 'quick')?.mode, 'async');
  await assert.rejects(
    create({ name: 'quick', mode: 'quorum' }),
    refusal('ALREADY_EXISTS', /"quick" already, in async mode: a table keeps its mode for life/),
  );
});

test('a dropped table is gone for everybody; made again, it shares no id with its past', async () => {
  const world = new World();
  const pm = await world.pm();
  const [node] = await threeNodes(world, pm);
  const before = (await world.clock.settle(pm.manager.createTable(WISH))).tables.at(-1)!;
  await world.clock.settle(pm.manager.dropTable('users'));
  assert.ok(node!.topology.tables.every((table) => table.name !== 'users'));
  const after = (await world.clock.settle(pm.manager.createTable(WISH))).tables.at(-1)!;
  assert.ok(after.tableId > before.tableId);
  const former = new Set(before.groups.map((group) => group.groupId));
  assert.ok(after.groups.every((group) => !former.has(group.groupId)));
  await assert.rejects(
    world.clock.settle(pm.manager.dropTable('default')),
    refusal('FAILED_PRECONDITION', /default/),
  );
  await assert.rejects(world.clock.settle(pm.manager.dropTable('nobody')), refusal('NOT_FOUND', /nobody/));
});

test('a password is stored as its hash only', async () => {
  const world = new World();
  const pm = await world.pm();
  await threeNodes(world, pm);
  const state = await world.clock.settle(pm.manager.createTable({ ...WISH, password: 'sesame' }));
  assert.equal(state.tables.at(-1)!.passwordHash, 'hashed:sesame');
});

test('nodes that have seen a later epoch than the store: it was set back, and no new ids are given', async () => {
  const world = new World();
  const pm = await world.pm();
  const [node] = await threeNodes(world, pm);
  pm.manager.report({ ...node!.reportOf(() => 1), epoch: 999 });
  await assert.rejects(
    world.clock.settle(pm.manager.createTable(WISH)),
    refusal('FAILED_PRECONDITION', /older copy/),
  );
  await assert.rejects(world.register(pm, 'new'), refusal('FAILED_PRECONDITION', /older copy/));
});

test('a newer session of a node ends the older one, whose end changes nothing any more', async () => {
  const world = new World();
  const pm = await world.pm();
  const older = await world.node(pm, 'a');
  await world.node(pm, 'a');
  assert.match(older.ended ?? '', /newer session/);
  pm.manager.closeSession(older);
  assert.ok(pm.manager.fleet.isAlive(older.nodeId));
});

test('leaders on one node are spread after they have settled, and not before', async () => {
  const world = new World();
  const pm = await world.pm();
  const nodes = await threeNodes(world, pm);
  const reportAll = (): void => {
    for (const node of nodes) pm.manager.report(node.reportOf(() => 1));
  };
  for (let second = 0; second < 8; second++) {
    reportAll();
    await world.clock.pass(1000);
  }
  assert.equal(nodes[0]!.orders.length, 0, 'not settled yet');
  for (let second = 0; second < 6; second++) {
    reportAll();
    await world.clock.pass(1000);
  }
  const targets = nodes[0]!.orders.map((order) => order.toNodeId);
  assert.equal(targets.length, 10, '16 groups over 3 nodes: 6, 5 and 5');
  assert.equal(targets.filter((target) => target === 2).length, 5);
  assert.equal(nodes[1]!.orders.length + nodes[2]!.orders.length, 0);
});

test('a preferred leader stands first at birth, and gets its groups back from whoever led meanwhile', async () => {
  const world = new World();
  const pm = await world.pm('pm-1:9300', 3, 'b');
  const nodes = await threeNodes(world, pm);
  const preferred = nodes[1]!;
  for (const { birthNodeIds } of preferred.topology.tables[0]!.groups)
    assert.equal(birthNodeIds[0], preferred.nodeId);
  const report = async (leader: number, seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      for (const node of nodes) pm.manager.report(node.reportOf(() => leader, leader));
      await world.clock.pass(1000);
    }
  };
  await report(preferred.nodeId, 14);
  assert.deepEqual(
    nodes.flatMap(({ orders }) => orders),
    [],
    'it keeps what it leads',
  );
  await report(3, 14);
  assert.equal(nodes[2]!.orders.length, 16);
  assert.ok(nodes[2]!.orders.every(({ toNodeId }) => toNodeId === preferred.nodeId));
});

test('a table never has more replicas than there are machines that nodes name', async () => {
  const world = new World();
  const pm = await world.pm('pm-1:9300', 6);
  const nodes: WorldNode[] = [];
  for (const [at, key] of ['a', 'b', 'c', 'd', 'e', 'f'].entries())
    nodes.push(await world.node(pm, key, 7000, { machine: `m${at % 3}` }));
  await world.clock.pass(50);
  const { groups } = nodes[0]!.topology.tables[0]!;
  for (const { birthNodeIds } of groups) assert.equal(new Set(birthNodeIds.map((id) => id % 3)).size, 3);
  const tooMany = /5 are more than the 3 machines of the 6 nodes alive, expected at most 3/;
  await assert.rejects(
    world.clock.settle(pm.manager.createTable({ ...WISH, replicas: 5 })),
    refusal('FAILED_PRECONDITION', tooMany),
  );
  await assert.rejects(
    world.clock.settle(pm.manager.setReplicas('default', 5)),
    refusal('FAILED_PRECONDITION', tooMany),
  );
});

test('transfer: the order goes to the leader, and the call ends when the reports say so', async () => {
  const world = new World();
  const pm = await world.pm();
  const nodes = await threeNodes(world, pm);
  for (const node of nodes) pm.manager.report(node.reportOf(() => 1));
  const transfer = pm.manager.transferLeader('default', 0, 2);
  await world.clock.pass(200);
  assert.deepEqual(nodes[0]!.orders, [
    { groupId: nodes[0]!.topology.tables[0]!.groups[0]!.groupId, toNodeId: 2 },
  ]);
  for (const node of nodes) pm.manager.report(node.reportOf(() => 2, 2));
  assert.deepEqual(await world.clock.settle(transfer), { fromNodeId: 1 });
  const late = pm.manager.transferLeader('default', 0, 3);
  for (let second = 0; second < 5; second++) {
    for (const node of nodes) pm.manager.report(node.reportOf(() => 2, 2));
    await world.clock.pass(999);
  }
  await assert.rejects(world.clock.settle(late), refusal('DEADLINE_EXCEEDED', /node 2 leads/));
  await assert.rejects(pm.manager.transferLeader('default', 16, 2), refusal('INVALID_ARGUMENT', /0 to 15/));
});
