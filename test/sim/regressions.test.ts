/** Bugs that random worlds have found, told again without dice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Env, silentLog } from '../../src/env.js';
import { type Random, seededRandom } from '../../src/random.js';
import { SlotClock } from '../../src/slot/stamp.js';
import type { BinlogOptions } from '../../src/storage/binlog.js';
import { type OpenedBinlog, openBinlog } from '../../src/storage/binlog-recovery.js';
import { SimFiles } from './sim-files.js';

const OPTIONS: BinlogOptions = {
  segmentBytes: 1 << 20,
  binlogBytesMax: 1 << 30,
  freeBytesMin: 0,
  onPinned: () => {},
};

function open(files: SimFiles): Promise<OpenedBinlog> {
  return openBinlog(files, OPTIONS, () => 0);
}

test('what recovery found survives a power cut right after it, although the killed process never synced it', async () => {
  const birth = { kind: 'birth', replicaId: 1, birth: Buffer.from('birth') } as const;
  const data = Buffer.from('written, not synced');
  const entries = {
    kind: 'entries',
    replicaId: 1,
    entries: [{ index: 1, term: 1, kind: 'command', data }],
  } as const;
  let syncsLeft = Number.POSITIVE_INFINITY;
  // After the first batches, syncs never come back: that is where the process is killed.
  const files = new SimFiles((label, run) => {
    if (!label.startsWith('sync ') || syncsLeft-- > 0) queueMicrotask(run);
  });
  const { binlog } = await open(files);
  await binlog.append([birth]);
  syncsLeft = 0;
  void binlog.append([entries]);
  await new Promise((resolve) => setImmediate(resolve));
  files.kill();
  const found = await open(files.incarnation((_label, run) => queueMicrotask(run)));
  assert.equal(found.replicas.get(1)?.lastIndex, 1);
  files.crash(seededRandom(1), 'drop');
  const afterPowerCut = await open(files.incarnation((_label, run) => queueMicrotask(run)));
  assert.equal(afterPowerCut.replicas.get(1)?.lastIndex, 1);
});

test('slot time keeps pace with the clock, however long an entry takes and however closely entries follow', () => {
  let nowMs = 5000;
  const env: Env = {
    monotonicMs: () => nowMs,
    wallMs: () => 1_000_000 + nowMs,
    after: () => ({ cancel: () => {} }),
    defer: () => {},
    random: seededRandom(1) as Random,
    log: silentLog,
  };
  const clock = new SlotClock(env);
  const firstMs = clock.stamp();
  let stamp = firstMs;
  for (let entry = 0; entry < 100; entry++) {
    nowMs += 50.7;
    clock.observe(stamp, true);
    stamp = clock.stamp();
  }
  assert.ok(Math.abs(stamp - firstMs - 5070) <= 1, `${stamp - firstMs} ms of 5070`);
});
