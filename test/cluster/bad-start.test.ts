/**
 * What an operator got wrong: one clear line on standard error, exit code 1, and nothing left running.
 */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Outcome, run } from './processes.js';
import { TALUS, TalusCluster } from './talus-cluster.js';

const talus = (...args: readonly string[]): Promise<Outcome> => run(process.execPath, [TALUS, ...args]);

function assertOneLine(outcome: Outcome, message: RegExp): void {
  assert.match(outcome.stderr, /^talus: [^\n]*\n$/, 'one line');
  assert.match(outcome.stderr, message);
  assert.equal(outcome.code, 1);
}

async function prepared(context: TestContext): Promise<TalusCluster> {
  const cluster = await TalusCluster.prepare();
  context.after(() => cluster.stop());
  return cluster;
}

/** `talus start` on the cluster's ports and folder, which must fail. */
async function start(cluster: TalusCluster, ...more: readonly string[]): Promise<Outcome> {
  const { port, pmPort, dataDir } = cluster;
  const places = ['--port', `${port}`, '--pm-port', `${pmPort}`, '--data-dir', dataDir];
  const outcome = await talus('start', ...places, ...more);
  assert.deepEqual(cluster.processes(), [], 'nothing half-started is left');
  assert.doesNotMatch(outcome.stdout, /ready/);
  return outcome;
}

/** Somebody else has the port. */
async function occupy(context: TestContext, port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  context.after(() => server.close());
}

const OCCUPIED = [
  { what: 'the RESP port of node 2', offset: 1, who: 'node-2' },
  { what: 'the cluster port of node 1', offset: 100, who: 'node-1' },
  { what: 'the peer port of node 3', offset: 202, who: 'node-3' },
  { what: 'the HTTP port of node 1', offset: 400, who: 'node-1' },
  { what: 'the gRPC port of PM', offset: 600, who: 'pm-1' },
  { what: 'the HTTP port of PM', offset: 601, who: 'pm-1' },
] as const;

for (const { what, offset, who } of OCCUPIED) {
  test(`${what} is in use`, async (context) => {
    const cluster = await prepared(context);
    const port = cluster.port + offset;
    await occupy(context, port);
    assertOneLine(await start(cluster), new RegExp(`^talus: ${who}: .*127\\.0\\.0\\.1:${port}\\b.* in use`));
    assert.deepEqual(cluster.pidFiles(), []);
  });
}

test('a failed start can be repeated when the port is free', async (context) => {
  const cluster = await prepared(context);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(cluster.port + 202, '127.0.0.1', resolve));
  assertOneLine(await start(cluster), /in use/);
  await new Promise((resolve) => server.close(resolve));
  await cluster.launch();
});

test('the data folder cannot be written', async (context) => {
  const cluster = await prepared(context);
  await mkdir(cluster.folder, { recursive: true });
  // Root may write anywhere, but not below a file.
  await writeFile(cluster.dataDir, 'a file\n');
  assertOneLine(
    await start(cluster),
    new RegExp(`data-dir ${cluster.dataDir} cannot be written: (ENOTDIR|EEXIST)`),
  );
});

test('a process folder cannot be written', async (context) => {
  const cluster = await prepared(context);
  await mkdir(cluster.dataDir, { recursive: true });
  await writeFile(join(cluster.dataDir, 'node-2'), 'a file\n');
  assertOneLine(await start(cluster), new RegExp(`data-dir ${cluster.dataDir}.* cannot be written: `));
});

test('the folder belongs to a cluster that runs', async (context) => {
  const running = await TalusCluster.start({ nodes: 1 });
  context.after(() => running.stop());
  const before = running.pids();
  const other = await prepared(context);
  const places = ['--port', `${other.port}`, '--pm-port', `${other.pmPort}`, '--nodes', '1'];
  const outcome = await talus('start', ...places, '--data-dir', running.dataDir);
  assertOneLine(outcome, /data-dir .* is in use by process \d+/);
  assert.deepEqual(running.pids(), before);
  const client = await running.connect();
  assert.deepEqual(await client.call('SET', 'a', '1'), { kind: 'ok', reply: { kind: 'simple', text: 'OK' } });
  client.close();
  assert.match((await talus('status', '--pm', running.pmAddress)).stdout, /every slot has a leader/);
});

test('options', async (context) => {
  const cluster = await prepared(context);
  assertOneLine(await start(cluster, '--nodes', 'many'), /nodes.*--nodes.*"many".*integer from 1 to 64/);
  assertOneLine(await start(cluster, '--slots', '0'), /slots.*"0".*from 1 to 16384/);
  assertOneLine(await start(cluster, '--nods', '3'), /unknown option '--nods'.*--nodes/);
  assertOneLine(await start(cluster, '--metadata', 'redis://x'), /metadata.*"redis:\/\/x".*etcd:\/\//);
  assertOneLine(
    await start(cluster, '--pm-port', `${cluster.port + 1}`),
    /choose another --port or --pm-port/,
  );
  assertOneLine(await start(cluster, '--port', '65500'), /beyond 65535/);
  assertOneLine(await start(cluster, '--replicas', '4'), /replicas.*"4".*one of 1, 3, 5, 7/);
  assertOneLine(await start(cluster, '--leader', 'node-4'), /leader.*"node-4".*node-1 to node-3/);
  assertOneLine(await start(cluster, '--hosts', '4'), /hosts: 4 are more than the 3 nodes/);
  assertOneLine(
    await start(cluster, '--nodes', '4', '--hosts', '2', '--replicas', '3'),
    /replicas: 3 need as many hosts, and --hosts is 2/,
  );
  assertOneLine(await talus('stat'), /unknown command 'stat'/);
});

test('a configuration file', async (context) => {
  const cluster = await prepared(context);
  await mkdir(cluster.dataDir, { recursive: true });
  const file = join(cluster.dataDir, 'node.yaml');
  const node = async (text: string): Promise<Outcome> => {
    await writeFile(file, text);
    return talus('node', '--config', file);
  };
  assertOneLine(await node('prot: 1\n'), /node\.yaml: unknown key prot, did you mean port\?/);
  assertOneLine(await node('port: many\n'), /port \(from .*node\.yaml\): "many".*0 to 65535/);
  assertOneLine(await node('port: [\n'), /node\.yaml: not YAML/);
  assertOneLine(await node('cluster-token: abc\n'), /cluster-token is a secret/);
  assertOneLine(await node(`data-dir: ${cluster.dataDir}/n\nhost: 0.0.0.0\n`), /0\.0\.0\.0.*(token|TLS)/i);
  assertOneLine(await talus('node', '--config', `${file}.missing`), /cannot read .*missing/);
  assert.deepEqual(cluster.processes(), []);
});
