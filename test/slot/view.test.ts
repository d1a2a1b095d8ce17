/** Runs over a state: what a fault, a failing command, an atomic group, a clear and a death leave behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/random.js';
import { EntryRun } from '../../src/slot/apply.js';
import { given } from '../../src/slot/cell.js';
import { type CommandGroup, encodeEntry } from '../../src/slot/entry.js';
import { ReadView } from '../../src/slot/view.js';
import { faultOf, Home } from './home.js';
import { argv, tinyMachine } from './tiny-machine.js';

const lone = (...lines: string[]): CommandGroup => ({ kind: 'lone', commands: lines.map(argv) });
const atomic = (...lines: string[]): CommandGroup => ({ kind: 'atomic', commands: lines.map(argv) });
const entry = (timeMs: number, ...groups: CommandGroup[]) => ({
  rules: 1,
  timeMs,
  seedHigh: 3,
  seedLow: 4,
  groups,
});

/** All is in the engine, nothing in memory. */
async function cold(home: Home): Promise<void> {
  await home.bag.until(home.checkpointer.round());
  home.state.evict(0);
}

async function opened(): Promise<Home> {
  const home = new Home(seededRandom(1));
  await home.open();
  return home;
}

test('an atomic group that faults has published nothing; a lone command that is done stays done', async () => {
  const home = await opened();
  await home.append(entry(1, lone('set a 1', 'set b 2')));
  await cold(home);
  // `boom` is told to nobody beforehand, so its key is met cold in the middle of the run.
  const data = encodeEntry(entry(2, lone('set a 10'), atomic('set a 11', 'scan 0 10', 'del b')));
  const run = new EntryRun(home.state, tinyMachine, data, 2);
  assert.ok(run.go()?.every(({ kind }) => kind === 'record'));
  await home.bag.until(home.state.load([Buffer.from('a'), Buffer.from('b')]));
  assert.equal(run.go()?.[0]?.kind, 'range');
  assert.equal(home.state.keys, 2);
  const inMemory = home.state.find('a');
  assert.ok(inMemory !== undefined && inMemory !== 'absent');
  const record = given(inMemory.record!);
  assert.equal(record.kind === 'string' && String(record.value), '10');
});

test('however often a run faults, replies, dice and effects are those of a warm run', async () => {
  const groups = [
    lone('roll a'),
    atomic('roll b', 'boom a', 'roll c', 'scan 0 99', 'size'),
    lone('both b c x', 'del a'),
  ];
  const [warm, chilly] = [await opened(), await opened()];
  for (const home of [warm, chilly]) await home.append(entry(1, lone('set a 1', 'set b 2', 'set c 3')));
  await cold(chilly);
  warm.faults = 0;
  chilly.faults = 0;
  const replies = [await warm.append(entry(2, ...groups)), await chilly.append(entry(2, ...groups))];
  assert.deepEqual(replies[1], replies[0]);
  assert.ok(chilly.faults > warm.faults);
  for (const line of ['get a', 'get b', 'get c', 'size', 'scan 0 99'])
    assert.equal(await chilly.read(line), await warm.read(line));
});

test("dice depend on the command's position in the entry, not on what ran before it", async () => {
  const home = await opened();
  const [first, second] = await home.append(entry(1, lone('roll a'), atomic('roll b', 'roll c')));
  assert.equal(new Set([...first!, ...second!]).size, 3);
  const other = await opened();
  const again = await other.append(entry(1, lone('set a 0'), atomic('boom b', 'roll c')));
  assert.equal(again[1]![1], second![1]);
});

test('a command that breaks drops its own effects, and the others of its atomic group stay', async () => {
  const home = await opened();
  const replies = await home.append(
    entry(1, lone('set a 1'), lone('boom a'), atomic('set b 1', 'boom b', 'set c 1')),
  );
  assert.deepEqual(replies, [['ok'], ['failed: on purpose'], ['ok', 'failed: on purpose', 'ok']]);
  assert.deepEqual(
    [await home.read('get a'), await home.read('get b'), await home.read('size')],
    ['1@never', '1@never', '3'],
  );
});

test('after a clear the same group sees an empty slot, in scans too, and what it puts then stays', async () => {
  const home = await opened();
  await home.append(entry(1, lone('set a 1', 'set b 2')));
  await cold(home);
  const [replies] = await home.append(
    entry(2, atomic('clear', 'scan 0 99', 'get a', 'size', 'set c 3', 'scan 0 99', 'size')),
  );
  assert.deepEqual(replies, ['ok', 'end: ', '(none)', '0', 'ok', 'end: c', '1']);
  assert.equal(await home.read('scan 0 99'), 'end: c');
});

test('a scan inside an entry that meets the dead, cold, has them loaded and removed', async () => {
  const home = await opened();
  const names = Array.from({ length: 1200 }, (_, i) => `k${i}`);
  await home.append(
    entry(1, lone(...names.flatMap((name) => [`set ${name} v`, `expire ${name} 50`]), 'set stays v')),
  );
  await cold(home);
  const [replies] = await home.append(entry(60, atomic('scan 0 5000', 'size')));
  assert.deepEqual(replies, ['end: stays', '1']);
  assert.equal(home.state.keys, 1);
});

test('a read asks for a clock entry when it newly finds a key dead, and never says so before', async () => {
  const home = await opened();
  await home.append(entry(1, lone('set a 1', 'expire a 50', 'set b 2')));
  const view = (nowMs: number): ReadView => new ReadView(home.state, nowMs, new Map(), 0);
  const reads = ['get a', 'size'];
  for (const line of reads) {
    assert.equal(
      typeof faultOf(() => tinyMachine.read(view(49), argv(line), { nowMs: 49, random: seededRandom(1) })),
      'string',
    );
    assert.deepEqual(
      faultOf(() => tinyMachine.read(view(50), argv(line), { nowMs: 50, random: seededRandom(1) })),
      [{ kind: 'clock', untilMs: 50 }],
    );
  }
  assert.equal(await home.read('get b', 50), '2@never');
  await home.append(entry(50));
  assert.deepEqual([await home.read('get a', 50), await home.read('size', 50)], ['(none)', '1']);
});

test('DBSIZE needs no clock entry for an expiry that was taken back', async () => {
  const home = await opened();
  await home.append(entry(1, lone('set a 1', 'expire a 50', 'set a 2')));
  assert.equal(await home.read('size', 1000), '1');
});

test('keys named beforehand come in one load', async () => {
  const home = await opened();
  await home.append(entry(1, lone('set a 1', 'set b 2', 'set c 3')));
  await cold(home);
  const view = new ReadView(home.state, 1, new Map(), 0);
  const keys = ['a', 'b', 'missing'].map((name) => Buffer.from(name));
  const needs = faultOf(() => {
    view.prefetch(keys);
    return 'nothing missing';
  });
  assert.deepEqual(
    needs,
    keys.map((key) => ({ kind: 'record', key })),
  );
});
