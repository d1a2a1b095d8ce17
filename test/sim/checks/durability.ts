/**
 * Save, then send, then say: nothing leaves a machine that its disk would deny if the power were cut at this moment.
 *
 * - At the moment when an entry is first known committed, a quorum of the group's voters hold it on disk, whatever is in memory.
 * - A vote, a candidacy and an acknowledgement are on disk when they leave.
 * - What a replica opens with after a crash is no less than its disk held: term, vote, commit; and the engine's applied index.
 */
import type { NodeSlot } from '../../../src/node/replicas.js';
import type { Configuration, MemberId, Message } from '../../../src/raft/message.js';
import { quorumVote } from '../../../src/raft/quorum.js';
import { nodeOf } from '../../../src/slot/birth.js';
import type { SimFiles } from '../sim-files.js';
import type { DurableImage, DurableLog } from './durable-image.js';
import { durableIndex, raftState } from './peek.js';
import type { Tell } from './tell.js';

/** A machine's disk. */
export interface Disk {
  readonly nodeId: number;
  readonly files: SimFiles;
  readonly image: DurableImage;
}

export class Durability {
  /** The engine's applied index, by `memberId/groupId`. */
  private readonly checkpoints = new Map<string, number>();
  /** As they were after the event before. */
  private readonly configurations = new WeakMap<NodeSlot, Configuration>();

  constructor(
    private readonly tell: Tell,
    private readonly disks: () => readonly Disk[],
  ) {}

  committed(slot: NodeSlot, index: number, term: number): void {
    const { groupId } = slot.birth;
    const { configuration } = raftState(slot);
    const holds = (member: MemberId): boolean => this.logOf(member, groupId)?.holds(index, term) === true;
    // One event may commit first and then append the next configuration, which is in force from there on.
    const before = this.configurations.get(slot) ?? configuration;
    if ([before, configuration].some((each) => quorumVote(each, holds) === 'won')) return;
    const where = configuration.voters.filter(holds).map(nodeOf).join(', ');
    this.tell.fail(
      `group ${groupId}: entry ${index} of term ${term} is committed, on disk only at [${where}]`,
    );
  }

  said(groupId: number, message: Message): void {
    switch (message.kind) {
      case 'vote':
        return this.mustHaveVoted(groupId, message, message.from);
      case 'voteReply':
        return message.granted ? this.mustHaveVoted(groupId, message, message.to) : undefined;
      case 'appendReply':
        return message.rejected ? undefined : this.mustHold(groupId, message);
      default:
    }
  }

  /** A new life of a replica. */
  opened(slot: NodeSlot): void {
    const { memberId, groupId } = slot.birth;
    const log = this.logOf(memberId, groupId);
    const { term, votedFor, log: own } = raftState(slot);
    const checkpoint = this.checkpoints.get(`${memberId}/${groupId}`) ?? 0;
    if (slot.appliedTo.index < checkpoint)
      this.fail(groupId, memberId, `opened at ${slot.appliedTo.index}, its engine holds ${checkpoint}`);
    if (log === undefined) return;
    const { hardState } = log;
    const forgot =
      term < hardState.term ||
      (term === hardState.term && hardState.votedFor !== 0 && votedFor !== hardState.votedFor) ||
      own.commitIndex < Math.min(hardState.commit, own.lastIndex);
    if (forgot)
      this.fail(
        groupId,
        memberId,
        `opened with term ${term}, vote ${votedFor}, commit ${own.commitIndex}; its disk says ${JSON.stringify(hardState)}`,
      );
  }

  look(slot: NodeSlot): void {
    const { memberId, groupId } = slot.birth;
    this.checkpoints.set(`${memberId}/${groupId}`, durableIndex(slot));
    this.configurations.set(slot, raftState(slot).configuration);
  }

  /** A checkpoint holds nothing that may yet be cut. */
  engineHolds(slot: NodeSlot, committedTo: number): void {
    const { memberId, groupId } = slot.birth;
    const index = durableIndex(slot);
    if (index > committedTo)
      this.fail(groupId, memberId, `its engine holds ${index}, committed is ${committedTo}`);
  }

  private mustHaveVoted(groupId: number, { from, term }: Message, candidate: MemberId): void {
    const { hardState } = this.logOf(from, groupId) ?? { hardState: { term: 0, votedFor: 0 } };
    if (hardState.term > term || (hardState.term === term && hardState.votedFor === candidate)) return;
    this.fail(groupId, from, `votes in term ${term}; its disk says ${JSON.stringify(hardState)}`);
  }

  private mustHold(groupId: number, { from, term, index }: Message & { kind: 'appendReply' }): void {
    const log = this.logOf(from, groupId);
    if (log === undefined || log.hardState.term < term)
      this.fail(groupId, from, `acknowledges in term ${term}, which is not on its disk`);
    else if (index > 0 && !log.reaches(index) && log.hardState.term === term)
      this.fail(groupId, from, `acknowledges entry ${index}, which is not on its disk`);
  }

  private logOf(member: MemberId, groupId: number): DurableLog | undefined {
    const disk = this.disks().find(({ nodeId }) => nodeId === nodeOf(member));
    return disk?.image.logOf(disk.files, groupId, member);
  }

  private fail(groupId: number, member: MemberId, why: string): void {
    this.tell.fail(`group ${groupId}, node ${nodeOf(member)}: ${why}`);
  }
}
