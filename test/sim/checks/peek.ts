/**
 * What the oracles look at inside of a replica, all in one place: where a field moves, the compiler says so here.
 *
 * Read only. The code under test never knows that it is looked at.
 */
import type { NodeSlot } from '../../../src/node/replicas.js';
import type { Leader } from '../../../src/raft/leader.js';
import type { State } from '../../../src/raft/state.js';

export function raftState({ raft }: NodeSlot): State {
  return raft['state'];
}

export function leaderRole({ raft }: NodeSlot): Leader | undefined {
  const role = raft['role'];
  return role.kind === 'leader' ? role : undefined;
}

/** Up to where the replica has said that its engine holds its state, synced. */
export function durableIndex(slot: NodeSlot): number {
  return slot['durableIndex'];
}

/** Entries up to here were on disk when the replica was opened. */
export function replayedIndex(slot: NodeSlot): number {
  return slot['replayedIndex'];
}

/** Bytes of entries held in memory. */
export function tailBytes(slot: NodeSlot): number {
  return raftState(slot).log['tail'].bytes;
}

export function isLoading(slot: NodeSlot): boolean {
  return slot['applier']['loading'];
}

export function queuedEntries(slot: NodeSlot): number {
  return slot['applier']['committed'].length + slot['applier']['written'].length;
}

/** Committed and applied; in a quorum group all that is applied is. */
export function settledIndex(slot: NodeSlot): number {
  return slot.birth.isAsync ? raftState(slot).log.appliedIndex : slot.appliedTo.index;
}

/** The replica's own time. */
export function clockMs(slot: NodeSlot): number {
  return slot['now']();
}
