/** The same log on a real file system: what a killed process leaves, zeros ahead included, opens as what was acknowledged. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeFiles } from '../../src/storage/node-files.js';
import { append, birth, hardState, open, run } from './log-model.js';

const small = { segmentBytes: 20_000, binlogBytesMax: 60_000 };

test('a log that was never closed opens clean and goes on, over rolls, purges and both ways to sync', async () => {
  const root = await mkdtemp(join(tmpdir(), 'talus-binlog-'));
  const left: { close(): Promise<void> }[] = [];
  let applied = 0;
  try {
    for (const [life, sync] of (['onWrite', 'onCall', 'onWrite'] as const).entries()) {
      const appliedIndexOf = ({ replicaId }: { replicaId: number }): number =>
        replicaId === 1 ? applied : 0;
      const { binlog, replicas, damage, tornBytes } = await open(
        nodeFiles(root, { sync }),
        appliedIndexOf,
        small,
      );
      left.push(binlog);
      assert.deepEqual(damage, []);
      assert.equal(tornBytes, 0, 'zeros ahead are a clean end');
      if (life === 0) await binlog.append([birth(1), birth(2), append(2, run(1, 2, 1))]);
      else assert.equal(replicas.get(1)?.lastIndex, life * 300);
      const first = life * 300 + 1;
      for (let i = first; i < first + 300; i += 3) {
        await binlog.append([append(1, run(i, i + 2, life + 1, 'x'.repeat(100))), hardState(2, i, 5)]);
      }
      assert.deepEqual(await binlog.read(2, 1, 1e6), run(1, 2, 1));
      applied = first + 250;
      binlog.release(1, applied);
      for (let turn = 0; turn < 3; turn++) await binlog.purge();
      assert.ok(binlog.sizeBytes <= small.binlogBytesMax);
    }
    const { binlog, replicas } = await open(
      nodeFiles(root),
      ({ replicaId }) => (replicaId === 1 ? applied : 0),
      small,
    );
    left.push(binlog);
    assert.deepEqual(replicas.get(1)?.entries, run(applied + 1, 900, 3, 'x'.repeat(100)));
    assert.deepEqual(replicas.get(2)?.hardState, { term: 898, votedFor: 5, commit: 0 });
  } finally {
    for (const binlog of left) await binlog.close();
    await rm(root, { recursive: true });
  }
});
