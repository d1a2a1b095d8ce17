/**
 * What must hold after every step of every replica, seen from outside: after each event, on each message, at each entry applied.
 *
 * Each promise has a file of its own: elections, leases, members, logs, applied, durability, reads, ledger, bounds. What clients see is judged at the end
 * (judge.ts, dumps.ts), and that nothing hangs (rest.ts). Whatever is asked after each event costs only what is new.
 */

import type { NodeObserver } from '../../../src/node/node.js';
import type { NodeSlot } from '../../../src/node/replicas.js';
import type { NodeSettings } from '../../../src/node/settings.js';
import type { Message } from '../../../src/raft/message.js';
import type { RaftCodec } from '../../../src/rpc/codec.js';
import { decodePulse } from '../../../src/rpc/pulse-codec.js';
import type { Lane } from '../../../src/rpc/transport.js';
import { decodeSnapshotAck, decodeSnapshotMessage } from '../../../src/slot/snapshot-codec.js';
import type { Owner } from '../scheduler.js';
import { Applied } from './applied.js';
import { Bounds } from './bounds.js';
import { CutWrites } from './cut-writes.js';
import { type Disk, Durability } from './durability.js';
import { Elections } from './elections.js';
import { Leases } from './leases.js';
import { Ledger } from './ledger.js';
import { Logs } from './logs.js';
import { Members } from './members.js';
import { replayedIndex } from './peek.js';
import { Reads } from './reads.js';
import type { Tell } from './tell.js';

export interface OracleParts {
  readonly codec: RaftCodec;
  readonly tell: Tell;
  readonly settings: NodeSettings['slot'];
  readonly disks: () => readonly Disk[];
  /** A leader is elected that nobody knew. */
  readonly leaderElected?: (slot: NodeSlot) => void;
  /** A Raft message leaves its node, whatever becomes of it. */
  readonly said?: (groupId: number, message: Message) => void;
}

const RAFT_LANES: ReadonlySet<Lane> = new Set(['control', 'sync', 'ack']);

export class Oracles {
  readonly ledger: Ledger;
  readonly reads: Reads;
  readonly cutWrites: CutWrites;
  private readonly elections: Elections;
  private readonly leases: Leases;
  readonly members: Members;
  private readonly logs: Logs;
  private readonly applied: Applied;
  private readonly durability: Durability;
  private readonly bounds: Bounds;

  constructor(private readonly parts: OracleParts) {
    const { tell, settings, disks } = parts;
    this.ledger = new Ledger(tell);
    this.elections = new Elections(tell);
    this.leases = new Leases(tell);
    this.members = new Members(tell);
    this.durability = new Durability(tell, disks);
    this.logs = new Logs(tell, this.durability);
    this.applied = new Applied(tell, (entry) => this.ledger.applied(entry));
    this.reads = new Reads(tell, (groupId) => this.logs.committedTo(groupId));
    this.bounds = new Bounds(tell, settings);
    this.cutWrites = new CutWrites(tell, (groupId, index) => this.applied.termAt(groupId, index));
  }

  /** For one life of one process. */
  observer(ownerId: () => number): NodeObserver {
    return {
      entryApplied: (slot, entry) => {
        if (entry.index <= replayedIndex(slot)) this.parts.tell.counted('entry replayed at start');
        this.applied.entryApplied(ownerId(), slot, entry);
      },
      statusChanged: (slot) => this.statusChanged(ownerId(), slot),
      snapshotInstalled: (slot) => this.applied.snapshotInstalled(ownerId(), slot),
    };
  }

  /** After an event of a life, over all that it holds. */
  look(owner: Owner, slots: Iterable<NodeSlot>): void {
    this.bounds.owner(owner);
    for (const slot of slots) {
      this.logs.look(slot);
      this.durability.look(slot);
      this.durability.engineHolds(slot, this.logs.committedTo(slot.birth.groupId));
      this.cutWrites.look(owner.ownerId, slot);
      this.reads.look(slot);
      this.leases.look(slot);
      this.bounds.look(slot);
    }
  }

  /** A message leaves a node. */
  sent(lane: Lane, bytes: Buffer): void {
    const { tell } = this.parts;
    if (lane === 'snapshot') tell.counted(`snapshot ${decodeSnapshotMessage(bytes).kind}`);
    if (lane === 'snapshotAck') tell.counted(`snapshot ${decodeSnapshotAck(bytes).kind}`);
    if (!RAFT_LANES.has(lane)) return;
    if (decodePulse(bytes) !== undefined) return;
    for (const { groupId, message } of this.parts.codec.decodeFrames(bytes)) {
      this.durability.said(groupId, message);
      this.parts.said?.(groupId, message);
      if (message.kind === 'vote') this.elections.stood(groupId, message.term, message.from);
      if (message.kind !== 'voteReply') continue;
      this.parts.tell.counted(message.granted ? 'votes granted' : 'votes refused');
      if (message.granted) this.elections.voted(groupId, message.term, message.from, message.to);
    }
  }

  private statusChanged(ownerId: number, slot: NodeSlot): void {
    const { role, term, configuration } = slot.status;
    // A group of one leads before its vote is on disk, silently: nothing comes of it until its log is saved.
    if (role !== 'leader' || configuration.voters.length === 1) return;
    if (!this.elections.leads(slot.birth.groupId, term, ownerId)) return;
    this.leases.elected(slot.birth.groupId, term);
    this.parts.tell.counted('leaders elected');
    if (slot.birth.voters.length === 0) this.parts.tell.counted('newcomers elected');
    this.parts.leaderElected?.(slot);
  }
}
