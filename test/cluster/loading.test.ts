/** A node that knows itself and not yet its cluster: it tells clients to wait, in the words that they wait for. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { TOPOLOGY_FILE } from '../../src/node/data-folder.js';
import { TalusCluster } from './talus-cluster.js';
import { within } from './within.js';

test('without topology and placement manager, a node is loading; with both again, it has its keys', async (context) => {
  const cluster = await TalusCluster.start({ nodes: 1, args: ['--slots', '1'] });
  context.after(() => cluster.stop());
  const ask = async (...words: readonly string[]): Promise<string> => {
    const client = await cluster.connect();
    const outcome = await client.call(...words).finally(() => client.close());
    if (outcome.kind !== 'ok') return outcome.error;
    return 'text' in outcome.reply ? outcome.reply.text : JSON.stringify(outcome.reply);
  };
  assert.equal(await ask('SET', 'a', 'kept'), 'OK');
  assert.match(await ask('INFO', 'persistence'), /^loading:0\r$/m);
  cluster.interrupt();
  await cluster.launcherExit();
  await rm(join(cluster.dataDir, 'node-1', TOPOLOGY_FILE));
  cluster.startAgain('node-1');
  await within('it is loading', async () => /^loading:1\r$/m.test(await ask('INFO', 'persistence')));
  assert.match(await ask('GET', 'a'), /^LOADING /);
  assert.match(await ask('SELECT', 'other'), /^LOADING /);
  cluster.startAgain('pm-1');
  await within('it has its keys', async () => (await ask('GET', 'a')) === 'kept');
  assert.match(await ask('INFO', 'persistence'), /^loading:0\r$/m);
});
