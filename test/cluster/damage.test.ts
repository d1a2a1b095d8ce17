/** The lines of the damage matrix that differ most from each other; all of them are in damage.long.ts. */
import { after, before, test } from 'node:test';
import { BINLOG_LINES, ENGINE_LINES } from './damage-lines.js';
import { DamagedCluster } from './damaged-cluster.js';

const LINES = [BINLOG_LINES[0]!, BINLOG_LINES[5]!, ENGINE_LINES[3]!];

let damaged: DamagedCluster;

before(async () => {
  damaged = await DamagedCluster.start();
});

after(() => damaged?.cluster.stop());

LINES.forEach((line, i) => {
  test(`${line.what}: named, rebuilt, nothing lost`, () => damaged.assertRebuilt(1 + (i % 3), line));
});
