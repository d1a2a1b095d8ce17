/**
 * What members of a group say to each other, and what a log entry is. Closed unions by `kind`; plain data.
 *
 * A MemberId names one incarnation of one replica and is never reused: `incarnation * 2^32 + nodeId`. The core
 * treats it as an opaque number; only the node layer takes the node out of it.
 */
export type MemberId = number;
export type Term = number;
/** 1-based; 0 is "before the first entry". */
export type Index = number;

export const NOBODY: MemberId = 0;

export interface Entry {
  readonly index: Index;
  readonly term: Term;
  /** `empty`: a leader's no-op. `configuration`: see membership.ts. `command`: opaque to Raft. */
  readonly kind: 'empty' | 'command' | 'configuration';
  readonly data: Buffer;
}

/** What must be durable, as one record, before any message that depends on it leaves. */
export interface HardState {
  readonly term: Term;
  readonly votedFor: MemberId;
  /** A hint: may lag behind, never ahead of what is known committed. */
  readonly commit: Index;
}

/** Who belongs to the group. `votersOutgoing` is non-empty in a joint configuration only. */
export interface Configuration {
  readonly voters: readonly MemberId[];
  readonly votersOutgoing: readonly MemberId[];
  readonly learners: readonly MemberId[];
  /** Outgoing voters that become learners when the joint configuration is left. */
  readonly learnersNext: readonly MemberId[];
  readonly autoLeave: boolean;
}

export interface SnapshotMark {
  readonly index: Index;
  readonly term: Term;
  readonly configuration: Configuration;
}

interface Envelope {
  readonly from: MemberId;
  readonly to: MemberId;
  /** 0 only in `propose`-like local messages, of which this union has none. */
  readonly term: Term;
}

export type Message = Envelope &
  (
    | {
        readonly kind: 'preVote' | 'vote';
        readonly lastIndex: Index;
        readonly lastTerm: Term;
        readonly transfer: boolean;
      }
    | { readonly kind: 'preVoteReply' | 'voteReply'; readonly granted: boolean }
    | {
        readonly kind: 'append';
        readonly previousIndex: Index;
        readonly previousTerm: Term;
        readonly commit: Index;
        readonly entries: readonly Entry[];
      }
    | {
        readonly kind: 'appendReply';
        /** Accepted: the last index verified by that message. Rejected: the `previousIndex` it refused. */
        readonly index: Index;
        readonly rejected: boolean;
        /** On rejection, where to try next: the last index that may match, and its term (etcd raft's back-off). */
        readonly hintIndex: Index;
        readonly hintTerm: Term;
      }
    | {
        readonly kind: 'heartbeat';
        /** Clipped to what the follower has verified. */
        readonly commit: Index;
        /** The newest read round that this heartbeat confirms; 0: none. */
        readonly readRound: number;
        /** The leader's monotonic clock at sending; echoed. Counts the lease. */
        readonly sentAtMs: number;
        /** The last one for a while: nothing is going on, and the follower should sleep until it hears otherwise. */
        readonly sleep: boolean;
      }
    | {
        readonly kind: 'heartbeatReply';
        readonly readRound: number;
        readonly sentAtMs: number;
        /** The follower sleeps now. */
        readonly asleep: boolean;
      }
    /** A follower was woken by another who misses the leader: the leader should show itself. */
    | { readonly kind: 'wake' }
    | { readonly kind: 'snapshot'; readonly mark: SnapshotMark }
    | { readonly kind: 'timeoutNow' }
    /** A follower asks the leader for a read index; `context` is unique per attempt. */
    | { readonly kind: 'readIndex'; readonly context: number }
    | {
        readonly kind: 'readIndexReply';
        readonly context: number;
        readonly index: Index;
        readonly rejected: boolean;
      }
  );
