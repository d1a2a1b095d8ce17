/**
 * Async tables: what may be lost, and whether those who lost it say so.
 *
 * - What a client was told is done stands in the log of a leader. What is not committed in the end is a suffix of what that leader
 *   appended in its term, and a later term has come.
 * - A former leader counts the writes of its own that another leader cut from its log, no more and no less, as far as a look at
 *   its log can tell; after a snapshot it may be less sure.
 * Quorum tables are judged by everything else in this folder as ever.
 */
import type { Node } from '../../../src/node/node.js';
import type { NodeSlot } from '../../../src/node/replicas.js';
import type { RaftLog } from '../../../src/raft/log.js';
import type { Entry } from '../../../src/raft/message.js';
import { decodeEntry } from '../../../src/slot/entry.js';
import { wordOf } from '../async-workload.js';
import type { Fate } from '../history.js';
import { raftState } from './peek.js';
import type { Tell } from './tell.js';

/** Of one term of a group, by index. */
interface Leadership {
  readonly memberId: number;
  readonly words: Map<number, readonly string[]>;
}

/** In one life of a process, replicas that are gone by now included. */
interface Losses {
  writes: number;
  doubtful: number;
}

/** One replica in one life. */
interface Seen {
  /** Own, in the log, uncommitted. */
  tracked: readonly Entry[];
  /** Own, out of the log, undecided: by `index/term`. */
  readonly cut: Map<string, Entry>;
  lastEntry: Entry | undefined;
  commit: number;
}

export class CutWrites {
  /** By `group/term`. */
  private readonly led = new Map<string, Leadership>();
  private readonly acknowledged = new Set<string>();
  private readonly refused = new Set<string>();
  private readonly seen = new WeakMap<NodeSlot, Seen>();
  private readonly losses = new Map<number, Losses>();

  constructor(
    private readonly tell: Tell,
    /** The term of what is committed at an index; undefined: nothing is known to be. */
    private readonly committedTerm: (groupId: number, index: number) => number | undefined,
  ) {}

  settled(words: readonly string[], fate: Fate): void {
    for (const word of words) {
      if (fate === 'done') this.acknowledged.add(word);
      if (fate === 'refused') this.refused.add(word);
    }
  }

  look(ownerId: number, slot: NodeSlot): void {
    if (!slot.birth.isAsync) return;
    const { log, term } = raftState(slot);
    const seen = this.seenOf(slot);
    const lastEntry = log.entry(log.lastIndex);
    if (seen.lastEntry === lastEntry && seen.commit === log.commitIndex) return;
    if (slot.isLeader) this.noteLed(slot, log, term);
    this.lookForCuts(ownerId, seen, log);
    seen.tracked = log.uncommitted().filter((entry) => this.isOwn(slot, entry));
    seen.lastEntry = lastEntry;
    seen.commit = log.commitIndex;
  }

  /** All that a node may have lost is decided by now. */
  judgeCounts(ownerId: number, node: Node): void {
    const { writes: lost, doubtful } = this.lossesOf(ownerId);
    const { writes } = node.replicas.cuts;
    if (writes < lost || writes > lost + doubtful)
      this.tell.fail(
        `process ${ownerId} counts ${writes} writes cut, ${lost} were, ${doubtful} are in doubt`,
      );
    if (lost > 0) this.tell.counted('writes of an async table cut and counted', lost);
  }

  /** At the end: nobody leads for whom something might yet be committed. */
  judgeLosses(): void {
    const left = new Set(this.acknowledged);
    for (const [place, { words }] of this.led) {
      const [groupId, term] = place.split('/').map(Number) as [number, number];
      let lostFrom: number | undefined;
      for (const [index, list] of [...words].sort(([a], [b]) => a - b)) {
        const isCommitted = this.committedTerm(groupId, index) === term;
        if (!isCommitted) lostFrom ??= index;
        if (isCommitted && lostFrom !== undefined)
          this.tell.fail(
            `group ${groupId}: of term ${term} entry ${index} is committed, ${lostFrom} is lost`,
          );
        for (const word of list) this.judgeWord(word, isCommitted, left);
      }
    }
    for (const word of left) this.tell.fail(`${word} was acknowledged, and is in no leader's log`);
  }

  private judgeWord(word: string, isCommitted: boolean, left: Set<string>): void {
    if (isCommitted && this.refused.has(word)) this.tell.fail(`${word} was refused, and is in the log`);
    if (left.delete(word) && !isCommitted) this.tell.counted('acknowledged async writes lost');
  }

  private seenOf(slot: NodeSlot): Seen {
    let seen = this.seen.get(slot);
    if (seen === undefined) {
      seen = { tracked: [], cut: new Map(), lastEntry: undefined, commit: -1 };
      this.seen.set(slot, seen);
    }
    return seen;
  }

  private lossesOf(ownerId: number): Losses {
    let losses = this.losses.get(ownerId);
    if (losses === undefined) {
      losses = { writes: 0, doubtful: 0 };
      this.losses.set(ownerId, losses);
    }
    return losses;
  }

  private noteLed({ birth: { groupId, memberId } }: NodeSlot, log: RaftLog, term: number): void {
    let leadership = this.led.get(`${groupId}/${term}`);
    if (leadership === undefined) {
      leadership = { memberId, words: new Map() };
      this.led.set(`${groupId}/${term}`, leadership);
    }
    for (const entry of log.uncommitted()) {
      if (entry.term === term && entry.kind === 'command') leadership.words.set(entry.index, wordsOf(entry));
    }
  }

  private isOwn({ birth: { groupId, memberId } }: NodeSlot, { term, kind }: Entry): boolean {
    return kind === 'command' && this.led.get(`${groupId}/${term}`)?.memberId === memberId;
  }

  private lookForCuts(ownerId: number, seen: Seen, log: RaftLog): void {
    const losses = this.lossesOf(ownerId);
    for (const entry of seen.tracked) {
      if (!log.matches(entry.index, entry.term)) seen.cut.set(`${entry.index}/${entry.term}`, entry);
    }
    const commitTerm = log.term(log.commitIndex)!;
    for (const [name, entry] of seen.cut) {
      const { index, term } = entry;
      if (index < log.compactedIndex) losses.doubtful += commandsOf(entry).length;
      else if (index > log.commitIndex && term >= commitTerm) continue;
      else if (!log.matches(index, term)) losses.writes += commandsOf(entry).length;
      seen.cut.delete(name);
    }
  }
}

function commandsOf({ data }: Entry): readonly (readonly Buffer[])[] {
  return decodeEntry(data).groups.flatMap(({ commands }) => commands);
}

function wordsOf(entry: Entry): readonly string[] {
  return commandsOf(entry).flatMap((argv) =>
    argv.slice(1).flatMap((each) => wordOf(each.toString('latin1')) ?? []),
  );
}
