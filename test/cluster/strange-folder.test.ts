/**
 * Data folders that are not this node's, or not as they were: refused in one line before anything in them is touched. And what has
 * no other copy: kept, said, and not given up.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { signal, waitUntil } from '../../jepsen-style/processes.js';
import { type Outcome, run } from './processes.js';
import { TALUS, TalusCluster } from './talus-cluster.js';

const WAIT_MS_MAX = 60_000;

let cluster: TalusCluster;
let other: TalusCluster;

before(async () => {
  cluster = await TalusCluster.start({ args: ['--slots', '2'] });
  other = await TalusCluster.start({ nodes: 1, args: ['--slots', '1'] });
});

after(async () => {
  await cluster?.stop();
  await other?.stop();
});

const folderOf = (node: number, of = cluster): string => join(of.dataDir, `node-${node}`);

async function kill(node: number, of = cluster): Promise<void> {
  const pid = of.pidOf(`node-${node}`);
  signal(pid, 'SIGKILL');
  await waitUntil(() => !of.processes().includes(pid), WAIT_MS_MAX);
}

async function untilReady(node: number, of = cluster): Promise<void> {
  assert.ok(await waitUntil(() => of.isReady(node), WAIT_MS_MAX, 100), `node-${node} is not ready`);
}

/** A node on that file of settings, with these in its place, to its end. */
function start(node: number, ...changes: readonly string[]): Promise<Outcome> {
  return run(process.execPath, [TALUS, 'node', '--config', join(folderOf(node), 'node.yaml'), ...changes]);
}

/** Every file below the folder, with its content. */
async function imageOf(folder: string): Promise<string> {
  const hash = createHash('sha1');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries
    .filter((each) => each.isFile())
    .sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1)))
    hash.update(pathOf(entry)).update(await readFile(pathOf(entry)));
  return hash.digest('hex');
}

function pathOf(entry: { readonly parentPath: string; readonly name: string }): string {
  return join(entry.parentPath, entry.name);
}

/** Refused with exit code 1 and one line, and every byte of the folder as it was. */
async function assertRefused(
  message: RegExp,
  folder: string,
  starting: () => Promise<Outcome>,
): Promise<void> {
  const before = await imageOf(folder);
  const { code, stderr } = await starting();
  assert.match(stderr, /^talus: [^\n]*\n$/, 'one line');
  assert.match(stderr, message);
  assert.equal(code, 1);
  assert.equal(await imageOf(folder), before, 'nothing was touched');
}

test('two processes on one folder', async () => {
  const outcome = await start(3, '--port', `${cluster.port + 50}`);
  assert.match(outcome.stderr, /data-dir .*node-3 is in use by process \d+/);
  assert.equal(outcome.code, 1);
});

test('the folder of another node of the same cluster', async () => {
  await kill(3);
  await assertRefused(
    /node-3 belongs to node node-3 \(id \d+ of cluster [0-9a-f]+\), this is node-2/,
    folderOf(3),
    () => start(3, '--name', 'node-2'),
  );
});

test('the folder of another cluster', async () => {
  await kill(1, other);
  const folder = folderOf(1, other);
  await assertRefused(
    /node id 1 of cluster [0-9a-f]+\) is refused .*belongs to cluster .*, this is/,
    folder,
    () => start(1, '--data-dir', folder, '--port', `${cluster.port + 50}`),
  );
  other.startAgain('node-1');
  await untilReady(1, other);
});

test('a folder of a newer format, and one of an older', async () => {
  const file = join(folderOf(3), 'identity.json');
  const text = await readFile(file, 'utf8');
  for (const [format, whose] of [
    [3, 'a newer'],
    [1, 'an older'],
  ] as const) {
    await writeFile(file, text.replace('"format": 2', `"format": ${format}`));
    const message = new RegExp(
      `is of format ${format}, this program reads format 2: ${whose} version of Talus`,
    );
    await assertRefused(message, folderOf(3), () => start(3));
  }
  await writeFile(file, text);
});

test('an older copy of the own folder, with PM and without', async () => {
  const copy = join(cluster.folder, 'copy');
  await cp(folderOf(3), copy, { recursive: true });
  cluster.startAgain('node-3');
  await untilReady(3);
  await kill(3);
  const now = join(cluster.folder, 'now');
  await cp(folderOf(3), now, { recursive: true });
  await rm(folderOf(3), { recursive: true });
  await cp(copy, folderOf(3), { recursive: true });
  await assertRefused(/refused .*node-3\) is an older copy: it has been started \d+ times/, folderOf(3), () =>
    start(3),
  );
  // Without PM it is the peers that know, and then it stops by itself.
  const outcome = await start(3, '--pm', '127.0.0.1:1');
  assert.match(
    outcome.stderr,
    /node \d+ speaks for an(other|older)? copy|speaks for an older copy of its data folder/,
  );
  assert.notEqual(outcome.code, 0);
  await rm(folderOf(3), { recursive: true });
  await cp(now, folderOf(3), { recursive: true });
  cluster.startAgain('node-3');
  await untilReady(3);
});

test('the only copy of a slot is damaged: the node does not start, says which and why, and keeps what there is', async () => {
  const client = await other.connect();
  assert.equal((await client.call('SET', 'a', '1')).kind, 'ok');
  client.close();
  await kill(1, other);
  const folder = folderOf(1, other);
  const segment = join(folder, 'binlog', '00000001.seg');
  const whole = await readFile(segment);
  const config = ['node', '--config', join(folder, 'node.yaml')];
  const rotten = Buffer.from(whole);
  rotten[60]! ^= 1;
  await writeFile(segment, rotten);
  const outcome = await run(process.execPath, [TALUS, ...config]);
  assert.match(
    outcome.stderr,
    /slot 0 of table 0.*(only copy|no other copy)|no other copy; slot 0 of table 0/,
  );
  assert.match(outcome.stderr, /binlog\/00000001\.seg at \d+/);
  assert.equal(outcome.code, 1);
  await writeFile(segment, whole);
  const current = join(folder, 'engine', 'CURRENT');
  const text = await readFile(current);
  await rm(current);
  const engine = await run(process.execPath, [TALUS, ...config]);
  assert.match(
    engine.stderr,
    /engine is damaged \(.*CURRENT is missing.*1 slots have their only copy in it, 0 of table default/,
  );
  assert.equal(engine.code, 1);
  await writeFile(current, text);
  other.startAgain('node-1');
  await untilReady(1, other);
  const again = await other.connect();
  assert.deepEqual(await again.call('GET', 'a'), { kind: 'ok', reply: { kind: 'bulk', text: '1' } });
  again.close();
});

test('talus binlog: reads a running node, and a stopped one that is damaged', async () => {
  const folder = folderOf(1);
  const talus = (...words: readonly string[]): Promise<Outcome> =>
    run(process.execPath, [TALUS, 'binlog', ...words]);
  const verified = await talus('verify', folder);
  assert.equal(verified.code, 0, verified.stderr);
  assert.match(verified.stdout, /\d+ segments, \d+ bytes, \d+ frames, 2 replicas: whole/);
  const client = await cluster.connect();
  assert.equal((await client.call('SET', 'dumped\u0001', 'a value')).kind, 'ok');
  client.close();
  const dumped = await talus('dump', folder);
  assert.match(
    dumped.stdout,
    /entry.*: index \d+, term \d+, type command, .*\(SET "dumped\\x01" "a value"\)/,
  );
  const lines = (await talus('dump', join(folder, 'binlog'), '--json', '--replica', '1', '--from', '1'))
    .stdout;
  const objects = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { replica: number; index: number });
  assert.ok(objects.every(({ replica, index }) => replica === 1 && index >= 1));
  const copy = join(cluster.folder, 'rotten');
  await cp(join(folder, 'binlog'), join(copy, 'binlog'), { recursive: true });
  const segment = join(copy, 'binlog', '00000001.seg');
  const bytes = await readFile(segment);
  bytes[70]! ^= 4;
  await writeFile(segment, bytes);
  const found = await talus('verify', copy);
  assert.equal(found.code, 1);
  assert.match(found.stdout, /damage: binlog\/00000001\.seg at \d+: [\s\S]*\d damaged places?\n/);
  const none = await talus('verify', cluster.folder);
  assert.deepEqual([none.code, none.stderr.includes('no binlog in')], [1, true]);
});
