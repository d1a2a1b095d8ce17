/**
 * The replicas that live on this node: born, opened again, fed, dropped.
 *
 * A replica is born only when the topology names this node in the group's birth set, and its birth is durable before it
 * says a word. What the node has had once (also: had and dropped) is never born again: group ids are not reused.
 */
import type { Env } from '../env.js';
import type { Message } from '../raft/message.js';
import type { Reply } from '../resp/reply.js';
import { type Birth, decodeBirth, encodeBirth, memberOf, nodeOf } from '../slot/birth.js';
import type { Checkpointer } from '../slot/checkpoint.js';
import type { StateMachine } from '../slot/machine.js';
import type { Pump } from '../slot/pump.js';
import type { SlotRequest } from '../slot/requests.js';
import { Slot, type SlotSettings } from '../slot/slot.js';
import type { SlotSnapshots } from '../slot/snapshot-install.js';
import { SlotState } from '../slot/state.js';
import type { StoredState } from '../slot/states.js';
import type { Binlog, RecoveredReplica } from '../storage/binlog.js';
import type { Engine } from '../storage/engine.js';
import { Arousal } from './arousal.js';
import type { Leadership } from './forwarder.js';
import type { GroupPlace, TopologyView } from './topology.js';

export type NodeSlot = Slot<Reply>;

export interface ReplicasParts {
  readonly env: Env;
  readonly engine: Engine;
  readonly binlog: Binlog;
  readonly pump: Pump<Reply>;
  readonly checkpointer: Checkpointer;
  readonly machine: StateMachine<Reply>;
  readonly settings: SlotSettings;
  readonly snapshots: SlotSnapshots<Reply>;
  readonly post: (toNodeId: number, groupId: number, message: Message) => void;
  readonly statusChanged: (slot: NodeSlot) => void;
  readonly entryApplied: (slot: NodeSlot, index: number, term: number, data: Buffer) => void;
  readonly isDown: (nodeId: number) => boolean;
  readonly fatal: (why: unknown) => void;
}

export class Replicas {
  private readonly byGroup = new Map<number, NodeSlot>();
  private readonly byReplica = new Map<number, NodeSlot>();
  /** Groups whose replica here was dropped for good, or is damaged: never born here again. */
  private readonly buried = new Set<number>();
  private lastReplicaId: number;
  private working: Promise<void> = Promise.resolve();
  private readonly arousal: Arousal;
  /** Sampled by the node: new writes are refused while it is true. */
  diskLow = false;

  constructor(private readonly parts: ReplicasParts) {
    this.lastReplicaId = parts.binlog.lastReplicaId;
    this.arousal = new Arousal(parts.env, (slot) => this.byReplica.get(slot.replicaId) === slot);
  }

  get all(): Iterable<NodeSlot> {
    return this.byGroup.values();
  }

  get(groupId: number): NodeSlot | undefined {
    return this.byGroup.get(groupId);
  }

  byReplicaId(replicaId: number): NodeSlot | undefined {
    return this.byReplica.get(replicaId);
  }

  /**
   * A replica that was here before the restart. A damaged one stays shut: its log or its vote may be short of what it promised, so
   * it must neither vote nor answer; nor may its group be born here anew.
   */
  async reopen(recovered: RecoveredReplica, stored: StoredState | undefined): Promise<void> {
    const { replicaId, damaged } = recovered;
    if (recovered.birth.length === 0) {
      throw new Error(
        `binlog: replica ${replicaId} cannot be told apart any more: ${damaged ?? 'its birth is lost'}`,
      );
    }
    const birth = decodeBirth(recovered.birth);
    if (recovered.tombstone !== undefined) {
      this.buried.add(birth.groupId);
      // The crash may have come between the tombstone and this.
      await this.parts.checkpointer.abandon(replicaId);
      return;
    }
    if (damaged !== undefined) {
      this.buried.add(birth.groupId);
      const { groupId, tableId, slot } = birth;
      this.parts.env.log.error('replica is damaged and stays shut', { groupId, tableId, slot, damaged });
      return;
    }
    await this.open(replicaId, birth, stored, recovered);
  }

  /** Gives birth to what the topology wishes here, and buries what it says was dropped; one change after the other. */
  follow(view: TopologyView, nodeId: number): Promise<void> {
    this.working = this.working.then(() => this.followNow(view, nodeId));
    return this.working;
  }

  receiveAll(messages: readonly { readonly groupId: number; readonly message: Message }[]): void {
    for (const { groupId, message } of messages) this.receive(groupId, message);
  }

  receive(groupId: number, message: Message): void {
    const slot = this.byGroup.get(groupId);
    if (slot !== undefined && slot.birth.memberId === message.to) slot.receive(message);
  }

  execute(groupId: number, request: SlotRequest<Reply>, expectedTerm: number): void {
    const slot = this.byGroup.get(groupId);
    if (slot === undefined) request.done({ kind: 'refused', why: 'notLeader' });
    else slot.execute(request, expectedTerm);
  }

  leadership(groupId: number): Leadership {
    const status = this.byGroup.get(groupId)?.status;
    return { nodeId: status === undefined ? 0 : nodeOf(status.leader), term: status?.term ?? 0 };
  }

  /** The node is gone, as far as can be seen from here. */
  peerDown(nodeId: number): void {
    this.arousal.tell(this.byGroup.values(), nodeId, 'down');
  }

  peerUp(nodeId: number): void {
    this.arousal.tell(this.byGroup.values(), nodeId, 'up');
  }

  private async followNow(view: TopologyView, nodeId: number): Promise<void> {
    try {
      for (const place of view.groups()) {
        const { groupId, birthNodeIds } = place.group;
        if (!birthNodeIds.includes(nodeId) || this.byGroup.has(groupId) || this.buried.has(groupId)) continue;
        await this.giveBirth(place, nodeId);
      }
      const dropped = new Set(view.topology.droppedTableIds ?? []);
      for (const slot of [...this.byGroup.values()])
        if (dropped.has(slot.birth.tableId)) await this.bury(slot);
    } catch (why) {
      this.parts.fatal(why);
    }
  }

  private async giveBirth({ table, slot, group }: GroupPlace, nodeId: number): Promise<void> {
    const birth: Birth = {
      groupId: group.groupId,
      tableId: table.tableId,
      slot,
      memberId: memberOf(nodeId, 0),
      voters: group.birthNodeIds.map((id) => memberOf(id, 0)),
    };
    const replicaId = ++this.lastReplicaId;
    await this.parts.binlog.append([{ kind: 'birth', replicaId, birth: encodeBirth(birth) }]);
    await this.open(replicaId, birth, undefined, undefined);
  }

  private async open(
    replicaId: number,
    birth: Birth,
    stored: StoredState | undefined,
    recovered: RecoveredReplica | undefined,
  ): Promise<void> {
    const { env, engine, binlog, pump, checkpointer, machine, settings, snapshots, fatal } = this.parts;
    const stateId = stored?.stateId ?? checkpointer.newStateId();
    const state = new SlotState(
      engine,
      checkpointer.newStateId,
      stateId,
      stored && { keys: stored.meta.keys },
    );
    if (stored !== undefined) await state.open();
    const slot: NodeSlot = new Slot(replicaId, birth, state, stored?.meta, recovered, {
      env,
      engine,
      binlog,
      machine,
      settings,
      wake: (woken) => pump.wake(woken),
      send: (from, message) => this.parts.post(nodeOf(message.to), from.birth.groupId, message),
      statusChanged: this.parts.statusChanged,
      snapshots,
      entryApplied: this.parts.entryApplied,
      applyHeld: checkpointer.held,
      sharers: () => this.byGroup.size,
      diskLow: () => this.diskLow,
      isDown: this.parts.isDown,
      fatal,
    });
    this.byGroup.set(birth.groupId, slot);
    this.byReplica.set(replicaId, slot);
    checkpointer.add(slot);
    pump.add(slot);
  }

  /** The tombstone is durable before anything of the replica goes. */
  private async bury(slot: NodeSlot): Promise<void> {
    const { binlog, pump, checkpointer } = this.parts;
    this.buried.add(slot.birth.groupId);
    pump.remove(slot);
    slot.close();
    await binlog.append([
      { kind: 'tombstone', replicaId: slot.replicaId, tombstone: encodeBirth(slot.birth) },
    ]);
    this.byGroup.delete(slot.birth.groupId);
    this.byReplica.delete(slot.replicaId);
    checkpointer.remove(slot);
    await checkpointer.abandon(slot.replicaId);
  }
}
