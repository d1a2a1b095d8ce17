/**
 * The commands as users type them, in processes of their own, against a PM process with simulated nodes.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startTestNodes } from '../pm/cluster.js';
import { freePort } from '../pm/etcd-process.js';
import { eventually, temporaryFolder } from '../pm/real.js';

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../../src/cli/main.js');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function talus(...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

interface PmProcess {
  readonly child: ChildProcess;
  readonly address: string;
  readonly folder: string;
}

async function startPmProcess(context: TestContext): Promise<PmProcess> {
  const folder = join(await temporaryFolder(context), 'pm-1');
  const port = await freePort();
  const args = [
    MAIN,
    'pm',
    '--port',
    String(port),
    '--http-port',
    String(await freePort()),
    '--data-dir',
    folder,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  context.after(() => child.kill('SIGKILL'));
  const address = `127.0.0.1:${port}`;
  await eventually('PM answers', async () => (await talus('status', '--pm', address)).code === 0);
  return { child, address, folder };
}

function assertOneLine(outcome: Outcome, message: RegExp): void {
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /^talus: [^\n]*\n$/);
  assert.match(outcome.stderr, message);
  assert.equal(outcome.stdout, '');
}

test('a PM process, tables and status from start to stop', async (context) => {
  const { child, address, folder } = await startPmProcess(context);
  assert.equal(Number(await readFile(join(folder, 'pid'), 'utf8')), child.pid);
  startTestNodes(context, ['node-1', 'node-2', 'node-3'], { pms: [address] });
  const status = await eventually('all slots led', async () => {
    const { stdout } = await talus('status', '--json', '--pm', address);
    const now = JSON.parse(stdout) as StatusDocument;
    return now.tables[0]?.slots.every((slot) => slot.leaderNodeId > 0) && now;
  });
  assert.deepEqual(Object.keys(status), ['clusterId', 'epoch', 'nodes', 'tables']);
  const [node] = status.nodes;
  for (const key of [
    'nodeId',
    'name',
    'host',
    'respPort',
    'clusterPort',
    'peerPort',
    'httpPort',
    'pid',
    'alive',
    'leaders',
  ]) {
    assert.ok(key in node!, key);
  }
  const slot = status.tables[0]!.slots[0]!;
  for (const key of ['slot', 'groupId', 'leaderNodeId', 'term', 'commitIndex', 'appliedIndex', 'replicas']) {
    assert.ok(key in slot, key);
  }
  for (const key of ['wishedNodeIds', 'voterNodeIds', 'learnerNodeIds', 'joint', 'asWished']) {
    assert.ok(key in slot, key);
  }

  const password = join(folder, 'password');
  await writeFile(password, 'sesame\n');
  const created = await talus(
    'table',
    'create',
    'users',
    '--slots',
    '4',
    '--password-file',
    password,
    '--pm',
    address,
  );
  assert.equal(created.stdout, 'table users created: 4 slots x 3 replicas\n');
  assert.match((await talus('table', 'list', '--pm', address)).stdout, /users\s+4\s+3\s+quorum\s+yes/);
  assert.match(
    (await talus('status', '--pm', address)).stdout,
    /node-2.*alive[\s\S]*table users {2}4 slots x 3 replicas/,
  );
  assertOneLine(await talus('table', 'create', 'users', '--pm', address), /there is a table "users" already/);
  const quick = await talus('table', 'create', 'quick', '--mode', 'async', '--pm', address);
  assert.equal(quick.stdout, 'table quick created: 16 slots x 3 replicas\n');
  assert.match((await talus('table', 'list', '--pm', address)).stdout, /quick\s+16\s+3\s+async\s+no/);
  assert.match((await talus('status', '--pm', address)).stdout, /table quick .* replicas {2}async/);
  assertOneLine(
    await talus('table', 'create', 'quick', '--pm', address),
    /already, in async mode: a table keeps its mode for life/,
  );
  const replicas = (...words: readonly string[]): Promise<Outcome> =>
    talus('table', 'replicas', 'users', ...words, '--pm', address);
  assert.equal((await replicas('1')).stdout, 'table users: 1 replicas wished, the slots are changing\n');
  assert.equal(
    (await replicas('1', '--wait')).stdout,
    'table users: 1 replicas wished, every slot has them\n',
  );
  assertOneLine(await replicas('2'), /^talus: replicas: 2 is not valid, expected 1, 3, 5 or 7/);
  assertOneLine(await replicas('many'), /number: "many" is not valid, expected an integer/);
  assertOneLine(await talus('table', 'drop', 'users', '--pm', address), /repeat with --yes/);
  assert.equal(
    (await talus('table', 'drop', 'users', '--yes', '--pm', address)).stdout,
    'table users dropped\n',
  );

  const second = ['pm', '--port', address.split(':')[1]!, '--data-dir', `${folder}-2`];
  assertOneLine(await talus(...second), /in use by another process/);
  const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
  assert.equal(existsSync(join(folder, 'pid')), false);
});

test('mistakes on the command line end in one line and exit code 1', async (context) => {
  const folder = await temporaryFolder(context);
  assertOneLine(await talus('status', '--pm', '127.0.0.1:1'), /no PM answers at 127\.0\.0\.1:1/);
  assertOneLine(
    await talus('status', '--pm', 'nonsense'),
    /pm \(from --pm\): "nonsense" is not valid, expected host:port$/m,
  );
  assertOneLine(await talus('stauts'), /unknown command 'stauts'/);
  assertOneLine(
    await talus('pm', '--port', 'x'),
    /port \(from --port\): "x" is not valid, expected an integer/,
  );
  assertOneLine(await talus('table', 'create', 'x', '--slots', 'many'), /--slots: "many" is not valid/);
  assertOneLine(await talus('table', 'create', 'x', '--password-prompt'), /needs a terminal/);
  await writeFile(`${folder}/file`, '');
  assertOneLine(await talus('pm', '--data-dir', `${folder}/file/x`), /data-dir .* cannot be written/);
});

interface StatusDocument {
  readonly nodes: readonly object[];
  readonly tables: readonly { readonly slots: readonly { readonly leaderNodeId: number }[] }[];
}
