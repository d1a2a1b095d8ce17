/**
 * Settings: where they come from, which wins, and what a person is told who got one wrong.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Command } from 'commander';
import { z } from 'zod';
import { addConfigOptions, ConfigError, loadConfig } from '../../src/config.js';
import { pmConfigSchema } from '../../src/pm/config.js';
import { temporaryFolder } from '../pm/real.js';

const schema = z.object({
  port: z.int().min(1).max(65535).default(9300).describe('where to listen'),
  logLevel: z.enum(['info', 'warn']).default('info'),
  isReady: z.boolean().default(false),
  peers: z.array(z.string()).default([]),
  dataDir: z.string().min(1),
  clusterToken: z.string().min(1).optional().meta({ secret: true }),
});
const base = { TALUS_DATA_DIR: '/d' };

function complaint(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.ok(!error.message.includes('\n'), 'one line');
    return error.message;
  }
  throw new assert.AssertionError({ message: 'nothing was complained of' });
}

test('a flag beats the environment, that beats the file, that beats the default', async (context) => {
  const file = `${await temporaryFolder(context)}/c.yaml`;
  await writeFile(file, 'port: 1\nlog-level: warn\ndata-dir: /from-file\n');
  assert.equal(loadConfig(schema, { env: base }).port, 9300);
  assert.deepEqual(loadConfig(schema, { file }), {
    port: 1,
    logLevel: 'warn',
    isReady: false,
    peers: [],
    dataDir: '/from-file',
  });
  assert.equal(loadConfig(schema, { file, env: { TALUS_PORT: '2' } }).port, 2);
  assert.equal(loadConfig(schema, { file, env: { TALUS_PORT: '2' }, flags: { port: '3' } }).port, 3);
});

test('text from flags and the environment is read as the type of its key', () => {
  const env = { ...base, TALUS_IS_READY: 'true', TALUS_PEERS: 'a:1, b:2' };
  const config = loadConfig(schema, { env, flags: { port: '77' } });
  assert.deepEqual([config.isReady, config.peers, config.port], [true, ['a:1', 'b:2'], 77]);
});

test('a complaint names the key, where the value came from, the value, and what was expected', async (context) => {
  const file = `${await temporaryFolder(context)}/c.yaml`;
  await writeFile(file, 'port: many\n');
  assert.equal(
    complaint(() => loadConfig(schema, { file, env: base })),
    `port (from ${file}): "many" is not valid, expected an integer from 1 to 65535`,
  );
  assert.equal(
    complaint(() => loadConfig(schema, { env: { ...base, TALUS_LOG_LEVEL: 'loud' } })),
    'log-level (from TALUS_LOG_LEVEL): "loud" is not valid, expected one of info, warn',
  );
  assert.equal(
    complaint(() => loadConfig(schema, { env: base, flags: { isReady: 'maybe' } })),
    'is-ready (from --is-ready): "maybe" is not valid, expected true or false',
  );
  assert.match(
    complaint(() => loadConfig(schema, {})),
    /^data-dir is required .*TALUS_DATA_DIR/,
  );
});

test('an unknown key is refused with the nearest one, and what is no mapping or no YAML as such', async (context) => {
  const folder = await temporaryFolder(context);
  const withText = async (text: string): Promise<string> => {
    await writeFile(`${folder}/c.yaml`, text);
    return complaint(() => loadConfig(schema, { file: `${folder}/c.yaml`, env: base }));
  };
  assert.match(await withText('prot: 1\n'), /unknown key prot, did you mean port\?$/);
  assert.match(await withText('logLevel: info\n'), /unknown key logLevel, did you mean log-level\?$/);
  assert.match(await withText('- a\n- b\n'), /expected "key: value" lines$/);
  assert.match(await withText('a: [\n'), /not YAML/);
  assert.match(
    complaint(() => loadConfig(schema, { file: `${folder}/none.yaml` })),
    /cannot read .*none\.yaml/,
  );
});

test('a secret comes from the environment or a file of its own, never from a flag, the YAML, or a message', async (context) => {
  const folder = await temporaryFolder(context);
  await writeFile(`${folder}/token`, 'sesame\n');
  await writeFile(`${folder}/c.yaml`, `data-dir: /d\ncluster-token-file: ${folder}/token\n`);
  await writeFile(`${folder}/inline.yaml`, 'data-dir: /d\ncluster-token: sesame\n');
  assert.equal(loadConfig(schema, { file: `${folder}/c.yaml` }).clusterToken, 'sesame');
  assert.equal(loadConfig(schema, { env: { ...base, TALUS_CLUSTER_TOKEN: 'open' } }).clusterToken, 'open');
  const flags = { clusterTokenFile: `${folder}/token` };
  assert.equal(
    loadConfig(schema, { env: { ...base, TALUS_CLUSTER_TOKEN: 'open' }, flags }).clusterToken,
    'sesame',
  );
  const inline = complaint(() => loadConfig(schema, { file: `${folder}/inline.yaml` }));
  assert.match(inline, /use cluster-token-file or TALUS_CLUSTER_TOKEN/);
  const empty = complaint(() => loadConfig(schema, { env: { ...base, TALUS_CLUSTER_TOKEN: '' } }));
  assert.match(empty, /cluster-token \(from TALUS_CLUSTER_TOKEN\): its value is not valid/);
  const names = addConfigOptions(new Command(), schema).options.map((option) => option.long);
  assert.ok(names.includes('--cluster-token-file') && !names.includes('--cluster-token'));
});

test('every key of PM is an option with a description and a default that is valid', () => {
  const command = addConfigOptions(new Command(), pmConfigSchema);
  for (const option of command.options) assert.ok(option.description.length > 5, option.long);
  assert.equal(command.options.length, Object.keys(pmConfigSchema.shape).length + 1);
  const config = loadConfig(pmConfigSchema, {});
  assert.deepEqual([config.port, config.dataDir, config.bootstrapNodes], [9300, './data/pm-1', 3]);
  assert.match(
    complaint(() => loadConfig(pmConfigSchema, { flags: { metadata: 'zookeeper' } })),
    /etcd:\/\/host:port/,
  );
});
