/**
 * Feeding the followers: appends, ahead of their acknowledgements and within a window; loads of what memory no longer
 * holds; the wish for a snapshot of what the log no longer holds.
 *
 * Nothing is sent at once: flush() runs when a Ready is made and batches all that gathered since the last one.
 *
 * Invariants: an append carries the term of the entry before its first; a follower is told of a commit by the next append, at the
 * latest by one of its own after `commitNoticeMs`, or by the next heartbeat if that is lost; one load a follower is under way at
 * a time.
 * Left out: counting the acknowledgements (leader.ts), moving the snapshot's bytes (the driver).
 */
import { invariant } from '../assert.js';
import type { Entry, MemberId, Message } from './message.js';
import { type PeerProgress, Progress } from './progress.js';
import type { Body, State } from './state.js';
import { entryBytes } from './tail.js';

export class Replication {
  readonly peers = new Map<MemberId, Progress>();
  private readonly state: State;
  private readonly say: (to: MemberId, body: Body) => void;
  /** From then on followers that no entry has told of a commit are told by an append of its own. */
  private noticeDueMs = 0;
  private noticeArmed = false;
  /** When entries that are held back must go; Infinity: none are. */
  private entriesDueMs = Number.POSITIVE_INFINITY;

  constructor(state: State, say: (to: MemberId, body: Body) => void) {
    this.state = state;
    this.say = say;
  }

  /** Follows the configuration: newcomers are probed from the end of the log, the removed are forgotten. */
  setMembers(members: readonly MemberId[]): void {
    for (const id of this.peers.keys()) if (!members.includes(id)) this.peers.delete(id);
    for (const id of members) {
      if (id === this.state.id || this.peers.has(id)) continue;
      this.peers.set(id, new Progress(this.state.log.lastIndex + 1, this.state.nowMs));
    }
  }

  /** Asked with every read, so made once. The leader itself stands by itself at any time. */
  readonly ackedAtMs = (id: MemberId): number =>
    id === this.state.id
      ? Number.POSITIVE_INFINITY
      : (this.peers.get(id)?.ackedSentAtMs ?? Number.NEGATIVE_INFINITY);

  /** What is known of these members, the leader itself left out. */
  known(members: readonly MemberId[]): readonly PeerProgress[] {
    return members.flatMap((id) => {
      const progress = this.peers.get(id);
      if (progress === undefined) return [];
      const { state, match, ackedSentAtMs } = progress;
      return [{ id, state, match, ackedSentAtMs }];
    });
  }

  flush(): void {
    const { nowMs } = this.state;
    const isDue = this.entriesDueMs <= nowMs;
    if (isDue) this.entriesDueMs = Number.POSITIVE_INFINITY;
    for (const [id, progress] of this.peers) this.feed(id, progress, isDue);
    if (this.noticeDueMs <= this.state.nowMs) this.noticeArmed = false;
  }

  /** When followers that can be told must be; Infinity: they have been. */
  get nextTickMs(): number {
    return this.noticeArmed ? Math.min(this.noticeDueMs, this.entriesDueMs) : this.entriesDueMs;
  }

  /** Somebody waits for what is held back. */
  hurry(): void {
    this.entriesDueMs = Math.min(this.entriesDueMs, this.state.nowMs);
  }

  /** There is a new commit: under load the next entries will tell of it, and save a message and its answer. */
  committed(atOnce: boolean): void {
    const { commitNoticeMs } = this.state.settings;
    if (atOnce) this.noticeNow();
    if (atOnce || commitNoticeMs === 0 || this.noticeArmed) return;
    this.noticeDueMs = this.state.nextOnGrid(commitNoticeMs);
    this.noticeArmed = true;
  }

  /** A follower has a read that waits until it has applied what it is to be told of, or a configuration waits for all. */
  noticeNow(): void {
    this.noticeDueMs = this.state.nowMs;
    this.hurry();
  }

  /** True when the follower turned out to hold more than was known. */
  answered(message: Extract<Message, { kind: 'appendReply' }>): boolean {
    const progress = this.peers.get(message.from);
    if (progress === undefined) return false;
    if (message.rejected && message.index === 0 && message.hintTerm === 0) {
      this.askForSnapshot(message.from, progress);
      return false;
    }
    if (message.rejected) {
      progress.rejected(message.index, this.hint(message.hintIndex, message.hintTerm));
      return false;
    }
    const { log } = this.state;
    invariant(message.index <= log.lastIndex, 'a follower accepted more than its leader holds', {
      from: message.from,
      index: message.index,
      last: log.lastIndex,
    });
    const news = progress.accepted(message.index);
    const foundMatch = progress.state === 'probe' && message.index === progress.match;
    const caughtUp = progress.state === 'snapshot' && progress.match >= log.compactedIndex;
    if (foundMatch || (news && caughtUp)) progress.replicate();
    return news;
  }

  /** A sign of life: whatever waited for one may go on, and what was sent without an answer is doubted. */
  alive(progress: Progress): void {
    progress.waiting = false;
    if (progress.match < this.state.log.lastIndex) progress.doubtful = true;
  }

  loaded(to: MemberId, entries: readonly Entry[]): void {
    const progress = this.peers.get(to);
    if (progress === undefined || progress.loadingFrom === 0) return;
    const first = entries[0];
    if (first !== undefined && first.index !== progress.loadingFrom) return;
    const wanted = progress.loadingFrom === progress.next;
    progress.loadingFrom = 0;
    if (first === undefined) progress.waiting = true;
    else if (wanted && this.maySend(progress) && this.stillHeld(entries))
      this.sendAppend(to, progress, entries);
  }

  unreachable(peer: MemberId): void {
    const progress = this.peers.get(peer);
    if (progress !== undefined) progress.down = true;
    if (progress?.state === 'replicate') progress.probe();
  }

  reachable(peer: MemberId): void {
    const progress = this.peers.get(peer);
    if (progress !== undefined) progress.down = false;
  }

  snapshotReported(peer: MemberId, ok: boolean): void {
    const progress = this.peers.get(peer);
    if (progress?.state !== 'snapshot') return;
    // After success the follower's own reply says how far it is. Should that be lost, the first kept entry is the place
    // to ask; after failure, the old one, which leads to another snapshot. Either way not before a sign of life.
    progress.probe(ok ? Math.max(progress.match, this.state.log.compactedIndex) + 1 : progress.match + 1);
    progress.waiting = true;
  }

  private feed(id: MemberId, progress: Progress, isDue: boolean): void {
    const { log } = this.state;
    let sent = false;
    if (!isDue && this.mayHoldBack(progress)) return;
    while (progress.next <= log.lastIndex && this.maySend(progress)) {
      if (!this.sendNext(id, progress)) break;
      sent = true;
    }
    if (!sent && this.wantsEmpty(progress)) this.sendAppend(id, progress, []);
  }

  /** Entries for one who keeps up: they go along with those that come until the next point of a grid that all groups share. */
  private mayHoldBack(progress: Progress): boolean {
    const { log, settings } = this.state;
    const { sendEveryMs } = settings;
    if (sendEveryMs === 0 || progress.state !== 'replicate' || progress.doubtful) return false;
    if (progress.next > log.lastIndex) return false;
    if (this.entriesDueMs === Number.POSITIVE_INFINITY)
      this.entriesDueMs = this.state.nextOnGrid(sendEveryMs);
    return true;
  }

  private askForSnapshot(id: MemberId, progress: Progress): void {
    if (progress.state === 'snapshot') return;
    progress.snapshot();
    this.state.outbox.snapshotsWanted.push(id);
  }

  private maySend(progress: Progress): boolean {
    if (progress.waiting || progress.loadingFrom !== 0 || progress.state === 'snapshot') return false;
    return progress.state === 'probe' || !progress.windowFull(this.state.settings.inflightBytesMax);
  }

  /** False when the next entries are not at hand. */
  private sendNext(id: MemberId, progress: Progress): boolean {
    const { log, outbox, settings } = this.state;
    const from = progress.next;
    if (from <= log.compactedIndex) {
      this.askForSnapshot(id, progress);
      return false;
    }
    if (from < log.memoryFirst) {
      progress.loadingFrom = from;
      outbox.loads.push({ to: id, from, bytesMax: settings.appendBytesMax });
      return false;
    }
    this.sendAppend(id, progress, log.batch(from, settings.appendBytesMax));
    return true;
  }

  /** An append without entries asks whether the logs match, and tells of a commit that no entry could carry. */
  private wantsEmpty(progress: Progress): boolean {
    const { log, nowMs } = this.state;
    if (progress.state === 'probe') return progress.next > log.lastIndex && !progress.waiting;
    if (progress.state === 'snapshot') return false;
    if (progress.doubtful) return true;
    return this.noticeDueMs <= nowMs && progress.commitSent < Math.min(log.commitIndex, progress.next - 1);
  }

  private sendAppend(to: MemberId, progress: Progress, entries: readonly Entry[]): void {
    const { log } = this.state;
    const previousIndex = progress.next - 1;
    const previousTerm = log.term(previousIndex);
    if (previousTerm === undefined) {
      this.askForSnapshot(to, progress);
      return;
    }
    const commit = log.commitIndex;
    this.say(to, { kind: 'append', previousIndex, previousTerm, commit, entries });
    const last = previousIndex + entries.length;
    progress.commitSent = Math.min(commit, last);
    progress.doubtful = false;
    if (entries.length > 0 || progress.state === 'probe') progress.sent(last, sumBytes(entries));
  }

  /** The log may have been compacted, or be another leadership's, since the load was asked for. */
  private stillHeld(entries: readonly Entry[]): boolean {
    const { log } = this.state;
    const last = entries.at(-1)!;
    if (last.index - entries[0]!.index + 1 !== entries.length) return false;
    return log.matches(entries[0]!.index, entries[0]!.term) && log.matches(last.index, last.term);
  }

  private hint(index: number, term: number): number {
    const { log } = this.state;
    const within = Math.min(index, log.lastIndex);
    return term > 0 ? log.lastAtMost(within, term) : within;
  }
}

function sumBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}
