/**
 * Raft's promises about logs, watched after each event over all replicas, at a cost of the entries that are new.
 *
 * - Log matching: each entry has a hash over itself and all before it; the first to hold (index, term) fixes it for everybody.
 * - A leader only appends, and commits by counting entries of its own term. Nothing that a replica knew committed is ever cut.
 * - State-machine safety, by the log: the first to know an entry committed fixes it; whoever knows that much committed has the same.
 * - Leader completeness: a new leader has all that was committed in earlier terms.
 * - Term, commit and applied never fall within a life; a vote stays through its term; applied <= commit. In an async group that
 *   is said of what Raft takes for applied: the leader's state may be ahead of it, and go back.
 */
import { crc32c } from '@node-rs/crc32';
import type { NodeSlot } from '../../../src/node/replicas.js';
import type { RaftLog } from '../../../src/raft/log.js';
import type { Entry } from '../../../src/raft/message.js';
import { raftState, settledIndex } from './peek.js';
import type { Tell } from './tell.js';

interface Committed {
  readonly hash: number;
  /** The term of the replica that first knew. */
  readonly inTerm: number;
}

/** One group, over all replicas and lives. */
class GroupLog {
  /** By index: who holds this term there holds this prefix. */
  private readonly prefixes: Map<number, number>[] = [];
  /** By index - 1. */
  readonly committed: Committed[] = [];

  hashAt(index: number, term: number): number | undefined {
    return index === 0 ? 0 : this.prefixes[index]?.get(term);
  }

  /** False where another prefix is known to lie under the same index and term. */
  holds({ index, term }: Entry, hash: number): boolean {
    this.prefixes[index] ??= new Map();
    const known = this.prefixes[index].get(term);
    if (known === undefined) this.prefixes[index].set(term, hash);
    return known === undefined || known === hash;
  }

  /** Where what was committed before `term` ends. */
  endBefore(term: number): number {
    let index = this.committed.length;
    while (index > 0 && this.committed[index - 1]!.inTerm >= term) index--;
    return index;
  }
}

/** One replica in one life, as it was when last looked at. */
interface Seen {
  term: number;
  votedFor: number;
  commit: number;
  applied: number;
  led: boolean;
  lastIndex: number;
  lastEntry: Entry | undefined;
  /** By index: hash and term of what is in the log, from where this life's look at it began. */
  readonly hashes: number[];
  readonly terms: number[];
  readonly firstSeen: number;
}

export interface LogEvents {
  /** An entry is known committed for the first time, by this replica. */
  committed(slot: NodeSlot, index: number, term: number): void;
  /** A replica of a new life is seen for the first time. */
  opened(slot: NodeSlot): void;
}

export class Logs {
  private readonly groups = new Map<number, GroupLog>();
  private readonly seen = new WeakMap<NodeSlot, Seen>();

  constructor(
    private readonly tell: Tell,
    private readonly events: LogEvents,
  ) {}

  look(slot: NodeSlot): void {
    const { log, term, votedFor } = raftState(slot);
    const seen = this.seenOf(slot, log);
    if (seen === undefined) return;
    this.checkMonotone(slot, seen, log);
    if (log.lastIndex !== seen.lastIndex || log.entry(log.lastIndex) !== seen.lastEntry)
      this.logChanged(slot, seen, log);
    if (log.commitIndex > seen.commit) this.commitMoved(slot, seen, log);
    const leads = slot.isLeader;
    if (leads && !(seen.led && seen.term === term)) this.checkComplete(slot, log, term);
    Object.assign(seen, {
      term,
      votedFor,
      commit: log.commitIndex,
      applied: settledIndex(slot),
      led: leads,
    });
  }

  /** How much of a group is known committed. */
  committedTo(groupId: number): number {
    return this.groups.get(groupId)?.committed.length ?? 0;
  }

  private groupOf({ birth: { groupId } }: NodeSlot): GroupLog {
    let group = this.groups.get(groupId);
    if (group === undefined) {
      group = new GroupLog();
      this.groups.set(groupId, group);
    }
    return group;
  }

  /** undefined: what lies before its oldest entry in memory was never seen; nothing can be said of this life. */
  private seenOf(slot: NodeSlot, log: RaftLog): Seen | undefined {
    const before = this.seen.get(slot);
    if (before !== undefined) return before;
    const firstSeen = Math.min(log.memoryFirst - 1, log.lastIndex);
    const term = firstSeen === 0 ? 0 : log.term(firstSeen);
    const hash = term === undefined ? undefined : this.groupOf(slot).hashAt(firstSeen, term);
    if (hash === undefined) {
      this.tell.counted('a replica opened on a log that nobody saw');
      return undefined;
    }
    const seen: Seen = {
      term: 0,
      votedFor: 0,
      commit: firstSeen,
      applied: 0,
      led: false,
      lastIndex: firstSeen,
      lastEntry: undefined,
      hashes: [],
      terms: [],
      firstSeen,
    };
    seen.hashes[firstSeen] = hash;
    seen.terms[firstSeen] = term!;
    this.seen.set(slot, seen);
    this.events.opened(slot);
    return seen;
  }

  private checkMonotone(slot: NodeSlot, seen: Seen, log: RaftLog): void {
    const { term, votedFor } = raftState(slot);
    const applied = settledIndex(slot);
    const kept = term !== seen.term || seen.votedFor === 0 || votedFor === seen.votedFor;
    const falls =
      (term < seen.term && 'the term') ||
      (log.commitIndex < seen.commit && 'the commit index') ||
      (applied < seen.applied && 'the applied index') ||
      (!kept && 'the vote');
    if (falls !== false) this.fail(slot, `${falls} falls back`);
    if (applied > log.commitIndex) this.fail(slot, `applied ${applied}, committed is ${log.commitIndex}`);
  }

  private logChanged(slot: NodeSlot, seen: Seen, log: RaftLog): void {
    const group = this.groupOf(slot);
    const kept = this.keptOf(seen, log);
    if (kept < seen.lastIndex) this.checkCut(slot, seen, kept);
    // An entry that stood at the mark's own place may have been another one, in an earlier term, that was never committed.
    const { compactedIndex, compactedTerm } = log;
    const another = compactedIndex === kept && kept > seen.firstSeen && seen.terms[kept] !== compactedTerm;
    if (compactedIndex > kept || another) installed(seen, log, group);
    for (let index = Math.max(kept, log.compactedIndex) + 1; index <= log.lastIndex; index++) {
      const entry = log.entry(index)!;
      const hash = chained(seen.hashes[index - 1]!, entry);
      seen.hashes[index] = hash;
      seen.terms[index] = entry.term;
      if (!group.holds(entry, hash))
        this.fail(slot, `entry ${index} of term ${entry.term} follows another log elsewhere`);
    }
    seen.lastIndex = log.lastIndex;
    seen.lastEntry = log.entry(log.lastIndex);
  }

  /** Up to where the log is as it was. An entry of the same place and term may still be another object: then it was replaced. */
  private keptOf(seen: Seen, log: RaftLog): number {
    let kept = Math.min(seen.lastIndex, log.lastIndex);
    const last = kept === seen.lastIndex ? log.entry(kept) : undefined;
    if (
      last !== undefined &&
      seen.lastEntry !== undefined &&
      last !== seen.lastEntry &&
      kept > seen.firstSeen
    )
      kept--;
    while (kept > seen.firstSeen && kept > log.compactedIndex && log.term(kept) !== seen.terms[kept]) kept--;
    return kept;
  }

  private checkCut(slot: NodeSlot, seen: Seen, kept: number): void {
    this.tell.counted('log conflict truncated');
    const { term } = raftState(slot);
    if (seen.led && seen.term === term) this.fail(slot, `a leader cut its own log after ${kept}`);
    if (kept < seen.commit) this.fail(slot, `the log was cut after ${kept}, committed was ${seen.commit}`);
  }

  private commitMoved(slot: NodeSlot, seen: Seen, log: RaftLog): void {
    const { committed } = this.groupOf(slot);
    const to = log.commitIndex;
    const { term: inTerm } = raftState(slot);
    for (let index = committed.length + 1; index <= to; index++) {
      committed.push({ hash: seen.hashes[index]!, inTerm });
      if (seen.terms[index]! < inTerm) this.tell.counted('old entry committed by a newer leader');
      this.events.committed(slot, index, seen.terms[index]!);
    }
    if (seen.led && seen.term === inTerm && seen.terms[to] !== inTerm)
      this.fail(slot, `a leader of term ${inTerm} commits up to ${to}, an entry of term ${seen.terms[to]}`);
    if (committed[to - 1]!.hash !== seen.hashes[to])
      this.fail(slot, `entry ${to} is committed here and is another one elsewhere`);
  }

  private checkComplete(slot: NodeSlot, log: RaftLog, term: number): void {
    const group = this.groupOf(slot);
    const end = group.endBefore(term);
    const seen = this.seen.get(slot)!;
    const hash = end <= seen.firstSeen ? undefined : seen.hashes[end];
    if (end > log.lastIndex || (hash !== undefined && hash !== group.committed[end - 1]!.hash))
      this.fail(slot, `leads term ${term} without entry ${end}, which was committed before`);
  }

  private fail(slot: NodeSlot, why: string): void {
    this.tell.fail(`group ${slot.birth.groupId}, member ${slot.birth.memberId}: ${why}`);
  }
}

/** A snapshot took the place of what was there: of what it stands for only committed entries can be known. */
function installed(seen: Seen, log: RaftLog, group: GroupLog): void {
  seen.hashes[log.compactedIndex] = group.committed[log.compactedIndex - 1]!.hash;
  seen.terms[log.compactedIndex] = log.compactedTerm;
}

const KINDS = { empty: 1, command: 2, configuration: 3 } as const;

function chained(previous: number, { term, kind, data }: Entry): number {
  return crc32c(data, (previous ^ Math.imul(term, 0x9e3779b1) ^ KINDS[kind]) >>> 0);
}
