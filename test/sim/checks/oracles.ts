/**
 * What must hold after every step of every replica, seen from outside: through NodeObserver and the messages on the wire.
 *
 * - Election safety: one leader a (group, term), over all lives; a leader has every entry that anyone has applied.
 * - A vote is a function (group, term, voter) -> candidate for the voter's whole life, across crashes.
 * - State-machine safety: the first to apply (group, index) fixes its term and bytes; everybody else must match, in order, without
 *   a gap, and never beyond what he knows committed. Slot time never goes back along the log.
 */
import { crc32c } from '@node-rs/crc32';
import type { NodeObserver } from '../../../src/node/node.js';
import type { NodeSlot } from '../../../src/node/replicas.js';
import type { RaftCodec } from '../../../src/rpc/codec.js';
import type { Lane } from '../../../src/rpc/transport.js';
import { decodeEntry } from '../../../src/slot/entry.js';

interface Applied {
  readonly term: number;
  /** Slot time. */
  readonly timeMs: number;
  readonly checksum: number;
}

export class Oracles {
  /** Applied by anyone, by index - 1. */
  private readonly applied = new Map<number, Applied[]>();
  private readonly leaders = new Map<string, number>();
  private readonly votes = new Map<string, number>();
  /** Last index applied by a life's replica. */
  private readonly positions = new Map<string, number>();

  constructor(
    private readonly codec: RaftCodec,
    private readonly fail: (why: string) => void,
    private readonly counted: (what: string) => void,
  ) {}

  /** For one life of one process. */
  observer(ownerId: () => number): NodeObserver {
    return {
      entryApplied: (slot, index, term, data) => this.entryApplied(ownerId(), slot, index, term, data),
      statusChanged: (slot) => this.statusChanged(ownerId(), slot),
      snapshotInstalled: (slot) => this.snapshotInstalled(ownerId(), slot),
    };
  }

  /** A Raft message leaves a node. */
  sent(lane: Lane, bytes: Buffer): void {
    if (lane !== 'control') return;
    for (const { groupId, message } of this.codec.decodeFrames(bytes)) {
      if (message.kind === 'vote') this.voted(groupId, message.term, message.from, message.from);
      if (message.kind !== 'voteReply') continue;
      this.counted(message.granted ? 'votes granted' : 'votes refused');
      if (message.granted) this.voted(groupId, message.term, message.from, message.to);
    }
  }

  lastApplied(groupId: number): number {
    return this.applied.get(groupId)?.length ?? 0;
  }

  private voted(groupId: number, term: number, voter: number, candidate: number): void {
    const key = `${groupId}/${term}/${voter}`;
    const before = this.votes.get(key);
    if (before === undefined) this.votes.set(key, candidate);
    else if (before !== candidate)
      this.fail(`group ${groupId}, term ${term}: ${voter} voted for ${before} and for ${candidate}`);
  }

  private statusChanged(ownerId: number, slot: NodeSlot): void {
    const { role, term, lastIndex, configuration } = slot.status;
    // A group of one leads before its vote is on disk, silently: nothing comes of it until its log is saved.
    if (role !== 'leader' || configuration.voters.length === 1) return;
    const { groupId } = slot.birth;
    const key = `${groupId}/${term}`;
    const before = this.leaders.get(key);
    if (before !== undefined && before !== ownerId) {
      this.fail(`group ${groupId}, term ${term}: both ${before} and ${ownerId} lead`);
    }
    if (before === undefined && lastIndex < this.lastApplied(groupId)) {
      this.fail(
        `group ${groupId}: the leader of term ${term} ends at ${lastIndex}, ${this.lastApplied(groupId)} is applied`,
      );
    }
    if (before === undefined) this.counted('leaders elected');
    this.leaders.set(key, ownerId);
  }

  private entryApplied(ownerId: number, slot: NodeSlot, index: number, term: number, data: Buffer): void {
    const { groupId } = slot.birth;
    this.checkPosition(ownerId, slot, index);
    let list = this.applied.get(groupId);
    if (list === undefined) {
      list = [];
      this.applied.set(groupId, list);
    }
    const first = list[index - 1];
    const before = list[index - 2]?.timeMs ?? 0;
    const timeMs = data.length > 0 ? decodeEntry(data).timeMs : before;
    if (timeMs < before)
      this.fail(`group ${groupId}: slot time goes back from ${before} to ${timeMs} at entry ${index}`);
    const entry: Applied = { term, timeMs, checksum: crc32c(data) };
    if (first === undefined) {
      if (index !== list.length + 1)
        this.fail(`group ${groupId}: ${index} applied first, ${list.length} is the last known`);
      list.push(entry);
    } else if (first.term !== term || first.checksum !== entry.checksum) {
      this.fail(
        `group ${groupId}: entry ${index} was applied as ${JSON.stringify(first)} and as ${JSON.stringify(entry)}`,
      );
    }
  }

  /** Applying goes on after the snapshot: it must be of what somebody has applied, and take nothing back. */
  private snapshotInstalled(ownerId: number, slot: NodeSlot): void {
    const { groupId } = slot.birth;
    const key = `${ownerId}/${groupId}`;
    const { index, term } = slot.appliedTo;
    const before = this.positions.get(key) ?? 0;
    if (index <= before)
      this.fail(`group ${groupId}: ${ownerId} went back from ${before} to a snapshot at ${index}`);
    const known = this.applied.get(groupId)?.[index - 1];
    if (known?.term !== term)
      this.fail(`group ${groupId}: a snapshot at ${index}, term ${term}; known is ${JSON.stringify(known)}`);
    this.counted('snapshots installed');
    this.positions.set(key, index);
  }

  private checkPosition(ownerId: number, slot: NodeSlot, index: number): void {
    const { groupId } = slot.birth;
    const key = `${ownerId}/${groupId}`;
    const before = this.positions.get(key);
    if (before !== undefined && index !== before + 1)
      this.fail(`group ${groupId}: ${ownerId} applied ${index} after ${before}`);
    this.positions.set(key, index);
    const { commitIndex } = slot.status;
    if (index > commitIndex)
      this.fail(`group ${groupId}: ${ownerId} applied ${index}, committed is ${commitIndex}`);
  }
}
