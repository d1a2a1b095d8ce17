/** What a power cut leaves of the simulated disk: never less than what was synced, never more than what was written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/random.js';
import { type CrashMode, SimFiles } from '../sim/sim-files.js';

const modes: readonly CrashMode[] = ['drop', 'torn', 'scattered'];

test('synced bytes and synced names survive every crash', async () => {
  for (const mode of modes) {
    for (let seed = 0; seed < 50; seed++) {
      const files = new SimFiles();
      const file = await files.create('log/a');
      await file.append([Buffer.from('durable')]);
      await file.sync();
      await files.syncFolder('log');
      await file.append([Buffer.alloc(2000, 7)]);
      files.crash(seededRandom(seed), mode);
      const left = await files.incarnation().readWhole('log/a');
      assert.equal(left?.subarray(0, 7).toString(), 'durable');
      if (mode === 'drop') assert.equal(left?.length, 7);
    }
  }
});

test('an unsynced name may vanish with all its synced bytes', async () => {
  const files = new SimFiles();
  const file = await files.create('log/a');
  await file.append([Buffer.from('synced')]);
  await file.sync();
  files.crash(seededRandom(1), 'drop');
  assert.deepEqual(await files.incarnation().list('log'), []);
});

test('an unsynced removal is undone', async () => {
  const files = new SimFiles();
  await (await files.create('log/a')).close();
  await files.syncFolder('log');
  await files.remove('log/a');
  files.crash(seededRandom(1), 'drop');
  assert.deepEqual(await files.incarnation().list('log'), ['a']);
});

test('torn tails come in all lengths, garbled and with zeros', async () => {
  const lengths = new Set<number>();
  let garbled = 0;
  for (let seed = 0; seed < 100; seed++) {
    const files = new SimFiles();
    const file = await files.create('a');
    await files.syncFolder('.');
    await file.append([Buffer.alloc(1000, 7)]);
    files.crash(seededRandom(seed), 'torn');
    const left = (await files.incarnation().readWhole('a'))!;
    lengths.add(left.length);
    if (left.some((byte) => byte !== 7 && byte !== 0)) garbled += 1;
  }
  assert.ok(lengths.size > 50);
  assert.ok(garbled > 10 && garbled < 90);
});

test('whole files are old or new after a crash at any effect, never mixed or missing', async () => {
  for (let crashAt = 1; crashAt <= 4; crashAt++) {
    for (let seed = 0; seed < 10; seed++) {
      const first = new SimFiles();
      await first.writeWhole('topology', Buffer.from('old'));
      let effects = 0;
      const files = first.incarnation((_label, run) => {
        if (++effects === crashAt) files.crash(seededRandom(seed), 'torn');
        else queueMicrotask(run);
      });
      void files.writeWhole('topology', Buffer.from('new'));
      await new Promise((resolve) => setImmediate(resolve));
      const left = (
        await files.incarnation((_label, run) => queueMicrotask(run)).readWhole('topology')
      )?.toString();
      assert.ok(left === 'old' || left === 'new', left);
    }
  }
});

test('what a dead incarnation asked for never completes', async () => {
  const files = new SimFiles();
  const file = await files.create('a');
  let completed = false;
  void file.append([Buffer.from('x')]).then(() => {
    completed = true;
  });
  files.crash(seededRandom(1), 'drop');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(completed, false);
});

test('a full disk refuses appends and says so beforehand', async () => {
  const files = new SimFiles();
  files.capacityBytes = 100;
  const file = await files.create('a');
  await file.append([Buffer.alloc(90)]);
  assert.equal(await files.freeBytes(), 10);
  await assert.rejects(file.append([Buffer.alloc(11)]), { code: 'ENOSPC' });
});
