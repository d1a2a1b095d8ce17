/**
 * The admin API as a stranger with a generic gRPC tool meets it: found by reflection, without proto files; and the APIs that
 * only members of the cluster may use, closed to those who have no token.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { packageRoot } from '../../jepsen-style/processes.js';
import { type Outcome, run } from './processes.js';
import { TalusCluster } from './talus-cluster.js';

const BUF = join(packageRoot(), 'node_modules', '.bin', 'buf');
const ADMIN = 'talus.admin.v1.AdminService';
const PLACEMENT = 'talus.placement.v1.PlacementService';
const PEER = 'talus.peer.v1.PeerService';
const CALL_MS_MAX = 20_000;

let cluster: TalusCluster;

before(async () => {
  cluster = await TalusCluster.start();
});

after(() => cluster?.stop());

/** buf asks the server for its description: it sees no file of ours. */
function buf(path: string, request: object | undefined, ...options: readonly string[]): Promise<Outcome> {
  const data = request === undefined ? [] : ['--data', JSON.stringify(request)];
  const url = `http://${cluster.pmAddress}${path}`;
  return run(BUF, ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...data, ...options, url]);
}

async function call(service: string, method: string, request: object = {}): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await buf(`/${service}/${method}`, request);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test('reflection lists the services and their methods', async () => {
  const services = (await buf('', undefined, '--list-services')).stdout.trim().split('\n');
  for (const name of [ADMIN, PLACEMENT, 'grpc.health.v1.Health']) assert.ok(services.includes(name), name);
  const methods = (await buf('', undefined, '--list-methods')).stdout.trim().split('\n');
  for (const name of ['GetCluster', 'ListTables', 'CreateTable', 'DropTable', 'TransferLeader']) {
    assert.ok(methods.includes(`${ADMIN}/${name}`), name);
  }
});

test('GetCluster, ListTables and CreateTable are called without proto files', async () => {
  const seen = await call(ADMIN, 'GetCluster');
  assert.deepEqual(Object.keys(seen).sort(), ['clusterId', 'epoch', 'nodes', 'tables']);
  assert.equal((seen.nodes as readonly unknown[]).length, 3);
  const made = await call(ADMIN, 'CreateTable', { name: 'via-grpc', slots: 2, mode: 'TABLE_MODE_QUORUM' });
  assert.deepEqual(made, {
    table: { tableId: '1', name: 'via-grpc', slots: 2, replicas: 3, mode: 'TABLE_MODE_QUORUM' },
  });
  const { tables } = (await call(ADMIN, 'ListTables')) as { tables: readonly { name: string }[] };
  assert.deepEqual(
    tables.map(({ name }) => name),
    ['default', 'via-grpc'],
  );
});

test('a bad request is told what was expected', async () => {
  const { code, stderr } = await buf(`/${ADMIN}/CreateTable`, { name: 'x', slots: 99_999 });
  assert.notEqual(code, 0);
  assert.match(stderr, /invalid_argument/);
  assert.match(stderr, /slots: 99999 is not valid, expected an integer from 1 to 16384/);
});

test('health answers', async () => {
  assert.deepEqual(await call('grpc.health.v1.Health', 'Check'), { status: 'SERVING' });
  assert.deepEqual(await call('grpc.health.v1.Health', 'Check', { service: ADMIN }), { status: 'SERVING' });
  for (const url of [
    `http://127.0.0.1:${cluster.pmPort + 1}/healthz`,
    `http://127.0.0.1:${cluster.pmPort + 1}/readyz`,
    `http://127.0.0.1:${cluster.httpPort(1)}/healthz`,
    `http://127.0.0.1:${cluster.httpPort(1)}/readyz`,
  ]) {
    const response = await fetch(url);
    assert.equal(response.status, 200, url);
    assert.equal(((await response.json()) as { status: string }).status, 'ok');
  }
});

/** The status with which a stream of the service ends. Nothing is sent: what is refused is the caller. */
function streamEnd(port: number, path: string, authorization: string | undefined): Promise<number> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  const raw = (bytes: Buffer): Buffer => bytes;
  const deadline = Date.now() + CALL_MS_MAX;
  const stream = client.makeBidiStreamRequest(path, raw, raw, metadata, { deadline });
  return new Promise<number>((resolve) => {
    stream.on('error', (error: ServiceError) => resolve(error.code));
    stream.on('data', () => {});
    stream.on('end', () => resolve(status.OK));
  }).finally(() => client.close());
}

test('a peer without the token is refused by every stream', async () => {
  const peerPort = cluster.port + 200;
  for (const method of ['Control', 'BinlogSync', 'Forward']) {
    const path = `/${PEER}/${method}`;
    assert.equal(await streamEnd(peerPort, path, undefined), status.UNAUTHENTICATED, method);
    assert.equal(await streamEnd(peerPort, path, 'Bearer guess'), status.UNAUTHENTICATED, method);
  }
});

test('the token opens the door, and the hello is asked for next', async () => {
  const token = (await readFile(join(cluster.dataDir, 'cluster-token'), 'utf8')).trim();
  const end = await streamEnd(cluster.port + 200, `/${PEER}/Control`, `Bearer ${token}`);
  assert.equal(end, status.FAILED_PRECONDITION);
});

test('placement is for members only', async () => {
  assert.equal(await streamEnd(cluster.pmPort, `/${PLACEMENT}/Session`, undefined), status.UNAUTHENTICATED);
  const { code, stderr } = await buf(`/${PLACEMENT}/Register`, { registrationKey: 'x'.repeat(32) });
  assert.notEqual(code, 0);
  assert.match(stderr, /unauthenticated/);
  assert.equal(((await call(ADMIN, 'GetCluster')).nodes as readonly unknown[]).length, 3, 'nobody joined');
});
