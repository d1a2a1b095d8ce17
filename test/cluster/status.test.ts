/**
 * `talus status` and `talus table`, and what tables promise clients: each its own keys, its own password, its own end.
 *
 * The default table of this cluster has no password; `orders` and `drafts` have one each.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../jepsen-style/processes.js';
import type { Outcome as Reply, RespClient } from '../../jepsen-style/resp-client.js';
import { type Outcome, run } from './processes.js';
import { TALUS, TalusCluster } from './talus-cluster.js';

interface Status {
  readonly clusterId: string;
  readonly epoch: number;
  readonly nodes: readonly StatusNode[];
  readonly tables: readonly StatusTable[];
}

interface StatusNode {
  readonly nodeId: number;
  readonly name: string;
  readonly respPort: number;
  readonly pid: number;
  readonly alive: boolean;
  readonly leaders: number;
}

interface StatusTable {
  readonly tableId: number;
  readonly name: string;
  readonly slotCount: number;
  readonly replicas: number;
  readonly mode: string;
  readonly passwordProtected: boolean;
  readonly slots: readonly {
    readonly leaderNodeId: number;
    readonly replicas: readonly { nodeId: number }[];
  }[];
}

const LEADERS_SPREAD_MS_MAX = 90_000;
let cluster: TalusCluster;

before(async () => {
  cluster = await TalusCluster.start();
});

after(() => cluster?.stop());

const talus = (...words: readonly string[]): Promise<Outcome> =>
  run(process.execPath, [TALUS, ...words, '--pm', cluster.pmAddress]);

async function good(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await talus(...words);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  return stdout;
}

const status = async (): Promise<Status> => JSON.parse(await good('status', '--json')) as Status;

/** A reply as redis-cli would show it. */
function shown(outcome: Reply): string {
  if (outcome.kind !== 'ok') return `(error) ${outcome.error}`;
  const { reply } = outcome;
  switch (reply.kind) {
    case 'integer':
      return `${reply.value}`;
    case 'null':
      return '(nil)';
    case 'array':
      return reply.items.map((item) => shown({ kind: 'ok', reply: item as never })).join(' ');
    default:
      return reply.text;
  }
}

const ask = async (client: RespClient, ...words: readonly string[]): Promise<string> =>
  shown(await client.call(...words));

/** Asks until the answer is as expected: topology reaches the nodes a moment after PM has answered. */
async function becomes(expected: RegExp, question: () => Promise<string>): Promise<void> {
  let answer = '';
  const isSo = async (): Promise<boolean> => {
    answer = await question();
    return expected.test(answer);
  };
  assert.ok(await waitUntil(isSo, 30_000), `${answer} does not become ${expected}`);
}

async function passwordFile(name: string, password: string): Promise<string> {
  const file = join(cluster.folder, name);
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return file;
}

test('npx finds the program of this checkout, without a registry', async () => {
  const environment = { npm_config_registry: 'http://127.0.0.1:1/', npm_config_offline: 'true' };
  const { code, stdout, stderr } = await run('npx', ['talus', 'status', '--pm', cluster.pmAddress], {
    environment,
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^table default {2}16 slots x 3 replicas {2}quorum {2}every slot has a leader$/m);
});

test('status shows nodes, slots and where their leaders are', async () => {
  const text = await good('status');
  const seen = await status();
  assert.match(text, new RegExp(`^cluster ${seen.clusterId} {2}epoch \\d+$`, 'm'));
  const pids = cluster.pids();
  for (const node of seen.nodes) {
    assert.equal(node.pid, pids[node.name]);
    assert.equal(node.alive, true);
    assert.match(text, new RegExp(`${node.name} +127.0.0.1:${node.respPort} .*${node.pid} +alive`));
  }
  assert.deepEqual(
    seen.nodes.map((node) => node.respPort).sort(),
    [0, 1, 2].map((i) => cluster.port + i),
  );
  const [table] = seen.tables;
  assert.deepEqual(
    { ...table, slots: table!.slots.length },
    {
      tableId: 0,
      name: 'default',
      slotCount: 16,
      replicas: 3,
      mode: 'quorum',
      passwordProtected: false,
      slots: 16,
    },
  );
  for (const slot of table!.slots) {
    assert.deepEqual(
      slot.replicas.map(({ nodeId }) => nodeId).sort(),
      seen.nodes.map((n) => n.nodeId).sort(),
    );
  }
});

test('leaders come to be spread over the nodes', async () => {
  let counts: readonly number[] = [];
  const isSpread = async (): Promise<boolean> => {
    counts = (await status()).nodes.map((node) => node.leaders);
    return counts.every((count) => count === 5 || count === 6);
  };
  assert.ok(await waitUntil(isSpread, LEADERS_SPREAD_MS_MAX, 500), `leaders: ${counts}`);
});

test('tables are made and listed', async () => {
  const orders = await passwordFile('orders', 'secret of orders');
  const drafts = await passwordFile('drafts', 'secret of drafts');
  const made = await good('table', 'create', 'orders', '--slots', '4', '--password-file', orders);
  assert.equal(made, 'table orders created: 4 slots x 3 replicas\n');
  await good('table', 'create', 'drafts', '--slots', '1', '--replicas', '1', '--password-file', drafts);
  const listed = JSON.parse(await good('table', 'list', '--json')) as readonly StatusTable[];
  assert.deepEqual(
    listed.map(({ name, slotCount, replicas, passwordProtected }) => [
      name,
      slotCount,
      replicas,
      passwordProtected,
    ]),
    [
      ['default', 16, 3, false],
      ['orders', 4, 3, true],
      ['drafts', 1, 1, true],
    ],
  );
  assert.deepEqual(new Set(listed.map(({ tableId }) => tableId)).size, 3);
  assert.match(await good('table', 'list'), /^ *orders\b|\borders\b/m);
  const twice = await talus('table', 'create', 'orders');
  assert.equal(twice.code, 1);
  assert.match(twice.stderr, /^talus: .*orders.*\n$/);
  const badName = await talus('table', 'create', 'No Such');
  assert.match(badName.stderr, /^talus: name: "No Such" is not valid, expected [^\n]*\n$/);
});

test('a table opens for its own password only', async () => {
  const client = await cluster.connect(1);
  await becomes(/^OK$/, () => ask(client, 'AUTH', 'orders', 'secret of orders'));
  await becomes(/^OK$/, () => ask(client, 'SET', 'who', 'orders'));
  client.close();
  const other = await cluster.connect(2);
  const wrong = '(error) WRONGPASS invalid username-password pair or user is disabled.';
  assert.equal(await ask(other, 'AUTH', 'orders', 'secret of drafts'), wrong);
  assert.equal(await ask(other, 'AUTH', 'nosuchtable', 'secret of orders'), wrong);
  assert.equal(await ask(other, 'SELECT', 'orders'), '(error) NOAUTH Authentication required.');
  assert.equal(await ask(other, 'GET', 'who'), '(nil)', 'still in table default');
  assert.equal(await ask(other, 'AUTH', 'orders', 'secret of orders'), 'OK');
  assert.equal(await ask(other, 'GET', 'who'), 'orders');
  assert.equal(await ask(other, 'SELECT', 'drafts'), '(error) NOAUTH Authentication required.');
  assert.equal(await ask(other, 'GET', 'who'), 'orders');
  other.close();
});

test('SELECT moves by name and by id between tables that were opened', async () => {
  const { tables } = await status();
  const ids = Object.fromEntries(tables.map(({ name, tableId }) => [name, `${tableId}`]));
  const client = await cluster.connect(3);
  assert.equal(await ask(client, 'AUTH', 'orders', 'secret of orders'), 'OK');
  assert.equal(await ask(client, 'AUTH', 'drafts', 'secret of drafts'), 'OK');
  await becomes(/^OK$/, () => ask(client, 'SET', 'who', 'drafts'));
  assert.equal(await ask(client, 'SELECT', ids.orders!), 'OK');
  assert.equal(await ask(client, 'GET', 'who'), 'orders');
  assert.equal(await ask(client, 'SELECT', 'drafts'), 'OK');
  assert.equal(await ask(client, 'GET', 'who'), 'drafts');
  assert.equal(await ask(client, 'SELECT', '0'), 'OK');
  assert.equal(await ask(client, 'GET', 'who'), '(nil)');
  assert.equal(await ask(client, 'SELECT', '99'), '(error) ERR DB index is out of range');
  assert.equal(await ask(client, 'SELECT', 'nosuchtable'), '(error) ERR invalid DB index');
  client.close();
});

test('a password given without a table opens the next SELECT', async () => {
  const client = await cluster.connect(1);
  assert.equal(await ask(client, 'AUTH', 'secret of drafts'), 'OK');
  assert.equal(await ask(client, 'SELECT', 'orders'), '(error) NOAUTH Authentication required.');
  assert.equal(await ask(client, 'SELECT', 'drafts'), 'OK');
  assert.equal(await ask(client, 'GET', 'who'), 'drafts');
  client.close();
});

test('KEYS, DBSIZE and FLUSHALL stay in their table', async () => {
  const [orders, drafts, plain] = await Promise.all([
    cluster.connect(1),
    cluster.connect(2),
    cluster.connect(3),
  ]);
  await ask(orders, 'AUTH', 'orders', 'secret of orders');
  await ask(drafts, 'AUTH', 'drafts', 'secret of drafts');
  for (let i = 0; i < 10; i++) assert.equal(await ask(orders, 'SET', `order:${i}`, `${i}`), 'OK');
  assert.equal(await ask(plain, 'SET', 'plain', '1'), 'OK');
  assert.equal(await ask(orders, 'DBSIZE'), '11');
  assert.equal(await ask(drafts, 'KEYS', '*'), 'who');
  assert.equal(await ask(plain, 'KEYS', '*'), 'plain');
  assert.equal(await ask(drafts, 'FLUSHALL'), 'OK');
  assert.equal(await ask(drafts, 'DBSIZE'), '0');
  assert.equal(await ask(orders, 'FLUSHDB'), 'OK');
  assert.equal(await ask(orders, 'DBSIZE'), '0');
  assert.equal(await ask(plain, 'GET', 'plain'), '1');
  for (const client of [orders, drafts, plain]) client.close();
});

test('a dropped table is gone, and a new one of its name is empty', async () => {
  const client = await cluster.connect(1);
  await ask(client, 'AUTH', 'orders', 'secret of orders');
  assert.equal(await ask(client, 'SET', 'who', 'orders'), 'OK');
  const asked = await talus('table', 'drop', 'orders');
  assert.match(asked.stderr, /--yes/);
  assert.equal(asked.code, 1);
  assert.equal(await good('table', 'drop', 'orders', '--yes'), 'table orders dropped\n');
  assert.deepEqual(
    (await status()).tables.map(({ name }) => name),
    ['default', 'drafts'],
  );
  await becomes(/^\(error\) /, () => ask(client, 'GET', 'who'));
  const answer = await ask(client, 'GET', 'who');
  assert.equal(answer, '(error) ERR the table of this connection was dropped: SELECT another');
  // 16 of default and that of drafts, which has one replica.
  const isCleared = async (): Promise<boolean> =>
    (await Promise.all([1, 2, 3].map((node) => cluster.metric(node, 'talus_replicas')))).reduce(
      (sum, count) => sum + count,
    ) === 49;
  assert.ok(await waitUntil(isCleared, 30_000), 'the replicas of the dropped table go');
  await good('table', 'create', 'orders', '--slots', '2');
  const again = await cluster.connect(2);
  await becomes(/^OK$/, () => ask(again, 'SELECT', 'orders'));
  await becomes(/^\(nil\)$/, () => ask(again, 'GET', 'who'));
  assert.equal(await ask(again, 'DBSIZE'), '0');
  assert.match(
    await ask(client, 'GET', 'who'),
    /^\(error\) /,
    'a connection of the old table sees nothing of the new',
  );
  client.close();
  again.close();
});
