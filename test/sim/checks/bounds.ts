/**
 * Nothing grows without a bound: what a node holds at any moment, against the bounds that its settings name.
 */
import type { NodeSlot } from '../../../src/node/replicas.js';
import type { NodeSettings } from '../../../src/node/settings.js';
import type { Owner } from '../scheduler.js';
import { leaderRole, queuedEntries, raftState, settledIndex, tailBytes } from './peek.js';
import type { Tell } from './tell.js';

/** Timers, disk operations and messages on their way to one process: many times what a healthy one has. */
const PENDING_MAX = 4000;
/** What one more message, entry or batch may add beyond a bound that is asked before it. */
const SLACK_BYTES = 256 * 1024;

export class Bounds {
  constructor(
    private readonly tell: Tell,
    private readonly settings: NodeSettings['slot'],
  ) {}

  owner({ ownerId, pendingEvents }: Owner): void {
    if (pendingEvents > PENDING_MAX) this.tell.fail(`${pendingEvents} events wait for process ${ownerId}`);
  }

  look(slot: NodeSlot): void {
    const { raft, outstandingRequestsMax } = this.settings;
    const { log } = raftState(slot);
    const unsettled = log.lastIndex - Math.min(settledIndex(slot), log.lastIndex);
    // A leader's own unanswered proposals, or what a follower takes from its leader while it lags (Follower.overloaded).
    const memoryMax =
      raft.memoryBytesMax + raft.uncommittedBytesMax + raft.inflightBytesMax + SLACK_BYTES + 64 * unsettled;
    this.hold(slot, 'bytes of entries in memory', tailBytes(slot), memoryMax);
    this.hold(slot, 'requests', slot.requests.outstanding, outstandingRequestsMax);
    // Of an async group also those that are written.
    const copies = slot.birth.isAsync ? 2 : 1;
    this.hold(slot, 'entries to be applied', queuedEntries(slot), copies * unsettled + 1);
    for (const progress of leaderRole(slot)?.replication.peers.values() ?? [])
      this.hold(
        slot,
        'bytes in flight',
        progress['inflightBytes'],
        raft.inflightBytesMax + raft.appendBytesMax + SLACK_BYTES,
      );
  }

  private hold(slot: NodeSlot, what: string, value: number, most: number): void {
    if (value > most)
      this.tell.fail(`group ${slot.birth.groupId}: ${value} ${what}, at most ${most} are allowed`);
  }
}
