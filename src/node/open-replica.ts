/**
 * Opens one replica: its state as the engine holds it, its log as the binlog does, and the node's parts around both.
 */
import type { Message } from '../raft/message.js';
import type { Reply } from '../resp/reply.js';
import { type Birth, nodeOf } from '../slot/birth.js';
import type { PoolFigures } from '../slot/pool-figures.js';
import { Slot } from '../slot/slot.js';
import { SlotState } from '../slot/state.js';
import type { StoredState } from '../slot/states.js';
import type { RecoveredReplica } from '../storage/binlog.js';
import { isDamage } from '../storage/damage.js';
import type { CutFigures } from './cut-figures.js';
import type { NodeSlot, ReplicasParts } from './replicas.js';
import type { Spaces } from './spaces.js';

/** What all replicas of the node share. */
export interface ReplicaHost {
  readonly sharers: number;
  readonly spaces: Spaces;
  readonly figures: PoolFigures;
  readonly cuts: CutFigures;
  /** It is damaged. */
  shut(slot: NodeSlot, why: string): void;
}

export interface ReplicaFound {
  readonly replicaId: number;
  readonly birth: Birth;
  /** Neither of a newborn. */
  readonly stored: StoredState | undefined;
  readonly recovered: RecoveredReplica | undefined;
}

/** Rejects with a DamageError where what the engine holds of it is not as it was written. */
export async function openReplica(
  parts: ReplicasParts,
  { replicaId, birth, stored, recovered }: ReplicaFound,
  host: ReplicaHost,
): Promise<NodeSlot> {
  const { env, engine, binlog, pump, checkpointer, machine, settings, snapshots, fatal } = parts;
  const { spaces, figures, cuts } = host;
  const stateId = stored?.stateId ?? checkpointer.newStateId();
  const existing = stored && { keys: stored.meta.keys };
  const state = new SlotState(engine, checkpointer.newStateId, stateId, existing);
  if (stored !== undefined) await state.open();
  const send = (from: NodeSlot, message: Message): void => {
    if (!spaces.holdsBack(message)) parts.post(nodeOf(message.to), from.birth.groupId, message);
  };
  const slot: NodeSlot = new Slot<Reply>(replicaId, birth, state, stored?.meta, recovered, {
    env,
    engine,
    binlog,
    machine,
    settings,
    wake: (woken) => pump.wake(woken),
    stayAwake: (stirred) => pump.stayAwake(stirred),
    send,
    statusChanged: parts.statusChanged,
    snapshots,
    entryApplied: parts.entryApplied,
    writesCut: cuts.writesCut,
    rolledBack: cuts.rolledBack,
    applyHeld: checkpointer.held,
    aheadIsFull: () => checkpointer.aheadIsFull,
    alone: (work) => checkpointer.alone(work),
    sharers: () => host.sharers,
    diskLow: (asked, group) => spaces.refuses(asked.status, group),
    figures,
    isDown: parts.isDown,
    fatal: (why) => (isDamage(why) ? host.shut(slot, why.message) : fatal(why)),
  });
  return slot;
}
