/**
 * A cluster whose node-1 can be made to die at a failpoint (failing-node.ts), again and again, while clients write.
 *
 * One life after the other: it is caught up, a trap is laid, the load makes it pass the point, it dies there by its own SIGKILL, and is
 * started again. For the points of a snapshot it first stays away until the others have cut their logs. In the end everything
 * acknowledged is there, and what the disks hold of a slot is equal on all nodes.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestsAt } from '../../jepsen-style/engine-digests.js';
import { signal, waitForExit, waitUntil } from '../../jepsen-style/processes.js';
import { silentLog } from '../../src/env.js';
import { AdminClient } from '../../src/rpc/admin-client.js';
import type { AdminSlot } from '../../src/rpc/admin-wire.js';
import { loadSecurity } from '../../src/rpc/credentials.js';
import { packageRoot } from '../../src/rpc/package-root.js';
import { systemEnv } from '../../src/system-env.js';
import { type Failpoint, SNAPSHOT_FAILPOINTS } from '../storage/failpoints.js';
import type { Trap } from './failing-node.js';
import { KeyWriters } from './key-writers.js';
import { TalusCluster } from './talus-cluster.js';

const FAILING_NODE = join(packageRoot(), 'dist', 'test', 'cluster', 'failing-node.js');
const NAME = 'node-1';
export const SLOTS = 3;
/** Far beyond any good run, also on a machine that does much else. */
const WAIT_MS_MAX = 90_000;
/** Written while it is away, so that the others' logs no longer hold what it needs. */
const AWAY_COMMANDS = 200;
/** Checkpoints come so often. */
const CHECKPOINT_MS = 100;
/** What only FLUSHALL makes a node pass, if it needs no snapshot. */
const FLUSHED: ReadonlySet<Failpoint> = new Set(['state flip', 'garbage rows', 'garbage marker']);
/** Beyond that, what a flush makes a node pass is passed, or came by a snapshot. */
const FLUSHED_MS = 3000;
/** Beyond some of them: what they leave to be cleared is cleared. */
const IDLE_MS = 3000;

export class FailingCluster {
  private node: ChildProcess | undefined;
  private readonly admin: AdminClient;
  private writers: KeyWriters | undefined;

  static async start(nodes: number): Promise<FailingCluster> {
    const cluster = await TalusCluster.start({
      nodes,
      args: ['--slots', `${SLOTS}`],
      environment: {
        TALUS_LOG_TAIL_BYTES: '1024',
        // Else the log behind a transfer that died is kept, and the next life needs no snapshot.
        TALUS_SNAPSHOT_LOG_BYTES_MAX: '0',
        TALUS_CHECKPOINT_INTERVAL_MS: `${CHECKPOINT_MS}`,
        UV_THREADPOOL_SIZE: '16',
      },
    });
    const failing = new FailingCluster(cluster);
    await failing.replace();
    return failing;
  }

  private constructor(readonly cluster: TalusCluster) {
    this.admin = new AdminClient({
      addresses: [cluster.pmAddress],
      security: loadSecurity({}),
      env: systemEnv(silentLog),
    });
  }

  async stop(): Promise<void> {
    this.admin.close();
    await this.writers?.stop().catch(() => {});
    await this.cluster.stop();
  }

  /** On every node: those of node-1 lose their connections. */
  startLoad(): void {
    this.writers = new KeyWriters(this.cluster.addresses);
  }

  get acknowledged(): number {
    return this.writers?.acknowledged ?? 0;
  }

  /** Dies at the point and comes back. */
  async dieAt(trap: Trap): Promise<void> {
    const how = `${trap.moment} ${trap.point}, hit ${trap.hits}`;
    if (isSnapshotPoint(trap.point)) await this.lagBehind(trap);
    else this.node!.send(trap);
    const flushed = FLUSHED.has(trap.point) ? this.flushUntilDead(this.node!) : undefined;
    await this.untilDead(how);
    this.startNode(undefined);
    await flushed;
    await this.caughtUp(how);
    assert.deepEqual(this.writers!.faults, [], how);
  }

  /** Everything acknowledged is there, on every node, and on the disks alone. */
  async assertWhole(): Promise<number> {
    const { cluster } = this;
    await this.writers!.progress(100, WAIT_MS_MAX);
    await this.writers!.stop();
    await this.killNode();
    cluster.startAgain(NAME);
    await this.caughtUp('the end');
    let keys = 0;
    for (const address of cluster.addresses) keys = await this.writers!.assertAllThere(address);
    await sleep(IDLE_MS);
    assert.deepEqual(await cluster.halt(), []);
    const copies = new Map<string, number>();
    for (const name of cluster.names.filter((one) => one.startsWith('node'))) {
      const digests = await digestsAt(join(cluster.dataDir, name, 'engine'));
      assert.equal(digests.length, SLOTS, `${name}: a state for each slot`);
      for (const digest of digests) copies.set(digest, (copies.get(digest) ?? 0) + 1);
    }
    for (const count of copies.values())
      assert.equal(count % cluster.nodes, 0, `${[...copies.values()]} equal copies`);
    return keys;
  }

  /** The launcher's node-1 goes, ours comes. */
  private async replace(): Promise<void> {
    await this.kill(this.cluster.pidOf(NAME));
    this.startNode(undefined);
    await this.caughtUp('the beginning');
  }

  private startNode(trap: Trap | undefined): void {
    this.node = this.cluster.startOther(
      FAILING_NODE,
      NAME,
      ...(trap === undefined ? [] : [JSON.stringify(trap)]),
    );
  }

  /** Away until it needs snapshots; then it starts with the trap laid. */
  private async lagBehind(trap: Trap): Promise<void> {
    await this.killNode();
    await this.writers!.progress(AWAY_COMMANDS, WAIT_MS_MAX);
    await sleep(3 * CHECKPOINT_MS);
    this.startNode(trap);
  }

  /**
   * Again and again: what reaches a node by a snapshot, the node does not pass itself. It may die before it has answered: then this
   * goes on until another life of it is back.
   */
  private async flushUntilDead(node: ChildProcess): Promise<void> {
    const deadlineMs = performance.now() + WAIT_MS_MAX;
    do await this.writers!.flush(this.cluster.addresses.at(-1)!);
    while (!(await waitUntil(() => isDead(node), FLUSHED_MS)) && performance.now() < deadlineMs);
  }

  private async untilDead(how: string): Promise<void> {
    const node = this.node!;
    assert.ok(await waitUntil(() => isDead(node), WAIT_MS_MAX), `never passed: ${how}`);
    assert.equal(node.signalCode, 'SIGKILL', `${how}: ${this.cluster.output}`);
  }

  private async killNode(): Promise<void> {
    await this.kill(this.node!.pid!);
  }

  private async kill(pid: number): Promise<void> {
    signal(pid, 'SIGKILL');
    assert.ok(await waitForExit(pid, WAIT_MS_MAX));
  }

  /** Its replicas have applied what was committed when it was seen ready. Alone it leads then, and has nobody to learn from. */
  private async caughtUp(how: string): Promise<void> {
    assert.ok(await waitUntil(() => this.cluster.isReady(1), WAIT_MS_MAX, 50), `not ready after ${how}`);
    if (this.cluster.nodes === 1) return;
    const targets = new Map((await this.slots()).map(({ groupId, commitIndex }) => [groupId, commitIndex]));
    const nodeId = (await this.admin.listNodes()).find(({ name }) => name === NAME)!.nodeId;
    const isThere = async (): Promise<boolean> =>
      (await this.slots()).every(({ groupId, replicas }) => {
        const own = replicas.find((replica) => replica.nodeId === nodeId);
        return own !== undefined && own.appliedIndex >= targets.get(groupId)!;
      });
    assert.ok(await waitUntil(isThere, WAIT_MS_MAX, 100), `not caught up after ${how}`);
  }

  private async slots(): Promise<readonly AdminSlot[]> {
    const { tables } = await this.admin.getCluster();
    return tables.find(({ name }) => name === 'default')!.slotList;
  }
}

function isDead(node: ChildProcess): boolean {
  return node.exitCode !== null || node.signalCode !== null;
}

export function isSnapshotPoint(point: Failpoint): boolean {
  return (SNAPSHOT_FAILPOINTS as readonly Failpoint[]).includes(point);
}
