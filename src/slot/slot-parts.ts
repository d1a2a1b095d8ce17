/**
 * What a slot is given: its bounds, and the parts of the node that it works with.
 */
import type { Env } from '../env.js';
import type { Message } from '../raft/message.js';
import type { RaftSettings } from '../raft/ready.js';
import type { Binlog, BinlogEntry } from '../storage/binlog.js';
import type { Engine } from '../storage/engine.js';
import type { CutCount } from './cuts.js';
import type { CommandGroup } from './entry.js';
import type { StateMachine } from './machine.js';
import type { PoolFigures } from './pool-figures.js';
import type { Slot } from './slot.js';
import type { SlotSnapshots } from './snapshot-install.js';

export interface SlotSettings {
  /** `memoryBytesMax` is that of all the node's slots. */
  readonly raft: RaftSettings;
  /** An entry takes no further command once it is this large. */
  readonly entryBytesTarget: number;
  /** Requests taken and not answered; beyond it new ones are refused. */
  readonly outstandingRequestsMax: number;
  /** Rounds of read-index questions in flight; later reads wait and share the next round. */
  readonly readRoundsMax: number;
  /** Applied entries kept in the binlog for followers that lag, of all the node's slots. */
  readonly logTailBytes: number;
  /** Pages that one read may have loaded: its reply is hardly smaller, and can't be sent beyond that. */
  readonly readBytesMax: number;
  /** Clean cells in memory, of all the node's slots; beyond its share a slot evicts, after checkpoints and before loads. */
  readonly poolBytes: number;
  /** When a leader's node is gone, each voter campaigns so much later than the one before it, so that they don't collide. */
  readonly campaignStaggerMs: number;
}

export interface SlotParts<R> {
  readonly env: Env;
  readonly engine: Engine;
  readonly binlog: Binlog;
  readonly machine: StateMachine<R>;
  readonly settings: SlotSettings;
  readonly figures: PoolFigures;
  /** Something happened that the pump should look at. */
  readonly wake: (slot: Slot<R>) => void;
  /** Nothing for a turn, but the clock may matter again. False: nothing may leave any more. */
  readonly stayAwake: (slot: Slot<R>) => boolean;
  readonly send: (slot: Slot<R>, message: Message) => void;
  readonly statusChanged: (slot: Slot<R>) => void;
  readonly snapshots: SlotSnapshots<R>;
  /** An entry was applied, and is committed; for oracles and metrics. */
  readonly entryApplied: (slot: Slot<R>, entry: BinlogEntry) => void;
  /** Of an async group: what a leader that this replica was had answered, or not, is lost. */
  readonly writesCut: (slot: Slot<R>, count: CutCount) => void;
  /** ... and its state went back to its last checkpoint. */
  readonly rolledBack: (slot: Slot<R>) => void;
  /** Applying must wait: too much is dirty. Asked between entries. */
  readonly applyHeld: (slot: Slot<R>) => boolean;
  /** Slots of async groups hold as much as they may that no checkpoint can write yet. */
  readonly aheadIsFull: () => boolean;
  /** Does what no round of checkpoints may cross. */
  readonly alone: (work: () => Promise<void>) => Promise<void>;
  /** Slots that share what is bounded for the node, this one included. */
  readonly sharers: () => number;
  /** The group's disks are too full for such a write: it is refused, the rest goes on. */
  readonly diskLow: (slot: Slot<R>, group: CommandGroup) => boolean;
  /** The node can't be reached: its members are not waited for before sleep. */
  readonly isDown: (nodeId: number) => boolean;
  readonly fatal: (why: unknown) => void;
}

/** Those of one group: what is bounded for the node is shared by the slots that it has now. */
export function raftSettings<R>({ settings, sharers }: SlotParts<R>, isAsync: boolean): RaftSettings {
  return {
    ...settings.raft,
    sendEveryMs: isAsync ? settings.raft.sendEveryMs : 0,
    get memoryBytesMax() {
      return settings.raft.memoryBytesMax / sharers();
    },
  };
}
