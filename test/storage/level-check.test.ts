/**
 * LevelDB's folder, damaged in every way that a disk knows, one test a line: found before it opens, and named. The folder that they
 * begin with has two tables, a log of many batches and one of a few, as a process leaves it that was killed.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isDamage } from '../../src/storage/damage.js';
import type { EngineWrite } from '../../src/storage/engine.js';
import { openEngineFolder, putEngineAside } from '../../src/storage/engine-folder.js';
import { checkLevelFolder, namesIn, tablesIn } from '../../src/storage/level-check.js';
import { openLevelEngine } from '../../src/storage/level-engine.js';
import { sealEngine } from '../../src/storage/sealed-engine.js';

let root: string;
let whole: string;
let copies = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'talus-level-'));
  whole = join(root, 'whole');
  const folder = join(root, 'running');
  // A small memory table, so that tables come to be; copied while it runs, as a kill would leave it.
  const engine = await openLevelEngine(folder, { writeBufferBytes: 64 * 1024 });
  for (let batch = 0; batch < 60; batch++) await engine.write(rows(batch, 40), { sync: true });
  for (let batch = 60; batch < 75; batch++) await engine.write(rows(batch, 4), { sync: true });
  await settled(folder);
  await cp(folder, whole, { recursive: true });
  await engine.close();
});

after(() => rm(root, { recursive: true, force: true }));

function rows(batch: number, count: number): EngineWrite[] {
  return Array.from({ length: count }, (_, i) => ({
    kind: 'put',
    key: Buffer.from(`key ${batch} ${i}`),
    value: Buffer.alloc(100, `${batch}.${i} `),
  }));
}

/** LevelDB works on its tables in a thread of its own: until nothing changes any more. */
async function settled(folder: string): Promise<void> {
  for (let before = ''; ; ) {
    const now = (await namesIn(folder)).join();
    if (now === before) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

async function copy(): Promise<string> {
  const folder = join(root, `copy-${++copies}`);
  await cp(whole, folder, { recursive: true });
  return folder;
}

/** The last file of a kind: the log or the manifest in use, or a table. */
async function fileOf(folder: string, kind: RegExp): Promise<string> {
  const name = (await namesIn(folder)).findLast((each) => kind.test(each));
  assert.ok(name !== undefined, `no ${kind}`);
  return join(folder, name);
}

async function change(file: string, edit: (bytes: Buffer) => Buffer | undefined): Promise<void> {
  const bytes = await readFile(file);
  await writeFile(file, edit(bytes) ?? bytes);
}

async function assertFound(folder: string, message: RegExp): Promise<void> {
  await assert.rejects(
    checkLevelFolder(folder, { tables: true }),
    (why) => isDamage(why) && message.test(why.message),
  );
  await assert.rejects(openEngineFolder(folder), isDamage);
}

const LOG = /\.log$/;
const TABLE = /\.ldb$/;
const MANIFEST = /^MANIFEST/;

const flipAt = (share: number) => (bytes: Buffer) => {
  bytes[Math.floor(bytes.length * share)]! ^= 0x10;
  return undefined;
};
const zeroPage = (bytes: Buffer): Buffer => bytes.fill(0, 0, Math.min(4096, Math.floor(bytes.length / 2)));

test('a whole folder is whole, opens, and holds all; as does one that does not exist yet', async () => {
  const folder = await copy();
  await checkLevelFolder(folder, { tables: true });
  assert.ok(tablesIn(await namesIn(folder)).length >= 2);
  const { engine, unchecked } = await openEngineFolder(folder);
  assert.deepEqual(unchecked, []);
  assert.ok((await engine.get(Buffer.from('key 0 0'))) !== undefined);
  assert.ok((await engine.get(Buffer.from('key 74 3'))) !== undefined);
  await engine.close();
  await checkLevelFolder(folder, { tables: true });
  await checkLevelFolder(join(root, 'nowhere'), { tables: true });
});

const MATRIX: readonly (readonly [
  what: string,
  kind: RegExp,
  edit: (bytes: Buffer) => Buffer | undefined,
  message: RegExp,
])[] = [
  ['a bit flipped in the log', LOG, flipAt(0.3), /\.log at \d+: a record is missing/],
  ['a zeroed page in the log', LOG, zeroPage, /\.log at 0: a record is missing/],
  [
    'a bit flipped at the start of a table',
    TABLE,
    flipAt(0.01),
    /\.ldb: the block at \d+ has another checksum/,
  ],
  [
    'a bit flipped in the middle of a table',
    TABLE,
    flipAt(0.5),
    /\.ldb: the block at \d+ has another checksum/,
  ],
  ['a bit flipped at the end of a table', TABLE, flipAt(0.9999), /\.ldb: a table without its end/],
  ['a zeroed page in a table', TABLE, zeroPage, /\.ldb: the block at \d+ has another checksum/],
  ['a bit flipped in the manifest', MANIFEST, flipAt(0.2), /MANIFEST-\d+ at \d+: a record is missing/],
  [
    'a zeroed page in the manifest',
    MANIFEST,
    zeroPage,
    /MANIFEST-\d+ (at \d+: a record is missing|holds nothing)/,
  ],
  ['a bit flipped in CURRENT', /^CURRENT$/, flipAt(0.5), /CURRENT names no manifest|MANIFEST-\S+ is missing/],
];

for (const [what, kind, edit, message] of MATRIX) {
  test(what, async () => {
    const folder = await copy();
    await change(await fileOf(folder, kind), (bytes) => edit(bytes) ?? undefined);
    await assertFound(folder, message);
  });
}

test('a truncated table', async () => {
  const folder = await copy();
  await truncate(await fileOf(folder, TABLE), 1000);
  await assertFound(folder, /\.ldb has 1000 bytes instead of \d+/);
});

test('a manifest that lost its last word', async () => {
  const folder = await copy();
  await change(await fileOf(folder, MANIFEST), (bytes) => bytes.subarray(0, bytes.length - 3));
  await assertFound(folder, /is missing/);
});

test('a truncated log is a torn one: the engine is what it was some batches ago, whole', async () => {
  const folder = await copy();
  const log = await fileOf(folder, LOG);
  await change(log, (bytes) => bytes.subarray(0, Math.floor(bytes.length / 2)));
  const { engine } = await openEngineFolder(folder);
  const there: boolean[] = [];
  for (let batch = 0; batch < 75; batch++)
    there.push((await engine.get(Buffer.from(`key ${batch} 3`))) !== undefined);
  assert.ok(there.indexOf(false) > 0);
  assert.equal(there.lastIndexOf(true), there.indexOf(false) - 1, 'a beginning, and nothing after it');
  await engine.close();
});

for (const [what, kind] of [
  ['the log', LOG],
  ['a table', TABLE],
  ['the manifest', MANIFEST],
  ['CURRENT', /^CURRENT$/],
] as const) {
  test(`${what} is missing`, async () => {
    const folder = await copy();
    await unlink(await fileOf(folder, kind));
    await assertFound(folder, /is missing/);
  });
}

test('a log that is missing between two shows in the numbers of the writes', async () => {
  const folder = await copy();
  const log = await fileOf(folder, LOG);
  const bytes = await readFile(log);
  // A later log whose writes go on where these end, as if this one had gone to a table that the manifest does not know.
  const later = join(folder, '999999.log');
  await writeFile(later, bytes);
  await assert.rejects(checkLevelFolder(folder, { tables: false }), /write \d+ where \d+ should follow/);
});

test('any single changed bit of manifest and log is found, or is in the last record', async () => {
  for (const kind of [MANIFEST, LOG]) {
    const file = await fileOf(whole, kind);
    const bytes = await readFile(file);
    const folder = await copy();
    const target = await fileOf(folder, kind);
    const step = Math.max(1, Math.floor(bytes.length / 150));
    for (let at = 0; at < bytes.length; at += step) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      await writeFile(target, changed);
      const found = await checkLevelFolder(folder, { tables: false }).then(
        () => false,
        (why) => isDamage(why),
      );
      assert.ok(found || at > bytes.length * 0.6, `${file} at ${at} of ${bytes.length}`);
    }
  }
});

test('what is put aside is kept, the newest alone, and a fresh engine takes its place', async () => {
  const folder = join(root, 'home', 'engine');
  for (const round of [1, 2, 3]) {
    const engine = await sealEngine(await openLevelEngine(folder));
    await engine.write([{ kind: 'put', key: Buffer.from([0, 0, 0, 1]), value: Buffer.from(`${round}`) }], {
      sync: true,
    });
    await engine.close();
    assert.equal(await putEngineAside(folder), `${folder}.damaged-${round}`);
    assert.deepEqual(await namesIn(join(root, 'home')), [`engine.damaged-${round}`]);
  }
});
