/**
 * The snapshots that leave this node and those that come in (snapshots-out.ts, snapshots-in.ts), as the node sees them:
 * one lane each way, one set of figures, one end.
 */
import type { Env } from '../env.js';
import type { MemberId } from '../raft/message.js';
import type { NodeId, PeerTransport } from '../rpc/transport.js';
import type { Checkpointer } from '../slot/checkpoint.js';
import type { LogNeed } from '../slot/log-tail.js';
import type { Slot } from '../slot/slot.js';
import { decodeSnapshotAck, decodeSnapshotMessage } from '../slot/snapshot-codec.js';
import type { SlotSnapshots } from '../slot/snapshot-install.js';
import type { SnapshotSettings } from '../slot/snapshot-sender.js';
import type { Engine } from '../storage/engine.js';
import { IncomingSnapshots } from './snapshots-in.js';
import { OutgoingSnapshots } from './snapshots-out.js';

export interface SnapshotsParts<R> {
  readonly env: Env;
  readonly engine: Engine;
  readonly checkpointer: Checkpointer;
  readonly settings: SnapshotSettings;
  readonly slotOf: (groupId: number) => Slot<R> | undefined;
  readonly send: PeerTransport['send'];
  readonly isReachable: (nodeId: NodeId) => boolean;
  /** The disk is nearly full: none is taken in. */
  readonly diskLow: () => boolean;
  /** For oracles. */
  readonly installed: (slot: Slot<R>) => void;
  /** Rows of the slot's state are not as they were written. */
  readonly damaged: (slot: Slot<R>, why: string) => void;
  readonly fatal: (why: unknown) => void;
}

/** Since the start. */
export interface SnapshotFigures {
  sent: number;
  received: number;
  /** Either way, whatever the reason. */
  failed: number;
  sentBytes: number;
  receivedBytes: number;
}

export class Snapshots<R> implements SlotSnapshots<R> {
  readonly figures: SnapshotFigures = { sent: 0, received: 0, failed: 0, sentBytes: 0, receivedBytes: 0 };
  private readonly out: OutgoingSnapshots<R>;
  private readonly in: IncomingSnapshots<R>;

  constructor(private readonly parts: SnapshotsParts<R>) {
    this.out = new OutgoingSnapshots(parts, this.figures);
    this.in = new IncomingSnapshots(parts, this.figures);
  }

  /** Under way or waiting, either way. */
  get active(): number {
    return this.out.active + this.in.active;
  }

  wanted(slot: Slot<R>, member: MemberId): void {
    this.out.wanted(slot, member);
  }

  needed(slot: Slot<R>): LogNeed {
    return this.out.needed(slot);
  }

  installed(slot: Slot<R>): void {
    this.parts.installed(slot);
  }

  /** A message of the `snapshot` lane. Throws FormatError. */
  onMessage(from: NodeId, message: Buffer): void {
    this.in.received(from, decodeSnapshotMessage(message));
  }

  /** A message of the `snapshotAck` lane. Throws FormatError. */
  onAck(message: Buffer): void {
    this.out.answered(decodeSnapshotAck(message));
  }

  /** No answer that is still out will come. */
  peerDown(nodeId: NodeId): void {
    this.out.peerDown(nodeId);
  }

  /** Another role, term or leader. */
  slotChanged(slot: Slot<R>): void {
    this.out.slotChanged(slot);
  }

  /** Resolves when nothing uses the engine any more. The pump must have stopped. */
  async close(): Promise<void> {
    await Promise.all([this.out.close(), this.in.close()]);
  }
}
