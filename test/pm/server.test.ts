/**
 * PM over real gRPC: registration to status, failover between two PMs, tokens, reflection and health, and the HTTP port.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { verifyPassword } from '../../src/password.js';
import { AdminClient, AdminError } from '../../src/rpc/admin-client.js';
import { loadSecurity } from '../../src/rpc/credentials.js';
import { packageRoot } from '../../src/rpc/package-root.js';
import { SimMetadata } from '../sim/sim-metadata-store.js';
import { startTestNodes, startTestPm, TestNode } from './cluster.js';
import { eventually, realEnv } from './real.js';

const NAMES = ['node-1', 'node-2', 'node-3'];

function refusal(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AdminError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

test('three nodes register, table default is made, they report, and status shows it', async (context) => {
  const pm = await startTestPm(context);
  await eventually('leading', () => pm.leadership.isLeading);
  const nodes = startTestNodes(context, NAMES, { pms: [pm.address] });
  const cluster = await eventually('16 slots led', async () => {
    const now = await pm.admin.getCluster();
    return now.tables[0]?.slotList.every((slot) => slot.leaderNodeId > 0) && now;
  });
  assert.equal(cluster.clusterId, nodes[0]!.topology!.clusterId);
  assert.deepEqual(cluster.nodes.map((node) => node.nodeId).sort(), [1, 2, 3]);
  assert.ok(
    cluster.nodes.every((node) => node.alive && node.pid === 4000 + node.nodeId && node.leaders >= 5),
  );
  const slot = cluster.tables[0]!.slotList[3]!;
  assert.deepEqual(
    [slot.slot, slot.term, slot.lastIndex, slot.commitIndex, slot.appliedIndex],
    [3, 1, 7, 6, 5],
  );
  assert.equal(slot.replicas.filter((replica) => replica.role === 'REPLICA_ROLE_LEADER').length, 1);
  assert.equal(slot.replicas.length, 3);
});

test('tables by the admin API: made, listed, protected by a hash, dropped, refused', async (context) => {
  const pm = await startTestPm(context);
  await eventually('leading', () => pm.leadership.isLeading);
  const nodes = startTestNodes(context, NAMES, { pms: [pm.address] });
  await eventually('default', () => nodes[0]!.topology?.tables.length === 1);
  const made = await pm.admin.createTable({ name: 'users', slots: 4, password: 'sesame' });
  assert.deepEqual(
    [made.slots, made.replicas, made.mode, made.passwordProtected],
    [4, 3, 'TABLE_MODE_QUORUM', true],
  );
  const told = await eventually('told', () =>
    nodes[2]!.topology!.tables.find((table) => table.name === 'users'),
  );
  assert.ok(await verifyPassword('sesame', told.passwordHash!));
  assert.deepEqual(
    (await pm.admin.listTables()).map((table) => table.name),
    ['default', 'users'],
  );
  await eventually('slots led', async () =>
    (await pm.admin.listSlots('users')).every((slot) => slot.leaderNodeId > 0),
  );
  await assert.rejects(pm.admin.createTable({ name: 'users' }), refusal('ALREADY_EXISTS', /"users"/));
  await assert.rejects(
    pm.admin.createTable({ name: 'x', replicas: 2 }),
    refusal('INVALID_ARGUMENT', /replicas/),
  );
  const quick = await pm.admin.createTable({ name: 'quick', mode: 'TABLE_MODE_ASYNC' });
  assert.equal(quick.mode, 'TABLE_MODE_ASYNC');
  const toldMode = await eventually('told', () =>
    nodes[0]!.topology!.tables.find((table) => table.name === 'quick'),
  );
  assert.equal(toldMode.mode, 'async');
  await pm.admin.dropTable('quick');
  await assert.rejects(pm.admin.listSlots('nobody'), refusal('NOT_FOUND', /nobody/));
  await pm.admin.dropTable('users');
  await eventually('dropped', () => nodes[1]!.topology!.tables.length === 1);
});

test('a leader is transferred: the order reaches its node, and the call ends when it is done', async (context) => {
  const pm = await startTestPm(context);
  await eventually('leading', () => pm.leadership.isLeading);
  startTestNodes(context, NAMES, { pms: [pm.address] });
  const slot = await eventually('slot 0 led', async () => {
    const first = (await pm.admin.getCluster()).tables[0]?.slotList[0];
    return first?.replicas.every((replica) => replica.term > 0) ? first : undefined;
  });
  const toNodeId = (slot.leaderNodeId % 3) + 1;
  const done = await pm.admin.transferLeader({ table: 'default', slot: 0, toNodeId });
  assert.deepEqual(done, { fromNodeId: slot.leaderNodeId, toNodeId });
  assert.equal((await pm.admin.listSlots('default'))[0]!.leaderNodeId, toNodeId);
});

test('replicas by the admin API: the wish, what the leaders say there is, and refusals', async (context) => {
  const pm = await startTestPm(context, { bootstrapNodes: 5 });
  await eventually('leading', () => pm.leadership.isLeading);
  const nodes = startTestNodes(context, [...NAMES, 'node-4', 'node-5'], { pms: [pm.address] });
  for (const node of nodes) node.obeysWishes = false;
  await eventually('slots as born', async () =>
    (await pm.admin.listSlots('default').catch(() => [{ asWished: false }])).every((slot) => slot.asWished),
  );
  const table = await pm.admin.updateTable({ name: 'default', replicas: 5 });
  assert.equal(table.replicas, 5);
  const [slot] = await pm.admin.listSlots('default');
  assert.deepEqual([slot!.wishedNodeIds.length, slot!.voterNodeIds.length, slot!.asWished], [5, 3, false]);
  assert.deepEqual([slot!.learnerNodeIds, slot!.joint], [[], false]);
  for (const node of nodes) node.obeysWishes = true;
  await pm.admin.updateTable({ name: 'default', replicas: 1 });
  await pm.admin.updateTable({ name: 'default', replicas: 5 });
  await eventually('slots as wished', async () =>
    (await pm.admin.listSlots('default')).every((one) => one.asWished && one.voterNodeIds.length === 5),
  );
  await assert.rejects(
    pm.admin.updateTable({ name: 'default', replicas: 4 }),
    refusal('INVALID_ARGUMENT', /^replicas: 4 is not valid, expected 1, 3, 5 or 7/),
  );
  await assert.rejects(
    pm.admin.updateTable({ name: 'default', replicas: 7 }),
    refusal('FAILED_PRECONDITION', /more than the 5 nodes alive/),
  );
  await assert.rejects(pm.admin.updateTable({ name: 'no', replicas: 3 }), refusal('NOT_FOUND', /"no"/));
});

test('two PMs: the follower sends nodes and forwards calls to the leader, and takes over when it goes', async (context) => {
  const world = new SimMetadata(realEnv, { leaseMs: 600 });
  const one = await startTestPm(context, {}, world.connect(realEnv));
  await eventually('one leads', () => one.leadership.isLeading);
  const two = await startTestPm(context, {}, world.connect(realEnv));
  await eventually('two follows', () => two.leadership.otherLeader === one.address);
  const nodes = startTestNodes(context, NAMES, { pms: [two.address, one.address] });
  await eventually('default', () => nodes.every((node) => node.topology?.tables.length === 1));
  await two.admin.createTable({ name: 'users', slots: 2 });
  assert.ok(
    (await two.admin.getCluster()).nodes.every((node) => node.alive),
    'read from the leader',
  );
  await one.close();
  await eventually('two leads', () => two.leadership.isLeading);
  await eventually('nodes went over', async () => (await two.admin.listNodes()).every((node) => node.alive));
  await two.admin.createTable({ name: 'more', slots: 2 });
  await eventually('told by two', () => nodes.every((node) => node.topology!.tables.length === 3));
});

test('a PM that comes back is found again by its nodes, which keep their ids', async (context) => {
  const world = new SimMetadata(realEnv, { leaseMs: 600 });
  const first = await startTestPm(context, {}, world.connect(realEnv));
  const node = new TestNode(context, { name: 'node-1', pms: [first.address] });
  await eventually('up', () => node.events.at(-1) === 'up');
  const identity = node.identity;
  await first.close();
  await eventually('down', () => node.events.at(-1) === 'down');
  await startTestPm(context, { port: first.port, httpPort: 0 }, world.connect(realEnv));
  await eventually('up again', () => node.events.at(-1) === 'up');
  assert.deepEqual(node.identity, identity);
});

test('a cluster token is asked of nodes always, and of admin calls when the settings say so', async (context) => {
  const clusterToken = 'a-long-secret';
  const pm = await startTestPm(context, { clusterToken, adminTokenRequired: true });
  const stranger = new TestNode(context, { name: 'stranger', pms: [pm.address] });
  const member = new TestNode(context, { name: 'member', pms: [pm.address], clusterToken });
  await eventually('member up', () => member.events.at(-1) === 'up');
  assert.equal((await pm.admin.listNodes()).length, 1);
  assert.deepEqual(stranger.events, []);
  const open = new AdminClient({ addresses: [pm.address], security: loadSecurity({}), env: realEnv });
  context.after(() => open.close());
  await assert.rejects(open.listNodes(), refusal('UNAUTHENTICATED', /token/));
});

test('admin calls need no token on loopback unless asked for', async (context) => {
  const pm = await startTestPm(context, { clusterToken: 'a-long-secret' });
  const open = new AdminClient({ addresses: [pm.address], security: loadSecurity({}), env: realEnv });
  context.after(() => open.close());
  await eventually('answers', () => open.listNodes().catch(() => undefined));
});

test('without a token PM refuses to listen beyond loopback, and says what to do', async (context) => {
  await assert.rejects(startTestPm(context, { host: '0.0.0.0' }), /set cluster-token/);
});

test('an admin client passes over a PM that is not there', async (context) => {
  const pm = await startTestPm(context);
  const addresses = ['127.0.0.1:1', pm.address];
  const client = new AdminClient({ addresses, security: loadSecurity({}), env: realEnv });
  context.after(() => client.close());
  await eventually('answers', () => client.listTables().catch(() => undefined));
});

test('services are found and called without proto files, by reflection; health is served', async (context) => {
  const pm = await startTestPm(context);
  await eventually('leading', () => pm.leadership.isLeading);
  const curl = async (...parts: readonly string[]): Promise<string> => {
    const buf = join(packageRoot(), 'node_modules', '.bin', 'buf');
    const base = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge'];
    return (await promisify(execFile)(buf, [...base, ...parts])).stdout;
  };
  const url = `http://127.0.0.1:${pm.port}`;
  const services = await curl(url, '--list-services');
  assert.deepEqual(services.trim().split('\n'), [
    'grpc.health.v1.Health',
    'talus.admin.v1.AdminService',
    'talus.placement.v1.PlacementService',
  ]);
  assert.match(await curl(url, '--list-methods'), /talus\.admin\.v1\.AdminService\/CreateTable/);
  const cluster = JSON.parse(await curl(`${url}/talus.admin.v1.AdminService/GetCluster`)) as {
    clusterId: string;
  };
  assert.equal(cluster.clusterId, pm.manager.state().cluster.clusterId);
  const tables = await curl('-d', '{"table":"none"}', `${url}/talus.admin.v1.AdminService/ListSlots`).catch(
    String,
  );
  assert.match(tables, /there is no table/);
  assert.match(await curl(`${url}/grpc.health.v1.Health/Check`), /SERVING/);
});

test('the HTTP port answers metrics, health, readiness, and nothing else', async (context) => {
  const pm = await startTestPm(context);
  await eventually('leading', () => pm.leadership.isLeading);
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${pm.httpPort}${path}`);
  assert.match(await (await get('/metrics')).text(), /^talus_pm_leading 1$/m);
  assert.equal((await get('/healthz')).status, 200);
  assert.deepEqual(await (await get('/readyz')).json(), { status: 'ok', reasons: ['this PM leads'] });
  assert.equal((await get('/')).status, 404);
});

test('not ready, with the reason, while the metadata has never been read', async (context) => {
  const store = new SimMetadata(realEnv).connect(realEnv);
  store.setReachable(false);
  const pm = await startTestPm(context, {}, store);
  const response = await fetch(`http://127.0.0.1:${pm.httpPort}/readyz`);
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), { status: 'unavailable', reasons: ['metadata not read yet'] });
  await assert.rejects(pm.admin.listTables(), refusal('UNAVAILABLE', /not been reached/));
});
