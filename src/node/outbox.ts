/**
 * Raft messages on their way to other nodes: what one turn produced for a node and lane leaves as one message.
 *
 * Entries travel on `sync`, their acknowledgements on `ack`, everything that keeps groups alive on `control`.
 */
import type { Message } from '../raft/message.js';
import type { GroupMessage, RaftCodec } from '../rpc/codec.js';
import type { Lane, NodeId, PeerTransport } from '../rpc/transport.js';

/** In the order in which they leave: each is a stream of its own, and for entries and their acknowledgements a client waits. */
const LANES = ['sync', 'ack', 'control'] as const;
type RaftLane = (typeof LANES)[number];

/** A message is cut off once it holds this much entry data, so that slots interleave. */
const CHUNK_BYTES = 256 * 1024;

interface Letter {
  frames: GroupMessage[];
  bytes: number;
}

/** For one node. Not a map: one that is emptied at each turn makes a new table each time, among the old objects. */
type Letters = Record<RaftLane, Letter | undefined>;

export class Outbox {
  private readonly letters = new Map<NodeId, Letters>();

  constructor(
    private readonly transport: PeerTransport,
    private readonly codec: RaftCodec,
  ) {}

  post(to: NodeId, groupId: number, message: Message): void {
    const lane = laneOf(message);
    let letters = this.letters.get(to);
    if (letters === undefined) {
      letters = { control: undefined, sync: undefined, ack: undefined };
      this.letters.set(to, letters);
    }
    letters[lane] ??= { frames: [], bytes: 0 };
    const letter = letters[lane];
    letter.frames.push({ groupId, message });
    if (message.kind === 'append') for (const entry of message.entries) letter.bytes += entry.data.length;
    if (letter.bytes >= CHUNK_BYTES) this.sendOff(to, lane, letters);
  }

  /** Sends what has gathered. */
  flush(): void {
    for (const [to, letters] of this.letters) for (const lane of LANES) this.sendOff(to, lane, letters);
    this.codec.forgetRuns();
  }

  private sendOff(to: NodeId, lane: RaftLane, letters: Letters): void {
    const letter = letters[lane];
    if (letter === undefined) return;
    letters[lane] = undefined;
    this.transport.send(to, lane satisfies Lane, this.codec.encodeFrames(letter.frames));
  }
}

function laneOf(message: Message): RaftLane {
  switch (message.kind) {
    case 'append':
    case 'snapshot':
      return 'sync';
    case 'appendReply':
      return 'ack';
    default:
      return 'control';
  }
}
