/**
 * Looks at the disk as often as it fills, and does what a node with little room can do for its groups.
 *
 * Whatever the room, the log is purged. With little: everything is checkpointed, so that the log can be purged of more; the peers
 * hear of it; and leaderships go to members whose nodes have more room. It ends by itself when the room is back. Nothing here waits
 * for the disk: purge and checkpoint go on beside the looks, and end when they can.
 */
import type { Env, Timer } from '../env.js';
import type { MemberId } from '../raft/message.js';
import type { TransferOrder } from '../rpc/topology.js';
import type { NodeId } from '../rpc/transport.js';
import { nodeOf } from '../slot/birth.js';
import type { Checkpointer } from '../slot/checkpoint.js';
import type { Binlog } from '../storage/binlog.js';
import { AMPLE, type Space } from '../storage/disk-gauge.js';
import { handOver } from './members.js';
import type { NodeSlot, Replicas } from './replicas.js';

export interface DiskWatchParts {
  readonly env: Env;
  readonly binlog: Pick<Binlog, 'purge' | 'sampleSpace' | 'sampleAfterMs'>;
  readonly replicas: Pick<Replicas, 'all' | 'get' | 'spaces'>;
  readonly checkpointer: Pick<Checkpointer, 'round'>;
  readonly node: {
    isReachable(nodeId: NodeId): boolean;
    topology(): { wish(groupId: number): readonly MemberId[] | undefined };
    /** Tells the peers now. */
    beat(): void;
  };
  readonly fatal: (why: unknown) => void;
}

/** While there is little room; each round also looks for garbage to clear. */
const CHECKPOINT_EVERY_MS = 1000;
/** While one is under way the slot takes no proposals: one that fails must not be tried all the time. */
const HAND_OVER_EVERY_MS = 5000;

const WORDS: readonly string[] = [
  'the disk has room again',
  'the disk is nearly full: writes that take room are refused where no other node has any',
  'the disk is full but for the reserve: no writes',
  'the disk is full: the log waits for room',
];

export class DiskWatch {
  private timer: Timer | undefined;
  private closed = false;
  private checkpointedMs = Number.NEGATIVE_INFINITY;
  /** When a leadership of this replica was last offered to another. */
  private readonly triedMs = new Map<number, number>();

  constructor(private readonly parts: DiskWatchParts) {}

  start(): void {
    void this.look();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  /** PM's wishes; not to where there is little room, or it would move back. */
  transfer(orders: readonly TransferOrder[]): void {
    const { node, replicas } = this.parts;
    for (const { groupId, toNodeId } of orders) {
      const slot = replicas.get(groupId);
      const hasRoom = replicas.spaces.of(toNodeId) === AMPLE;
      if (slot?.isLeader && hasRoom && node.isReachable(toNodeId)) slot.transferTo(toNodeId);
    }
  }

  private async look(): Promise<void> {
    const { env, binlog, fatal } = this.parts;
    const space = await binlog.sampleSpace();
    if (this.closed) return;
    this.changed(space);
    void binlog.purge().catch(fatal);
    if (space !== AMPLE) this.makeRoom();
    this.timer = env.after(binlog.sampleAfterMs, () => void this.look());
  }

  private changed(space: Space): void {
    const { env, replicas, node } = this.parts;
    if (space === replicas.spaces.own) return;
    replicas.spaces.own = space;
    if (space === AMPLE) this.triedMs.clear();
    if (space === AMPLE) env.log.info(WORDS[space]!, {});
    else env.log.warn(WORDS[space]!, {});
    node.beat();
  }

  private makeRoom(): void {
    const { env, checkpointer, replicas } = this.parts;
    const nowMs = env.monotonicMs();
    if (nowMs - this.checkpointedMs >= CHECKPOINT_EVERY_MS) {
      this.checkpointedMs = nowMs;
      void checkpointer.round();
    }
    for (const slot of replicas.all) if (slot.isLeader) this.handOver(slot);
  }

  /** To a member with more room; of those that have, to one with the most. */
  private handOver(slot: NodeSlot): void {
    const { env, node, replicas } = this.parts;
    const { spaces } = replicas;
    const triedMs = this.triedMs.get(slot.replicaId) ?? Number.NEGATIVE_INFINITY;
    if (env.monotonicMs() - triedMs < HAND_OVER_EVERY_MS) return;
    const wish = node.topology().wish(slot.birth.groupId);
    for (let space: number = AMPLE; space < spaces.own; space++) {
      const may = (nodeId: NodeId): boolean =>
        spaces.of(nodeId) === space && node.isReachable(nodeId) && keepsUp(slot, nodeId);
      handOver(slot, wish, may);
      if (slot.status.transferringTo === 0) continue;
      this.triedMs.set(slot.replicaId, env.monotonicMs());
      return;
    }
  }
}

/** One that lags would not be done catching up before the attempt is over. */
function keepsUp(slot: NodeSlot, nodeId: NodeId): boolean {
  return slot.raft.peers.some(({ id, state }) => nodeOf(id) === nodeId && state === 'replicate');
}
