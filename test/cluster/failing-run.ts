/** One cluster, one node of it dying at one failpoint after the other, and the verdict in the end. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { FailingCluster } from './failing-cluster.js';
import type { Trap } from './failing-node.js';

export async function crashAtAll(context: TestContext, nodes: number, traps: readonly Trap[]): Promise<void> {
  const failing = await FailingCluster.start(nodes);
  context.after(() => failing.stop());
  failing.startLoad();
  for (const trap of traps) {
    const startedMs = performance.now();
    await failing.dieAt(trap);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    context.diagnostic(
      `${trap.moment} ${trap.point}, hit ${trap.hits}: died there, and back after ${seconds} s`,
    );
  }
  const keys = await failing.assertWhole();
  assert.ok(keys > 0);
  context.diagnostic(
    `${traps.length} deaths, ${failing.acknowledged} commands acknowledged, ${keys} keys as they must be`,
  );
}
