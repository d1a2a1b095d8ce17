/**
 * How much room the disks under a group have, and what follows from it: for its clients, and for what its members send each other.
 *
 *   group's space      for its clients
 *   AMPLE              all goes on. One low disk of three is nobody's business: its leaderships move away (disk-watch.ts)
 *   LOW                a majority is low: what takes more room is refused, what frees some is done, down to the reserve
 *   RESERVED, STARVED  no write is taken; reads go on
 *
 * A group's space is that which a majority of its voters have; what is done must be on their disks. A leader in its own reserve
 * takes no write in any case. A full follower doesn't stop its group: it takes no entries of clients any more, as if it lagged,
 * and the leader sends it none until it says that it has room. Entries without clients (a new leader's first, members, the clock)
 * it takes from the reserve, or a group whose members are all full could elect nobody to read from. A starved one answers only
 * what waits for no disk; so what waits here for room is bounded.
 */
import { takesRoom } from '../commands/state-machine.js';
import type { Entry, Message } from '../raft/message.js';
import { quorumValue } from '../raft/quorum.js';
import type { RaftStatus } from '../raft/ready.js';
import type { NodeId } from '../rpc/transport.js';
import { nodeOf } from '../slot/birth.js';
import { type CommandGroup, ENTRY_HEAD_BYTES_MAX } from '../slot/entry.js';
import { AMPLE, LOW, RESERVED, type Space, STARVED } from '../storage/disk-gauge.js';

/** Of a member that is not its leader: these need nothing saved before they are answered, or no answer. */
const TAKEN_WHILE_STARVED: ReadonlySet<Message['kind']> = new Set([
  'appendReply',
  'heartbeat',
  'heartbeatReply',
  'preVoteReply',
  'readIndex',
  'readIndexReply',
  'voteReply',
  'wake',
]);

export class Spaces {
  own: Space = AMPLE;
  nodeId: NodeId = 0;
  /** Of peers that said they have not ample room. */
  private readonly peers = new Map<NodeId, number>();

  heard(peer: NodeId, space: number): void {
    if (space === AMPLE) this.peers.delete(peer);
    else this.peers.set(peer, space);
  }

  forget(peer: NodeId): void {
    this.peers.delete(peer);
  }

  /** Who was not heard of is taken to have room. */
  of(nodeId: NodeId): number {
    return nodeId === this.nodeId ? this.own : (this.peers.get(nodeId) ?? AMPLE);
  }

  /** Must a leader refuse this write? */
  refuses({ configuration }: Pick<RaftStatus, 'configuration'>, { commands }: CommandGroup): boolean {
    if (this.own === AMPLE && this.peers.size === 0) return false;
    if (this.own >= RESERVED) return true;
    const space = -quorumValue(configuration, (member) => -this.of(nodeOf(member)));
    if (space < LOW) return false;
    return space >= RESERVED || commands.some(takesRoom);
  }

  /** Can this node afford to hear it? What it doesn't hear is said again. */
  takes(message: Message, role: RaftStatus['role']): boolean {
    if (this.own < RESERVED || role === 'leader') return true;
    if (this.own === STARVED) return TAKEN_WHILE_STARVED.has(message.kind);
    return message.kind !== 'append' || message.entries.every(isSmall);
  }

  /** It would be sent to somebody who takes no entries. */
  holdsBack(message: Message): boolean {
    if (this.peers.size === 0 || message.kind !== 'append') return false;
    return this.of(nodeOf(message.to)) >= RESERVED && !message.entries.every(isSmall);
  }
}

/** Without a client's command in it. */
function isSmall({ kind, data }: Entry): boolean {
  return kind !== 'command' || data.length <= ENTRY_HEAD_BYTES_MAX;
}
