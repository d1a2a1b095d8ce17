/** The damage matrix, a line each, on one cluster whose nodes take turns. */
import { after, before, test } from 'node:test';
import { BINLOG_LINES, ENGINE_LINES } from './damage-lines.js';
import { DamagedCluster } from './damaged-cluster.js';

let damaged: DamagedCluster;

before(async () => {
  damaged = await DamagedCluster.start();
});

after(() => damaged?.cluster.stop());

[...BINLOG_LINES, ...ENGINE_LINES].forEach((line, i) => {
  test(`${line.what}: named, rebuilt, nothing lost`, () => damaged.assertRebuilt(1 + (i % 3), line));
});
