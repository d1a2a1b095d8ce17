/**
 * A real node, killed by SIGKILL at each failpoint once while clients write, alone with its data. The points of a snapshot need three
 * nodes and more time: they are in failpoints.long.ts, with the whole table.
 */
import { test } from 'node:test';
import { ENGINE_FAILPOINTS, LOG_FAILPOINTS } from '../storage/failpoints.js';
import { MOMENTS } from '../storage/watched-disk.js';
import type { Trap } from './failing-node.js';
import { crashAtAll } from './failing-run.js';

const once = (points: readonly Trap['point'][]): readonly Trap[] =>
  points.map((point, i) => ({ point, moment: MOMENTS[i % MOMENTS.length]!, hits: 1 }));

test('a node alone keeps everything acknowledged, killed once at each failpoint', (context) =>
  crashAtAll(context, 1, once([...LOG_FAILPOINTS, ...ENGINE_FAILPOINTS])));
