/**
 * State-machine safety, seen from the state machine: the first to apply (group, index) fixes its term and bytes; everybody else must
 * match, in order, without a gap, and never beyond what he knows committed. Slot time never goes back along the log.
 */
import { crc32c } from '@node-rs/crc32';
import type { NodeSlot } from '../../../src/node/replicas.js';
import { decodeMembershipStep } from '../../../src/raft/membership.js';
import { type CommandEntry, decodeEntry } from '../../../src/slot/entry.js';
import type { BinlogEntry } from '../../../src/storage/binlog.js';
import type { Tell } from './tell.js';

interface AppliedEntry {
  readonly term: number;
  /** Slot time. */
  readonly timeMs: number;
  readonly checksum: number;
}

export class Applied {
  /** Applied by anyone, by index - 1. */
  private readonly groups = new Map<number, AppliedEntry[]>();
  /** Last index applied by a life's replica. */
  private readonly positions = new Map<string, number>();

  constructor(
    private readonly tell: Tell,
    /** Each command entry once, when somebody applies it first. */
    private readonly firstApplied: (entry: CommandEntry) => void,
  ) {}

  lastApplied(groupId: number): number {
    return this.groups.get(groupId)?.length ?? 0;
  }

  termAt(groupId: number, index: number): number | undefined {
    return this.groups.get(groupId)?.[index - 1]?.term;
  }

  entryApplied(ownerId: number, slot: NodeSlot, entry: BinlogEntry): void {
    const { groupId } = slot.birth;
    const { index, term, data } = entry;
    this.checkPosition(ownerId, slot, index);
    let list = this.groups.get(groupId);
    if (list === undefined) {
      list = [];
      this.groups.set(groupId, list);
    }
    const first = list[index - 1];
    const checksum = crc32c(data);
    if (first === undefined) this.takeFirst(groupId, list, entry, checksum);
    else if (first.term !== term || first.checksum !== checksum) {
      const both = [first, { term, checksum }].map((entry) => JSON.stringify(entry)).join(' and as ');
      this.tell.fail(`group ${groupId}: entry ${index} was applied as ${both}`);
    }
  }

  /** Applying goes on after the snapshot: it must be of what somebody has applied, and take nothing back. */
  snapshotInstalled(ownerId: number, slot: NodeSlot): void {
    const { groupId } = slot.birth;
    const key = placeOf(ownerId, slot);
    const { index, term } = slot.appliedTo;
    // What was applied ahead of it and committed nowhere may go.
    const before = this.positions.get(key) ?? 0;
    if (index <= before)
      this.tell.fail(`group ${groupId}: ${ownerId} went back from ${before} to a snapshot at ${index}`);
    const known = this.groups.get(groupId)?.[index - 1];
    if (known?.term !== term)
      this.tell.fail(
        `group ${groupId}: a snapshot at ${index}, term ${term}; known is ${JSON.stringify(known)}`,
      );
    this.tell.counted('snapshots installed');
    this.positions.set(key, index);
  }

  private takeFirst(
    groupId: number,
    list: AppliedEntry[],
    { index, term, kind, data }: BinlogEntry,
    checksum: number,
  ): void {
    if (index !== list.length + 1)
      this.tell.fail(`group ${groupId}: ${index} applied first, ${list.length} is the last known`);
    const before = list[index - 2]?.timeMs ?? 0;
    // A leader's first entry and a configuration carry no stamp.
    const entry = kind === 'command' ? decodeEntry(data) : undefined;
    const timeMs = entry?.timeMs ?? before;
    if (timeMs < before)
      this.tell.fail(`group ${groupId}: slot time goes back from ${before} to ${timeMs} at entry ${index}`);
    list.push({ term, timeMs, checksum });
    if (kind === 'configuration') this.countStep(data);
    if (entry === undefined) return;
    if (entry.groups.length === 0) this.tell.counted('clock entry logged');
    this.firstApplied(entry);
  }

  private countStep(data: Buffer): void {
    const step = decodeMembershipStep(data);
    if (step.kind === 'enterJoint') this.tell.counted('joint entered');
    if (step.kind === 'leaveJoint') return;
    const kinds = step.operations.map(({ kind }) => kind);
    if (kinds.includes('learner')) this.tell.counted('learner added');
    if (kinds.includes('voter')) this.tell.counted('learner promoted');
  }

  private checkPosition(ownerId: number, slot: NodeSlot, index: number): void {
    const { groupId } = slot.birth;
    const key = placeOf(ownerId, slot);
    const before = this.positions.get(key);
    if (before !== undefined && index !== before + 1)
      this.tell.fail(`group ${groupId}: ${ownerId} applied ${index} after ${before}`);
    this.positions.set(key, index);
    const { commitIndex } = slot.status;
    if (index > commitIndex)
      this.tell.fail(`group ${groupId}: ${ownerId} applied ${index}, committed is ${commitIndex}`);
  }
}

/** A group that comes back to a node begins anew. */
function placeOf(ownerId: number, slot: NodeSlot): string {
  return `${ownerId}/${slot.birth.groupId}/${slot.replicaId}`;
}
