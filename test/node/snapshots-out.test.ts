/**
 * Two slots that one node must be sent, and a node that takes in one at a time.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Snapshots } from '../../src/node/snapshots.js';
import { Checkpointer } from '../../src/slot/checkpoint.js';
import type { Slot } from '../../src/slot/slot.js';
import { decodeSnapshotMessage, encodeSnapshotAck, type SnapshotAck } from '../../src/slot/snapshot-codec.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { VirtualClock } from '../pm/virtual-env.js';
import { SNAPSHOT } from '../slot/group.js';
import { CHECKPOINT } from '../slot/home.js';

const MEMBER = 2;
const CONFIGURATION = {
  voters: [1],
  votersOutgoing: [],
  learners: [MEMBER],
  learnersNext: [],
  autoLeave: false,
};

/** As far as a snapshot looks at it: led here, checkpointed, empty. */
function slotOf(groupId: number): Slot<string> {
  const meta = { appliedIndex: 9, appliedTerm: 1, timeMs: 0, keys: 0, configuration: CONFIGURATION };
  return {
    replicaId: groupId,
    birth: { groupId, tableId: 0, slot: groupId, memberId: 1, voters: [1] },
    status: { term: 1, configuration: CONFIGURATION },
    isLeader: true,
    stored: { stateId: groupId, meta },
    snapshotReported: () => {},
  } as unknown as Slot<string>;
}

test('a place that comes free at a busy node is taken at once, not after the pause of the one that was refused', async () => {
  const clock = new VirtualClock();
  const { env } = clock.env(1);
  const engine = new MemoryEngine();
  const fail = (why: unknown): void => assert.fail(String(why));
  const slots = [slotOf(1), slotOf(2)];
  const begun: { readonly groupId: number; readonly transferId: string }[] = [];
  const snapshots = new Snapshots<string>({
    env,
    engine,
    checkpointer: new Checkpointer(env, engine, CHECKPOINT, 9, fail),
    settings: SNAPSHOT,
    slotOf: (groupId) => slots[groupId - 1],
    send: (_to, lane, bytes) => {
      const message = lane === 'snapshot' ? decodeSnapshotMessage(bytes) : undefined;
      if (message?.kind === 'begin') begun.push(message);
      return true;
    },
    isReachable: () => true,
    diskLow: () => false,
    installed: () => {},
    damaged: (_slot, why) => fail(why),
    fatal: fail,
  });
  const answer = (ack: SnapshotAck): void => snapshots.onAck(encodeSnapshotAck(ack));
  const groups = (): readonly number[] => begun.map(({ groupId }) => groupId);

  for (const slot of slots) snapshots.wanted(slot, MEMBER);
  await clock.pass(1);
  assert.deepEqual(groups(), [1, 2]);
  answer({ kind: 'busy', transferId: begun[1]!.transferId });
  await clock.pass(SNAPSHOT.retryMs / 5);
  assert.deepEqual(groups(), [1, 2], 'it rests while nothing changes');
  answer({ kind: 'written', transferId: begun[0]!.transferId, sequence: 0 });
  await clock.pass(1);
  answer({ kind: 'installed', transferId: begun[0]!.transferId });
  await clock.pass(1);
  assert.deepEqual(groups(), [1, 2, 2]);
  await snapshots.close();
});
