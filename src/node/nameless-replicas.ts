/**
 * Replicas whose birth is no longer in the binlog, or may not be: nobody can say which groups they belonged to. So each of the groups
 * that this node could have belonged to, and that no other replica accounts for, is taken for theirs.
 *
 * The topology on the disk names all such groups, because a birth follows its topology to the disk. For each of them a birth and a
 * tombstone are written, in one batch, before the nameless ones get theirs: from then on the member is past, and is never born here
 * again; the placement manager hears that it is wished and gone, and wishes another. A member that was wished and never born
 * is renewed in vain, which costs nothing.
 */
import { type Birth, encodeBirth, memberOf, nodeOf } from '../slot/birth.js';
import type { Binlog, BinlogRecord } from '../storage/binlog.js';
import { loneGroups } from './damaged-replicas.js';
import { wishOf } from './members.js';
import type { PastMembers } from './past-members.js';
import type { NodeSlot } from './replicas.js';
import type { GroupPlace, TopologyView } from './topology.js';

export class NamelessReplicas {
  private readonly reasons = new Map<number, string>();
  private suspicion: string | undefined;

  constructor(
    private readonly binlog: Binlog,
    private readonly past: PastMembers,
  ) {}

  get ids(): Iterable<number> {
    return this.reasons.keys();
  }

  add(replicaId: number, why: string): void {
    this.reasons.set(replicaId, why);
  }

  /** There may have been replicas that left no trace at all. */
  suspect(why: string): void {
    this.suspicion ??= why;
  }

  /** Answers the last replica id that was given out. Rejects without a topology: then no group could be told. */
  async bury(
    view: TopologyView,
    nodeId: number,
    here: ReadonlyMap<number, NodeSlot>,
    lastReplicaId: number,
  ): Promise<number> {
    const [why = this.suspicion] = this.reasons.values();
    if (why === undefined) return lastReplicaId;
    if (view.epoch === 0) throw new Error(`binlog: what was here can't be told, as no topology is: ${why}`);
    const presumed = [...this.presumed(view, nodeId, here)];
    refuseLastCopies(presumed, view, nodeId, why);
    let replicaId = lastReplicaId;
    const records: BinlogRecord[] = [];
    for (const birth of presumed) {
      replicaId++;
      records.push({ kind: 'birth', replicaId, birth: encodeBirth(birth) });
      records.push({ kind: 'tombstone', replicaId, tombstone: encodeBirth(birth) });
      this.past.add(birth);
    }
    if (records.length > 0) await this.binlog.append(records);
    const tombstone = Buffer.alloc(0);
    const tombstones = [...this.ids].map((id) => ({ kind: 'tombstone', replicaId: id, tombstone }) as const);
    if (tombstones.length > 0) await this.binlog.append(tombstones);
    return replicaId;
  }

  private *presumed(
    view: TopologyView,
    nodeId: number,
    here: ReadonlyMap<number, NodeSlot>,
  ): Iterable<Birth> {
    for (const place of view.groups()) {
      const { groupId } = place.group;
      const wished = wishOf(place.group).find((member) => nodeOf(member) === nodeId);
      const isHere = here.get(groupId)?.birth.memberId === wished;
      if (wished !== undefined && !isHere && !this.past.has(groupId, wished)) yield birthOf(place, wished);
      else if (place.group.birthNodeIds.includes(nodeId) && !here.has(groupId) && !this.past.hasAny(groupId))
        yield birthOf(place, memberOf(nodeId, 0));
    }
  }
}

/** Their files may still be found: a tombstone would make that vain. */
function refuseLastCopies(presumed: readonly Birth[], view: TopologyView, nodeId: number, why: string): void {
  const lone = new Set(loneGroups(view, nodeId).map(({ group }) => group.groupId));
  const first = presumed.find(({ groupId }) => lone.has(groupId));
  if (first === undefined) return;
  throw new Error(
    `the binlog is damaged (${why}), and slot ${first.slot} of table ${first.tableId} has its only copy here: ` +
      'bring the file back, or give the node an empty data-dir and drop the table',
  );
}

function birthOf({ table, slot, group }: GroupPlace, memberId: number): Birth {
  return { groupId: group.groupId, tableId: table.tableId, slot, memberId, voters: [] };
}
