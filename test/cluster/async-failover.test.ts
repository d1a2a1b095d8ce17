/**
 * An async table as a user meets it: made by command, shown by status, and a leader that answers while nobody else can: what it
 * loses by that, it says when it is back. And `WAIT`, which tells who has what, through any node.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { signal } from '../../jepsen-style/processes.js';
import type { RespClient } from '../../jepsen-style/resp-client.js';
import { TALUS, TalusCluster } from './talus-cluster.js';
import { within } from './within.js';

async function talus(...words: readonly string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [TALUS, ...words])).stdout;
}

async function reply(client: RespClient, ...words: readonly string[]): Promise<unknown> {
  const outcome = await client.call(...words);
  assert.equal(outcome.kind, 'ok', `${words.join(' ')}: ${JSON.stringify(outcome)}`);
  if (outcome.kind !== 'ok') return undefined;
  const { reply: found } = outcome;
  if (found.kind === 'integer') return found.value;
  return 'text' in found ? found.text : found;
}

async function asyncInfo(client: RespClient, field: string): Promise<string | undefined> {
  const text = String(await reply(client, 'INFO', 'async'));
  return new RegExp(`^${field}:(.*)\r$`, 'm').exec(text)?.[1];
}

test('an async table answers without the others, and its former leader rolls back and counts what they never had', async (context) => {
  const cluster = await TalusCluster.start({ args: ['--slots', '1'] });
  context.after(() => cluster.stop());
  const { pmAddress } = cluster;
  await talus('table', 'create', 'quick', '--mode', 'async', '--slots', '1', '--pm', pmAddress);
  assert.match(await talus('status', '--pm', pmAddress), /table quick {2}1 slots x 3 replicas {2}async/);
  const clients = await Promise.all([1, 2, 3].map((node) => cluster.connect(node)));
  await within('every node to know the table', async () =>
    (await Promise.all(clients.map((client) => client.call('SELECT', 'quick')))).every(
      ({ kind }) => kind === 'ok',
    ),
  );
  await within('a first write', async () => (await clients[0]!.call('SET', 'base', '1')).kind === 'ok');
  // Through nodes that lead nothing as well.
  for (const client of clients) {
    await reply(client, 'SET', 'seen', 'by all');
    assert.equal(await reply(client, 'WAIT', '2', '10000'), 2);
  }
  const status = JSON.parse(await talus('status', '--json', '--pm', pmAddress)) as {
    tables: { name: string; slots: { leaderNodeId: number }[] }[];
    nodes: { nodeId: number; name: string }[];
  };
  const leaderId = status.tables.find(({ name }) => name === 'quick')!.slots[0]!.leaderNodeId;
  const { name } = status.nodes.find(({ nodeId }) => nodeId === leaderId)!;
  const number = Number(name.slice('node-'.length));
  const leader = clients[number - 1]!;
  const others = [1, 2, 3].filter((node) => node !== number).map((node) => `node-${node}`);
  const pids = others.map((other) => cluster.pidOf(other));
  // Dead and not stopped: nothing may wait for them in a socket.
  for (const pid of pids) signal(pid, 'SIGKILL');
  await reply(leader, 'SET', 'base', 'lost');
  await reply(leader, 'RPUSH', 'list', 'lost', 'too');
  assert.equal(await reply(leader, 'WAIT', '1', '50'), 0);
  signal(cluster.pidOf(name), 'SIGSTOP');
  await within('the others to be gone', async () => pids.every((pid) => !cluster.processes().includes(pid)));
  for (const other of others) cluster.startAgain(other);
  await within('another leader', async () => {
    const survivor = await cluster.connect(1 + (number % 3));
    // One after the other, and not at all where the first failed: what follows would go to the default table.
    // And this write must not be lost as well, should the new leader stumble over its start: the other one has it.
    const replicas = await reply(survivor, 'SELECT', 'quick')
      .then(() => reply(survivor, 'SET', 'base', 'kept'))
      .then(() => reply(survivor, 'WAIT', '1', '5000'))
      .finally(() => survivor.close());
    return Number(replicas) >= 1;
  });
  signal(cluster.pidOf(name), 'SIGCONT');
  const back = await cluster.connect(number);
  await within('the former leader to count', async () => (await asyncInfo(back, 'async_writes_cut')) === '2');
  assert.equal(await asyncInfo(back, 'async_keys_cut'), '2');
  assert.equal(await asyncInfo(back, 'async_rollbacks'), '1');
  assert.equal(await asyncInfo(back, 'async_tables'), 'quick');
  assert.equal(await cluster.metric(number, 'talus_async_writes_cut_total'), 2);
  for (const node of [1, 2, 3]) {
    await within(`the same on node ${node}`, async () => {
      const client = await cluster.connect(node);
      try {
        for (const words of [['SELECT', 'quick'], ['READONLY']]) await reply(client, ...words);
        assert.equal(await reply(client, 'GET', 'base'), 'kept');
        assert.equal(await reply(client, 'LLEN', 'list'), 0);
        return true;
      } finally {
        client.close();
      }
    });
  }
});
