/**
 * Raft messages on their way to other nodes: what one turn produced for a node and lane leaves as one message.
 *
 * Entries travel on `sync`, their acknowledgements on `ack`, everything that keeps groups alive on `control`.
 */
import type { Message } from '../raft/message.js';
import type { GroupMessage, RaftCodec } from '../rpc/codec.js';
import type { Lane, NodeId, PeerTransport } from '../rpc/transport.js';

type RaftLane = 'control' | 'sync' | 'ack';

/** A message is cut off once it holds this much entry data, so that slots interleave. */
const CHUNK_BYTES = 256 * 1024;

interface Letter {
  frames: GroupMessage[];
  bytes: number;
}

export class Outbox {
  private readonly letters = new Map<NodeId, Map<RaftLane, Letter>>();

  constructor(
    private readonly transport: PeerTransport,
    private readonly codec: RaftCodec,
  ) {}

  post(to: NodeId, groupId: number, message: Message): void {
    const lane = laneOf(message);
    let lanes = this.letters.get(to);
    if (lanes === undefined) {
      lanes = new Map();
      this.letters.set(to, lanes);
    }
    let letter = lanes.get(lane);
    if (letter === undefined) {
      letter = { frames: [], bytes: 0 };
      lanes.set(lane, letter);
    }
    letter.frames.push({ groupId, message });
    if (message.kind === 'append') for (const entry of message.entries) letter.bytes += entry.data.length;
    if (letter.bytes >= CHUNK_BYTES) this.sendOff(to, lane, lanes);
  }

  /** Sends what has gathered. */
  flush(): void {
    for (const [to, lanes] of this.letters) for (const lane of lanes.keys()) this.sendOff(to, lane, lanes);
    this.codec.forgetRuns();
  }

  private sendOff(to: NodeId, lane: RaftLane, lanes: Map<RaftLane, Letter>): void {
    const letter = lanes.get(lane)!;
    lanes.delete(lane);
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
