/**
 * The replicas that live on this node: born, opened again, fed, destroyed.
 *
 * A replica is born in two ways only, and its birth is durable before it says a word. With a vote: when the topology names this
 * node in the group's birth set, and the node never had the group. Without: when a leader speaks to a member that the topology
 * wishes here and the node never was; such a one is empty, votes for nobody, and learns all else from its leader. The message that
 * calls it is dropped, as all that come before the birth is durable: the leader speaks again.
 *
 * A node holds one replica of a group: while one stands, a damaged one too, no other member of the group is born. What the node was
 * once is never born again: group ids are not reused, nor are members.
 */
import type { Env } from '../env.js';
import type { MemberId, Message } from '../raft/message.js';
import type { Reply } from '../resp/reply.js';
import type { DamagedMember } from '../rpc/topology.js';
import type { AckQuestion } from '../slot/acks.js';
import { type Birth, decodeBirth, encodeBirth, incarnationOf, memberOf, nodeOf } from '../slot/birth.js';
import type { Checkpointer } from '../slot/checkpoint.js';
import type { StateMachine } from '../slot/machine.js';
import { noPoolFigures } from '../slot/pool-figures.js';
import type { Pump } from '../slot/pump.js';
import type { SlotRequest } from '../slot/requests.js';
import type { Slot, SlotSettings } from '../slot/slot.js';
import type { SlotSnapshots } from '../slot/snapshot-install.js';
import type { StoredState } from '../slot/states.js';
import type { Binlog, BinlogEntry, RecoveredReplica } from '../storage/binlog.js';
import { isDamage } from '../storage/damage.js';
import { AMPLE, RESERVED } from '../storage/disk-gauge.js';
import type { Engine } from '../storage/engine.js';
import { Arousal } from './arousal.js';
import { CutFigures } from './cut-figures.js';
import { type DamagedReplica, DamagedReplicas, type DamageParts } from './damaged-replicas.js';
import type { Leadership, LocalSlots, Standing } from './forwarder.js';
import { wishOf } from './members.js';
import { NamelessReplicas } from './nameless-replicas.js';
import { openReplica } from './open-replica.js';
import { PastMembers } from './past-members.js';
import { Spaces } from './spaces.js';
import { Standings } from './standings.js';
import { type GroupPlace, TopologyView } from './topology.js';

export type NodeSlot = Slot<Reply>;

export interface ReplicasParts extends DamageParts {
  readonly env: Env;
  readonly engine: Engine;
  readonly binlog: Binlog;
  readonly pump: Pump<Reply>;
  readonly checkpointer: Checkpointer;
  readonly machine: StateMachine<Reply>;
  readonly settings: SlotSettings;
  readonly snapshots: SlotSnapshots<Reply>;
  readonly post: (toNodeId: number, groupId: number, message: Message) => void;
  /** A leader of the group spoke to a member of this node that isn't here (yet). */
  readonly leaderHeard: (groupId: number, leader: Leadership) => void;
  readonly statusChanged: (slot: NodeSlot) => void;
  readonly entryApplied: (slot: NodeSlot, entry: BinlogEntry) => void;
  readonly isDown: (nodeId: number) => boolean;
  readonly fatal: (why: unknown) => void;
}

export class Replicas {
  /** Shut for good; each waits for its group to show that it lives without it. */
  readonly damaged: DamagedReplicas;
  private readonly byGroup = new Map<number, NodeSlot>();
  private readonly byReplica = new Map<number, NodeSlot>();
  private readonly past = new PastMembers();
  readonly nameless: NamelessReplicas;
  private readonly standings: Standings;
  /** Called, and not born yet. */
  private readonly unborn = new Set<number>();
  private view = TopologyView.empty;
  private nodeId = 0;
  private lastReplicaId: number;
  private working: Promise<void> = Promise.resolve();
  private readonly arousal: Arousal;
  readonly spaces = new Spaces();
  /** What the slots' pools have had to do, since the start. */
  readonly figures = noPoolFigures();
  /** What async tables lost here. */
  readonly cuts: CutFigures;

  constructor(private readonly parts: ReplicasParts) {
    this.lastReplicaId = parts.binlog.lastReplicaId;
    this.standings = new Standings(parts.env);
    this.cuts = new CutFigures(parts.env.log);
    this.nameless = new NamelessReplicas(parts.binlog, this.past);
    this.damaged = new DamagedReplicas(parts, this.past);
    this.arousal = new Arousal(parts.env, (slot) => this.byReplica.get(slot.replicaId) === slot);
  }

  /** The node's own disk; what it means for a group depends on the others' too. */
  get diskLow(): boolean {
    return this.spaces.own !== AMPLE;
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
    const { replicaId } = recovered;
    const birth = recovered.birth.length === 0 ? undefined : decodeBirth(recovered.birth);
    if (recovered.tombstone !== undefined) {
      if (birth !== undefined) this.past.add(birth);
      // The crash may have come between the tombstone and this.
      await this.parts.checkpointer.abandon(replicaId);
      return;
    }
    if (birth === undefined) return this.nameless.add(replicaId, recovered.damaged ?? 'its birth is lost');
    const damaged = recovered.damaged ?? this.parts.notes?.of(replicaId);
    if (damaged !== undefined) return this.damaged.add({ replicaId, birth, why: damaged });
    await this.open(replicaId, birth, stored, recovered).catch(async (why) => {
      if (!isDamage(why)) throw why;
      await this.parts.notes?.add(replicaId, why.message);
      this.damaged.add({ replicaId, birth, why: why.message });
    });
  }

  /**
   * All that was here is opened again, or isn't. Rejects where nothing here can go on and nobody else can help: then the operator
   * must know at once.
   */
  async settleDamage(view: TopologyView, nodeId: number): Promise<void> {
    this.lastReplicaId = await this.nameless.bury(view, nodeId, this.byGroup, this.lastReplicaId);
    for (const replicaId of this.nameless.ids) await this.parts.checkpointer.abandon(replicaId);
    this.damaged.requireHope(view, nodeId, this.byGroup.size);
  }

  /** Met while it ran: what it holds is not what it was given. It says nothing more from here on. */
  shut(slot: NodeSlot, why: string): void {
    const { replicaId, birth } = slot;
    if (this.byReplica.get(replicaId) !== slot) return;
    this.parts.pump.remove(slot);
    this.parts.checkpointer.remove(slot);
    slot.close();
    this.byGroup.delete(birth.groupId);
    this.byReplica.delete(replicaId);
    this.damaged.add({ replicaId, birth, why });
    void this.parts.notes?.add(replicaId, why).catch(this.parts.fatal);
  }

  /** Members on this node that are wished, and damaged or gone. */
  lostMembers(): readonly DamagedMember[] {
    return this.damaged.lostMembers(this.view, this.nodeId);
  }

  /** Gives birth to what the topology wishes here, and buries what it says was dropped; one change after the other. */
  follow(view: TopologyView, nodeId: number): Promise<void> {
    this.view = view;
    this.nodeId = nodeId;
    this.spaces.nodeId = nodeId;
    return this.next(() => this.followNow(view, nodeId));
  }

  receiveAll(messages: readonly { readonly groupId: number; readonly message: Message }[]): void {
    this.parts.pump.together(() => {
      for (const { groupId, message } of messages) this.receive(groupId, message);
    });
  }

  receive(groupId: number, message: Message): void {
    const slot = this.byGroup.get(groupId);
    if (slot?.birth.memberId === message.to) {
      if (this.spaces.takes(message, slot.raft.kind)) slot.receive(message);
    } else if (isLeaders(message) && this.mayBeBorn(groupId, message.to)) this.called(groupId, message);
  }

  /** The group has removed this replica's member, as a leader said in `term`. */
  destroy(slot: NodeSlot, term: number): Promise<void> {
    return this.next(async () => {
      const { voters: _voters, ...member } = slot.birth;
      // Asked again at the moment of the deed: since then it may have heard of a later term, in which it counts.
      if (this.byGroup.get(member.groupId) !== slot || slot.status.term > term) return;
      this.parts.env.log.info('replica removed by its group', member);
      await this.bury(slot);
    });
  }

  /** Its group goes on without the damaged member, as a leader said. It promised what it may have forgotten, whatever the term. */
  destroyDamaged(replica: DamagedReplica): Promise<void> {
    return this.next(() => this.damaged.buryIfHere(replica));
  }

  readonly readNow: LocalSlots['readNow'] = (groupId, session, group, term) =>
    this.byGroup.get(groupId)?.readNow(session, group, term);

  execute(groupId: number, request: SlotRequest<Reply>, expectedTerm: number): void {
    const slot = this.byGroup.get(groupId);
    // A replica without room lags: others read for it.
    const lags = request.here && this.spaces.own >= RESERVED;
    if (slot === undefined || (lags && !slot.isLeader)) request.done({ kind: 'refused', why: 'notLeader' });
    else slot.execute(request, expectedTerm);
  }

  askAcks(groupId: number, question: AckQuestion): void {
    const slot = this.byGroup.get(groupId);
    if (slot === undefined) question.answer({ kind: 'refused' });
    else slot.askAcks(question);
  }

  /** What the replica here knows. One that is not wished any more may be in terms that its group knows nothing of. */
  leadership(groupId: number): Leadership {
    const slot = this.byGroup.get(groupId);
    if (slot === undefined) return { nodeId: 0, term: 0 };
    const isGoing = this.view.wish(groupId)?.includes(slot.birth.memberId) === false;
    if (isGoing && !slot.isLeader) return { nodeId: 0, term: 0 };
    return { nodeId: slot.leaderNodeId, term: slot.raft.term };
  }

  standing(groupId: number, memberId: MemberId, memberTerm: number): Standing {
    const slot = this.byGroup.get(groupId);
    if (slot === undefined) return { verdict: 'unknown', term: 0 };
    return this.standings.of(slot, memberId, memberTerm);
  }

  /** The node is gone, as far as can be seen from here. */
  peerDown(nodeId: number): void {
    this.arousal.tell(this.byGroup.values(), nodeId, 'down');
  }

  peerUp(nodeId: number): void {
    this.arousal.tell(this.byGroup.values(), nodeId, 'up');
  }

  private next(work: () => Promise<void>): Promise<void> {
    this.working = this.working.then(work).catch((why) => this.parts.fatal(why));
    return this.working;
  }

  private async followNow(view: TopologyView, nodeId: number): Promise<void> {
    for (const place of view.groups()) {
      const { groupId, birthNodeIds } = place.group;
      // Wished or not: a group may need its first voters to learn of anything.
      if (!birthNodeIds.includes(nodeId) || this.byGroup.has(groupId) || this.past.hasAny(groupId)) continue;
      const voters = birthNodeIds.map((id) => memberOf(id, 0));
      await this.giveBirth(place, memberOf(nodeId, 0), voters);
    }
    const dropped = new Set(view.topology.droppedTableIds ?? []);
    for (const slot of [...this.byGroup.values()]) if (dropped.has(slot.birth.tableId)) await this.bury(slot);
    for (const replica of [...this.damaged.all])
      if (dropped.has(replica.birth.tableId)) await this.damaged.bury(replica);
  }

  /** Born at once, if no other member of the group is here: that one must go first, and may now ask whom to. */
  private called(groupId: number, message: Message): void {
    this.parts.leaderHeard(groupId, { nodeId: nodeOf(message.from), term: message.term });
    if (this.isHeld(groupId) || this.unborn.has(groupId)) return;
    this.unborn.add(groupId);
    void this.next(async () => {
      // The topology may be another one by now, or a replica may have been born from it.
      if (!this.isHeld(groupId) && this.mayBeBorn(groupId, message.to))
        await this.giveBirth(this.view.place(groupId)!, message.to, []);
      this.unborn.delete(groupId);
    });
  }

  /** Also by one that is damaged. */
  private isHeld(groupId: number): boolean {
    return this.byGroup.has(groupId) || this.damaged.get(groupId) !== undefined;
  }

  private mayBeBorn(groupId: number, memberId: MemberId): boolean {
    if (nodeOf(memberId) !== this.nodeId || incarnationOf(memberId) === 0) return false;
    const place = this.view.place(groupId);
    const isWished = place !== undefined && wishOf(place.group).includes(memberId);
    return isWished && !this.past.has(groupId, memberId);
  }

  private async giveBirth(place: GroupPlace, memberId: MemberId, voters: readonly MemberId[]): Promise<void> {
    const birth = birthOf(place, memberId, voters);
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
    const slot = await openReplica(this.parts, { replicaId, birth, stored, recovered }, this);
    this.byGroup.set(birth.groupId, slot);
    this.byReplica.set(replicaId, slot);
    this.parts.checkpointer.add(slot);
    this.parts.pump.add(slot);
  }

  /** Slots that share what is bounded for the node. */
  get sharers(): number {
    return this.byGroup.size;
  }

  /** The tombstone is durable before anything of the replica goes. */
  private async bury(slot: NodeSlot): Promise<void> {
    const { binlog, pump, checkpointer } = this.parts;
    this.past.add(slot.birth);
    pump.remove(slot);
    slot.close();
    const { replicaId, birth } = slot;
    await binlog.append([{ kind: 'tombstone', replicaId, tombstone: encodeBirth(birth) }]);
    this.byGroup.delete(birth.groupId);
    this.byReplica.delete(replicaId);
    checkpointer.remove(slot);
    await checkpointer.abandon(replicaId);
  }
}

/** Only a leader's messages call a member to life; a candidate's question does not. */
function isLeaders({ kind }: Message): boolean {
  return kind === 'append' || kind === 'heartbeat' || kind === 'snapshot';
}

function birthOf({ table, slot, group }: GroupPlace, memberId: MemberId, voters: readonly MemberId[]): Birth {
  const isAsync = table.mode === 'async' && { isAsync: true };
  return { groupId: group.groupId, tableId: table.tableId, slot, memberId, voters, ...isAsync };
}
