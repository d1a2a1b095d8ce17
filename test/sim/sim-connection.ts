/**
 * One connection between two processes: seven lanes, each a queue whose head arrives when its time comes and the link lets it.
 *
 * Events never carry a message, only the word that the head of a lane may arrive: so neither dice nor pauses reorder a lane.
 * Messages are copied when sent: what the sender does with its buffer afterwards is its own affair.
 */
import { isAnswer, type Lane, type NodeId } from '../../src/rpc/transport.js';
import type { SimNetwork, SimTransport } from './sim-network.js';

export const LANE_CODES: Readonly<Record<Lane, number>> = {
  control: 1,
  sync: 2,
  ack: 3,
  request: 4,
  reply: 5,
  snapshot: 6,
  snapshotAck: 7,
};

interface LaneQueue {
  readonly lane: Lane;
  readonly messages: Buffer[];
  bytes: number;
  lastArrivalUs: number;
  /** Arrivals that came while the link was cut. */
  stalled: number;
}

export class Connection {
  /** The dialer may use it. */
  up = false;
  /** The dialer is done with it; nothing more is sent either way. */
  broken = false;
  /** The acceptor has a newer one of this dialer. */
  private replaced = false;
  private readonly lanes = new Map<Lane, LaneQueue>();

  constructor(
    private readonly network: SimNetwork,
    readonly dialer: SimTransport,
    readonly acceptor: SimTransport,
  ) {}

  uses(from: NodeId, to: NodeId): boolean {
    const [a, b] = [this.dialer.nodeId, this.acceptor.nodeId];
    return (a === from && b === to) || (a === to && b === from);
  }

  send(lane: Lane, message: Buffer): boolean {
    const queue = this.queueOf(lane);
    const full = queue.bytes > 0 && queue.bytes + message.length > this.network.laneBytesMax;
    if (full && lane !== 'control') return this.network.laneFull();
    const strayDelaysUs = this.network.strayDelaysUs(lane);
    if (strayDelaysUs !== undefined) {
      for (const delayUs of strayDelaysUs) this.stray(lane, Buffer.from(message), delayUs);
      return true;
    }
    queue.messages.push(Buffer.from(message));
    queue.bytes += message.length;
    this.arriveLater(queue);
    return true;
  }

  /** Outside of the lane's order, and whatever becomes of the link and the connection meanwhile. */
  private stray(lane: Lane, message: Buffer, delayUs: number): void {
    const [sender, receiver] = this.endsOf(lane);
    if (this.network.isCut(sender.nodeId, receiver.nodeId)) return;
    const run = (): void => receiver.handlers.onMessage(sender.nodeId, lane, message);
    this.network.scheduler.after(delayUs, 'net stray', receiver.owner, run, LANE_CODES[lane]);
  }

  /** What stalled on this direction goes on. */
  resume(from: NodeId, to: NodeId): void {
    for (const queue of this.lanes.values()) {
      const [sender, receiver] = this.endsOf(queue.lane);
      if (sender.nodeId !== from || receiver.nodeId !== to) continue;
      for (; queue.stalled > 0; queue.stalled--) this.arriveLater(queue);
    }
  }

  /** Some of what was sent to the acceptor may still be read by it. */
  break(): void {
    this.broken = true;
    for (const queue of this.lanes.values()) {
      const readable = isAnswer(queue.lane) ? 0 : this.network.random.below(queue.messages.length + 1);
      queue.messages.length = readable;
    }
  }

  replace(): void {
    this.replaced = true;
  }

  private queueOf(lane: Lane): LaneQueue {
    let queue = this.lanes.get(lane);
    if (queue === undefined) {
      queue = { lane, messages: [], bytes: 0, lastArrivalUs: 0, stalled: 0 };
      this.lanes.set(lane, queue);
    }
    return queue;
  }

  private arriveLater(queue: LaneQueue): void {
    const { scheduler } = this.network;
    const atUs = Math.max(queue.lastArrivalUs + 1, scheduler.nowUs + this.network.delayUs());
    queue.lastArrivalUs = atUs;
    const [, receiver] = this.endsOf(queue.lane);
    scheduler.after(
      atUs - scheduler.nowUs,
      'net arrival',
      receiver.owner,
      () => this.arrive(queue),
      LANE_CODES[queue.lane],
    );
  }

  private arrive(queue: LaneQueue): void {
    const [sender, receiver] = this.endsOf(queue.lane);
    if (queue.messages.length === 0 || this.replaced) return;
    if (isAnswer(queue.lane) && (this.broken || !this.up)) return this.discard(queue);
    if (this.network.isCut(sender.nodeId, receiver.nodeId)) {
      if (!this.broken) queue.stalled++;
      return;
    }
    const message = queue.messages.shift()!;
    queue.bytes -= message.length;
    receiver.handlers.onMessage(sender.nodeId, queue.lane, message);
  }

  /** The dialer takes nothing before its onUp and nothing after its onDown. */
  private discard(queue: LaneQueue): void {
    queue.bytes -= queue.messages.shift()!.length;
  }

  private endsOf(lane: Lane): readonly [sender: SimTransport, receiver: SimTransport] {
    return isAnswer(lane) ? [this.acceptor, this.dialer] : [this.dialer, this.acceptor];
  }
}
