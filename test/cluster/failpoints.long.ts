/** Every failpoint, before it, while it is under way and after it, at an early and at a later hit: a node alone, and one of three. */
import { test } from 'node:test';
import { ENGINE_FAILPOINTS, FAILPOINTS, type Failpoint, LOG_FAILPOINTS } from '../storage/failpoints.js';
import { MOMENTS } from '../storage/watched-disk.js';
import type { Trap } from './failing-node.js';
import { crashAtAll } from './failing-run.js';

/** A flush makes each of these be passed once a slot or less. */
const ONCE: ReadonlySet<Failpoint> = new Set(['state flip', 'garbage rows', 'garbage marker']);
const LATER_HIT = 3;

function table(points: readonly Failpoint[]): readonly Trap[] {
  return points.flatMap((point) =>
    MOMENTS.flatMap((moment) =>
      (ONCE.has(point) ? [1] : [1, LATER_HIT]).map((hits): Trap => ({ point, moment, hits })),
    ),
  );
}

test('a node alone keeps everything acknowledged, wherever it is killed', (context) =>
  crashAtAll(context, 1, table([...LOG_FAILPOINTS, ...ENGINE_FAILPOINTS])));

test('one of three, wherever it is killed: nothing acknowledged is lost, and all replicas end up equal', (context) =>
  crashAtAll(context, 3, table(FAILPOINTS)));
