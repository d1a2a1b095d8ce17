/**
 * `talus start --leader` and `--hosts`: who leads, and where copies may be. One cluster lives through the file.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { signal, waitForExit, waitUntil } from '../../jepsen-style/processes.js';
import { run } from './processes.js';
import { TALUS, TalusCluster } from './talus-cluster.js';

const NODES = 6;
const HOSTS = 3;
const SLOTS = 16;
/** The balancer waits until leaders and nodes have settled, and lets a group rest after an order. */
const BACK_MS_MAX = 90_000;
const LED_MS_MAX = 30_000;

interface Status {
  readonly nodes: readonly { readonly nodeId: number; readonly name: string; readonly machine: string }[];
  readonly tables: readonly {
    readonly slots: readonly {
      readonly leaderNodeId: number;
      readonly replicas: readonly { readonly nodeId: number }[];
    }[];
  }[];
}

let cluster: TalusCluster;

before(async () => {
  const args = ['--slots', `${SLOTS}`, '--hosts', `${HOSTS}`, '--leader', 'node-1'];
  cluster = await TalusCluster.start({ nodes: NODES, args });
});

after(() => cluster?.stop());

async function status(): Promise<Status> {
  const outcome = await run(process.execPath, [TALUS, 'status', '--json', '--pm', cluster.pmAddress]);
  assert.equal(outcome.code, 0, outcome.stderr);
  return JSON.parse(outcome.stdout) as Status;
}

/** Slots that the named node holds, and how many of them it leads. */
function heldAndLed({ nodes, tables }: Status, name: string): { held: number; led: number } {
  const id = nodes.find((node) => node.name === name)!.nodeId;
  const held = tables[0]!.slots.filter(({ replicas }) => replicas.some(({ nodeId }) => nodeId === id));
  return { held: held.length, led: held.filter(({ leaderNodeId }) => leaderNodeId === id).length };
}

async function untilItLeadsAll(name: string): Promise<void> {
  const leadsAll = async (): Promise<boolean> => {
    const { held, led } = heldAndLed(await status(), name);
    return held > 0 && held === led;
  };
  assert.ok(await waitUntil(leadsAll, BACK_MS_MAX, 500), JSON.stringify(heldAndLed(await status(), name)));
}

test('six nodes as on three hosts: each slot has a copy on every host, and the nodes of a host share them', async () => {
  const { nodes, tables } = await status();
  assert.match(cluster.output, /as on 3 hosts; node-1 leads/);
  const machineOf = new Map(nodes.map(({ nodeId, machine }) => [nodeId, machine]));
  const held = new Map(nodes.map(({ nodeId }) => [nodeId, 0]));
  for (const { replicas } of tables[0]!.slots) {
    assert.deepEqual(replicas.map(({ nodeId }) => machineOf.get(nodeId)).sort(), [
      'host-1',
      'host-2',
      'host-3',
    ]);
    for (const { nodeId } of replicas) held.set(nodeId, held.get(nodeId)! + 1);
  }
  assert.deepEqual([...held.values()], new Array(NODES).fill((SLOTS * HOSTS) / NODES));
});

test('the preferred node leads what it holds, others do while it is away, and it gets everything back', async () => {
  await untilItLeadsAll('node-1');
  const pid = cluster.pidOf('node-1');
  signal(pid, 'SIGKILL');
  assert.ok(await waitForExit(pid, 10_000));
  const client = await cluster.connect(2, LED_MS_MAX);
  for (let key = 0; key < 100; key++) {
    // What was on its way to the dead node is unknown, and may be said again: a SET.
    const isSet = async (): Promise<boolean> => (await client.call('SET', `k:${key}`, 'v')).kind === 'ok';
    assert.ok(await waitUntil(isSet, LED_MS_MAX), `k:${key}`);
  }
  client.close();
  cluster.startAgain('node-1');
  await untilItLeadsAll('node-1');
});
