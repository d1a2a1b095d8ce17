/**
 * What a node has LevelDB do and not do, seen from outside: each in a process of its own, since it is for good. Skipped where /proc
 * does not tell.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../jepsen-style/processes.js';
import { run } from '../cluster/processes.js';

const skip = !existsSync('/proc/self/task') && 'no /proc';
const STORAGE = pathToFileURL(join(packageRoot(), 'dist', 'src', 'storage')).href;

let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'talus-level-process-'));
});

after(() => rm(folder, { recursive: true, force: true }));

/** Runs `script` in a fresh process and answers what it printed. */
async function tell(script: string): Promise<unknown> {
  const whole = `
    import { readdirSync, readFileSync } from 'node:fs';
    import { openLevelEngine } from '${STORAGE}/level-engine.js';
    import { lowerCompaction, useUpMaps } from '${STORAGE}/level-process.js';
    const aside = ${JSON.stringify(join(folder, 'aside'))};
    /** Each table of an engine is read; answers how many of them are mapped. */
    const mappedTables = async () => {
      const engine = await openLevelEngine(${JSON.stringify(join(folder, 'engine'))}, { writeBufferBytes: 64 * 1024 });
      const keys = [0, 1, 2, 3, 4, 5].map((i) => Buffer.from('key ' + i));
      for (const key of keys) await engine.write([{ kind: 'put', key, value: Buffer.alloc(100_000) }], { sync: true });
      for (const row of await engine.getMany(keys)) if (row?.length !== 100_000) throw new Error('a row is lost');
      return readFileSync('/proc/self/maps', 'latin1').split('\\n').filter((line) => /engine\\/\\d+\\.ldb/.test(line)).length;
    };
    /** Threads of a lower priority than the others: nice is field 19. */
    const loweredThreads = () => readdirSync('/proc/self/task').filter((id) => {
      const stat = readFileSync('/proc/self/task/' + id + '/stat', 'latin1');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16] === '10';
    }).length;
    ${script}
    process.exit();`;
  const { code, stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', whole]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

test('LevelDB maps the tables that it opens', { skip }, async () => {
  const tables = (await tell('console.log(await mappedTables());')) as number;
  assert.ok(tables >= 3, `${tables} mapped: where it is none, the remedy may go too`);
});

const UNMAPPED = 'await useUpMaps(aside); console.log(await mappedTables());';

test('with the maps used up no table is mapped, the first time and the next', { skip }, async () => {
  assert.equal(await tell(UNMAPPED), 0);
  assert.equal(await tell(UNMAPPED), 0);
});

test('the folder is made anew where it is damaged', { skip }, async () => {
  await writeFile(join(folder, 'aside', 'CURRENT'), 'MANIFEST-000000\n');
  assert.equal(await tell(UNMAPPED), 0);
});

test('one thread gives way to all others, and the maps are used up all the same', { skip }, async () => {
  const both = `
    await lowerCompaction(aside);
    const tables = [loweredThreads()];
    await useUpMaps(aside);
    tables.push(await mappedTables(), loweredThreads());
    console.log(JSON.stringify(tables));`;
  assert.deepEqual(await tell(both), [1, 0, 1]);
  await rm(join(folder, 'aside'), { recursive: true });
  assert.deepEqual(await tell(both), [1, 0, 1], 'with a folder that is new');
});

test('a folder that cannot be made is said, and the engine opens without it', { skip }, async () => {
  await writeFile(join(folder, 'file'), '');
  const script = `
    const why = await lowerCompaction('${join(folder, 'file', 'aside')}').then(() => 'done', String);
    const again = await useUpMaps(aside).then(() => 'done', String);
    console.log(JSON.stringify([why === 'done', again, await mappedTables()]));`;
  assert.deepEqual(await tell(script), [false, 'done', 0]);
});
