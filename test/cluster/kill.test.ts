/**
 * The fault run in its short forms: nodes killed and started again, a leader's event loop blocked, its streams reset again and
 * again, while clients work and every reply is judged.
 *
 * The long form, with all workloads, is `npm run jepsen`; these show that the way from a fault to a verdict works, and that
 * nothing is lost, and nothing stale is read, within seconds.
 */
import { test } from 'node:test';
import { faultRun } from './fault-run.js';

test('registers under kill -9', (context) =>
  faultRun(context, 12, '--nemesis', 'kill', '--seed', '1', '--workload', 'register').then(() => {}));

test('reads that waited for a blocked leader to wake are not stale', (context) =>
  faultRun(context, 20, '--nemesis', 'block', '--seed', '1', '--workload', 'wake-read').then(() => {}));

test("registers while a live leader's streams are reset", (context) =>
  faultRun(context, 12, '--nemesis', 'reset', '--seed', '1', '--workload', 'register').then(() => {}));
