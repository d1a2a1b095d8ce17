/**
 * The core's whole surface: what goes in (`RaftCore`), what comes out (`Ready`), and the one safe order.
 *
 * The driver's loop, for each group:
 *   1. feed inputs: tick, step, propose, readIndex, ...
 *   2. `ready()`; if there is one:
 *      a. send `messages` now (a leader's appends travel while its own disk works);
 *      b. hand `hardState` and `entries` to the binlog, in the order of the Readys, as one record batch;
 *      c. answer `reads`, start `loads`, queue `committed` for apply;
 *   3. when the binlog says that batch is durable: `saved(...)` with the Ready's last entry (or none), and only then send
 *      `messagesAfterSave` (votes, append replies: everything that the disk must not deny after a crash).
 *   4. when entries are applied: `applied(index)`.
 * Several Readys may be between 2 and 3 at once; the binlog keeps their order.
 */
import type { Random } from '../random.js';
import type {
  Configuration,
  Entry,
  HardState,
  Index,
  MemberId,
  Message,
  SnapshotMark,
  Term,
} from './message.js';

export interface RaftSettings {
  /** A follower that heard nothing for this long, times a random factor in [1, 2), campaigns. */
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** A heartbeat ack promises no vote to anyone else for this long; a restarted voter abstains as long. */
  readonly leaseMs: number;
  /** Taken off the lease for clocks that run at different speeds. */
  readonly leaseMarginMs: number;
  /** Entries of one append message, at least one entry whatever its size. */
  readonly appendBytesMax: number;
  /** Entries sent to one follower and not yet acknowledged. */
  readonly inflightBytesMax: number;
  /** A larger proposal is refused before it is appended. */
  readonly proposalBytesMax: number;
  /** Proposals appended by this leader and not yet committed; an empty log tail always admits one. */
  readonly uncommittedBytesMax: number;
  /** Saved and applied entries kept in memory for followers; older ones are loaded from the binlog. Looked at anew each time. */
  readonly memoryBytesMax: number;
  /** `index`: every read confirms a quorum. `lease`: the leader answers alone while its lease holds. */
  readonly reads: 'index' | 'lease';
  /**
   * A follower hears of a commit with the next entries, or this long after it, on a grid that all groups share; 0: at once. Its own
   * clients' reads don't wait for that: who asks for a read index is told at once.
   */
  readonly commitNoticeMs: number;
  /** Entries go to followers that keep up this often, on a grid that all groups share; 0: at once. For groups whose clients don't wait. */
  readonly sendEveryMs: number;
  /** A group that nobody used for so long goes to sleep (docs/raft.md, "Sleep"); Infinity: never. */
  readonly quiesceAfterMs: number;
}

/** The log as recovery found it. */
export interface LogStart {
  /** The entry before the first one kept: (0, 0) for a whole log. */
  readonly compactedIndex: Index;
  readonly compactedTerm: Term;
  /** The term of every kept entry as runs: from this index on, until the next run. Ordered. */
  readonly terms: readonly { readonly from: Index; readonly term: Term }[];
  readonly lastIndex: Index;
  /** The tail held in memory: contiguous, up to lastIndex, and holding at least all after appliedIndex. */
  readonly entries: readonly Entry[];
}

export interface RaftOptions {
  readonly id: MemberId;
  /** As of `appliedIndex`. */
  readonly configuration: Configuration;
  readonly hardState: HardState;
  readonly log: LogStart;
  readonly appliedIndex: Index;
  /** True when this process found the replica on disk: it abstains from votes for leaseMs. */
  readonly restarted: boolean;
  readonly nowMs: number;
  readonly random: Random;
  readonly settings: RaftSettings;
}

export interface Ready {
  /** Changed term, vote or commit; to be made durable with `entries`. */
  readonly hardState: HardState | undefined;
  /** True when messagesAfterSave or entries depend on it; a mere new commit may be written without a sync of its own. */
  readonly mustSync: boolean;
  /** To append. The first one's index may be at or below the binlog's last: then it replaces that suffix. */
  readonly entries: readonly Entry[];
  /** Depend on nothing that is not durable already. */
  readonly messages: readonly Message[];
  readonly messagesAfterSave: readonly Message[];
  /** To apply, in order, each exactly once an incarnation; all of them durable here. */
  readonly committed: readonly Entry[];
  /** Left the log since the last Ready, uncommitted: another leader's log has others in their place. */
  readonly cut: readonly Entry[];
  /** Reads whose index is known: serve when applied >= index. */
  readonly reads: readonly ReadState[];
  /** Entries that a follower needs and memory no longer holds. */
  readonly loads: readonly EntryLoad[];
  /** Followers that need what the log no longer holds at all: a snapshot. */
  readonly snapshotsWanted: readonly MemberId[];
  /**
   * The leader has seen entries up to this one acknowledged by this member, and the log ends before it: its disk has forgotten. It
   * must not go on, nor do anything else that this Ready holds. 0: nothing of the kind.
   */
  readonly forgottenIndex: Index;
  /** Present when the leader, the term or the own role changed. */
  readonly status: RaftStatus | undefined;
}

export type ReadState =
  /** `leased`: no quorum was asked. The driver asks `leaseHolds` once more after the read has run, before it answers. */
  | { readonly kind: 'ready'; readonly context: number; readonly index: Index; readonly leased: boolean }
  /** Not the leader, or no longer: definite, nothing was read. */
  | { readonly kind: 'refused'; readonly context: number };

export interface EntryLoad {
  readonly to: MemberId;
  readonly from: Index;
  readonly bytesMax: number;
}

export interface RaftStatus {
  readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader';
  readonly term: Term;
  readonly leader: MemberId;
  readonly votedFor: MemberId;
  readonly lastIndex: Index;
  readonly commitIndex: Index;
  readonly appliedIndex: Index;
  readonly transferringTo: MemberId;
  readonly configuration: Configuration;
  /** No timer runs: the group is idle. See docs/raft.md, "Sleep". */
  readonly asleep: boolean;
  /** The entry that brought it, if it was applied in this life; else 0. */
  readonly configurationIndex: Index;
}

export type ProposeResult =
  | { readonly kind: 'accepted'; readonly index: Index; readonly term: Term }
  /** Nothing was appended: safe to tell the client "not done". */
  | { readonly kind: 'refused'; readonly why: 'notLeader' | 'transferring' | 'tooLarge' | 'uncommittedFull' };

export type ConfigurationChange = {
  readonly add: readonly MemberId[];
  readonly addLearners: readonly MemberId[];
  readonly remove: readonly MemberId[];
  /**
   * Simple changes (one voter) need no joint phase; `joint` forces one. `confirm`, without operations, changes nothing: its entry
   * proves to whoever holds it that the plain configuration before it was committed.
   */
  readonly transition: 'auto' | 'joint' | 'jointExplicit' | 'confirm';
};

export interface RaftCore {
  readonly status: RaftStatus;

  /** `nowMs` is the monotonic clock in all of these. A late tick is normal: elapsed time is measured, not counted. */
  tick(nowMs: number): void;
  /** When the next tick can matter; Infinity while asleep. */
  readonly nextTickMs: number;
  step(message: Message, nowMs: number): void;
  propose(data: Buffer, nowMs: number): ProposeResult;
  proposeConfiguration(
    change: ConfigurationChange,
    nowMs: number,
  ): ProposeResult | { kind: 'refused'; why: string };
  /** Answers through Ready.reads. On a follower it asks the leader. */
  readIndex(context: number, nowMs: number): void;
  /** False when refused: not leader, not a voter, already under way. Ends by success or after one election time-out. */
  transferLeadership(to: MemberId, nowMs: number): boolean;
  /** Campaigns now, whatever the timer says (tests, and the closed stream of a dead leader). */
  campaign(nowMs: number): void;

  /** Somebody waits for followers to have what is held back for them (`sendEveryMs`). */
  hurry(): void;
  ready(): Ready | undefined;
  /**
   * The messages of a Ready that would hold nothing else, and so need no Ready: what most heartbeats of a thousand groups come
   * to. undefined: there is more, and `ready` tells it.
   */
  messagesAlone(): readonly Message[] | undefined;
  /** Everything handed out up to this entry is durable; ignored if the log has another term there by now. */
  saved(lastIndex: Index, lastTerm: Term): void;
  applied(index: Index): void;
  /** Answers an EntryLoad; ignored when no longer wanted. An empty array: could not be read, ask again later. */
  loaded(to: MemberId, entries: readonly Entry[], nowMs: number): void;
  /**
   * The peer's stream broke, or nothing is heard of its node: what was in flight may be lost, so probe. Until `reachable`
   * it is taken for down: a group may fall asleep without it.
   */
  unreachable(peer: MemberId): void;
  /** The peer can be reached again: a sleeping leader wakes, so that the peer catches up. */
  reachable(peer: MemberId, nowMs: number): void;
  /** A leader stays awake for `quiesceAfterMs` from now. */
  rouse(nowMs: number): void;
  /**
   * The leader's node seems to be gone, which is no proof of its death: campaigns when the own promise to it has run out, and
   * `delayMs` have passed. Wakes a sleeper. Ignored by whoever has another leader.
   */
  suspectLeader(leader: MemberId, delayMs: number, nowMs: number): void;
  /** The log before and including `index` may go; index <= applied. */
  compact(index: Index): void;
  /** A snapshot was put in place at `mark` (its synced binlog mark written): log and configuration start there. */
  restored(mark: SnapshotMark): void;
  /** How a snapshot sent to `peer` ended. */
  snapshotReported(peer: MemberId, ok: boolean): void;
  /** Is this very entry in the log? False also where it is compacted. */
  holds(index: Index, term: Term): boolean;
  /** The tail of the log that may still be cut. */
  uncommitted(): readonly Entry[];
  /** May the leader answer a read alone at this moment? Checked again after the read was computed. */
  leaseHolds(nowMs: number): boolean;
}
