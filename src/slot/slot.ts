/**
 * One replica of one slot: a Raft member, the log it writes, the state it applies, the requests it answers.
 *
 * The pump (pump.ts) drives it: `proposeWaiting` forms an entry of what waits, `collect` takes the core's Ready apart in
 * its one safe order, `afterSave` releases what the disk must not deny. Applying (applier.ts) may stop for loads from the
 * engine; nothing else does. Checkpoints freeze the state between entries only.
 *
 * The leader of an async group applies and answers once an entry is in its file. Raft hears of it as saved only when it is synced,
 * so votes, commit and the others' state are what they are in a quorum group, and so is a checkpoint: it is written once all that
 * it holds is committed. What this leader was ahead and another one cut is rolled back (rollback.ts) and counted (cuts.ts).
 *
 * Leaves out: which command means what (the machine), who may ask (the router), where bytes go (the node).
 */
import type { ConfigurationResult } from '../raft/leader.js';
import { membersOf } from '../raft/membership.js';
import { type MemberId, type Message, NOBODY } from '../raft/message.js';
import { Raft } from '../raft/raft.js';
import type { ConfigurationChange, EntryLoad, RaftStatus, Ready } from '../raft/ready.js';
import type { BinlogEntry, RecoveredReplica } from '../storage/binlog.js';
import { type AckQuestion, Acks } from './acks.js';
import { Ahead } from './ahead.js';
import { Applier } from './applier.js';
import type { EntryRun } from './apply.js';
import { type Birth, birthConfiguration, forgotten, nodeOf } from './birth.js';
import { campaignTurn } from './campaign-turn.js';
import type { CutCount } from './cuts.js';
import { DueKeys } from './due-keys.js';
import type { CommandGroup } from './entry.js';
import { Freezer } from './freezer.js';
import { Loader } from './loader.js';
import { entriesFor } from './log-loads.js';
import { LogTail } from './log-tail.js';
import { Proposals } from './proposals.js';
import { Reads } from './reads.js';
import type { StateMeta } from './record.js';
import { Requests, type SlotRequest } from './requests.js';
import { recordsOf, type SaveBatch } from './save-batch.js';
import { raftSettings, type SlotParts, type SlotSettings } from './slot-parts.js';
import { Installs, type ReceivedSnapshot } from './snapshot-install.js';
import { SlotClock } from './stamp.js';
import type { SlotState } from './state.js';
import type { StoredState } from './states.js';
import { Stillness } from './stillness.js';

export type { SlotParts, SlotSettings };

export class Slot<R> {
  readonly raft: Raft;
  readonly clock: SlotClock;
  readonly requests = new Requests<R>();
  private readonly applier: Applier<R>;
  private readonly freezer: Freezer;
  private readonly acks: Acks;
  /** Of async groups. */
  private readonly ahead: Ahead | undefined;
  /** Entries up to here were on disk at start: their stamps say nothing about time elapsed. */
  private replayedIndex: number;
  private durableIndex: number;
  /** What the engine holds of this slot: as of the newest checkpoint that finished. */
  stored: StoredState | undefined;
  /** Snapshots that take the place of state and log. */
  readonly installs: Installs;
  private readonly tail: LogTail;
  private readContext = 0;
  private readonly loader: Loader;
  private readonly reads: Reads<R>;
  private readonly proposals: Proposals<R>;
  private readonly dueKeys: DueKeys;
  readonly stillness: Stillness<R>;
  private closed = false;

  constructor(
    readonly replicaId: number,
    readonly birth: Birth,
    readonly state: SlotState,
    meta: StateMeta | undefined,
    recovered: RecoveredReplica | undefined,
    private readonly parts: SlotParts<R>,
  ) {
    const { env, settings } = parts;
    const applied = { index: meta?.appliedIndex ?? 0, term: meta?.appliedTerm ?? 0 };
    this.durableIndex = applied.index;
    this.replayedIndex = recovered?.lastIndex ?? 0;
    this.stored = meta && { stateId: state.stateId, meta };
    this.tail = new LogTail(settings.logTailBytes, parts.sharers, recovered);
    this.clock = new SlotClock(env);
    if (meta !== undefined) this.clock.observe(meta.timeMs, false);
    const poolBytes = (): number => settings.poolBytes / parts.sharers();
    this.loader = new Loader({ ...parts, poolBytes }, state);
    this.reads = new Reads(this.requests, state, this.clock, parts.machine, this.loader, {
      seed: () => env.random.u32(),
      wake: () => this.wake(),
      wantClock: () => this.dueKeys.wantClock(),
      leaseHolds: () => this.raft.leaseHolds(this.now()),
      inUse: () => this.rouse(),
      readBytesMax: settings.readBytesMax,
      refused: () => parts.figures.readsRefused++,
    });
    this.installs = new Installs(parts.engine, {
      replicaId,
      wants: ({ term, meta }) => this.wants(term, meta.appliedIndex),
      isMidEntry: () => this.applier.isMidEntry,
      leftBehind: () => this.state.leftBehind,
      switchTo: (snapshot) => this.switchTo(snapshot),
      wake: () => this.wake(),
      fatal: parts.fatal,
    });
    this.raft = new Raft({
      id: birth.memberId,
      configuration: meta?.configuration ?? birthConfiguration(birth),
      hardState: recovered?.hardState ?? { term: 0, votedFor: 0, commit: 0 },
      log: recovered ?? { compactedIndex: 0, compactedTerm: 0, terms: [], lastIndex: 0, entries: [] },
      appliedIndex: applied.index,
      restarted: recovered !== undefined,
      nowMs: env.monotonicMs(),
      random: env.random,
      settings: raftSettings(parts, birth.isAsync === true),
    });
    this.applier = new Applier(applied, state, parts.machine, this.loader, {
      mustWait: () => this.installs.waiting || parts.applyHeld(this),
      aheadIsFull: parts.aheadIsFull,
      applied: (entry, run) => this.entryApplied(entry, run),
      settled: (entry) => this.entrySettled(entry),
      read: (from, bytesMax) => parts.binlog.read(replicaId, from, bytesMax),
      fatal: parts.fatal,
      wake: () => this.wake(),
    });
    this.freezer = new Freezer(state, this.clock, this.applier, {
      configuration: () => this.raft.status.configuration,
      // Applying may have waited for this.
      frozen: () => this.wake(),
    });
    this.acks = new Acks(this.raft, birth.isAsync === true, settings.outstandingRequestsMax);
    this.ahead = birth.isAsync ? this.newAhead(recovered?.ledTerms ?? []) : undefined;
    this.proposals = new Proposals(env, this.raft, this.requests, this.clock, settings);
    this.dueKeys = new DueKeys(state, this.clock, this.proposals, this);
    const { raft, requests, acks, applier, installs, proposals, dueKeys, ahead } = this;
    this.stillness = new Stillness({ raft, requests, acks, applier, installs, proposals, dueKeys, ahead });
  }

  get status(): RaftStatus {
    return this.raft.status;
  }

  get leaderNodeId(): number {
    return nodeOf(this.raft.status.leader);
  }

  get isLeader(): boolean {
    return this.raft.kind === 'leader';
  }

  get appliedTo(): { readonly index: number; readonly term: number } {
    return { index: this.applier.index, term: this.applier.term };
  }

  /** The state holds what is not committed yet. */
  get isAhead(): boolean {
    return this.applier.isAhead;
  }

  /** Takes a client's request; `expectedTerm` 0 accepts any term. A follower takes reads that are meant for it. */
  execute(request: SlotRequest<R>, expectedTerm: number): void {
    const { kind: role, term } = this.raft;
    const mayRead = request.here && request.kind === 'read' && role === 'follower';
    const serves = role === 'leader' || (mayRead && this.raft.status.leader !== NOBODY);
    if (this.closed || !serves || (expectedTerm !== 0 && expectedTerm !== term)) {
      return request.done({ kind: 'refused', why: 'notLeader' });
    }
    if (this.requests.outstanding >= this.parts.settings.outstandingRequestsMax) {
      return request.done({ kind: 'refused', why: 'busy' });
    }
    if (request.kind === 'write' && this.parts.diskLow(this, request.group)) {
      return request.done({ kind: 'refused', why: 'diskFull' });
    }
    this.requests.take(request);
    this.wake();
  }

  /** The replies to a read, where nothing holds it up; undefined: it is to be executed like others. */
  readNow(session: string, group: CommandGroup, expectedTerm: number): readonly R[] | undefined {
    const isOthers = expectedTerm !== 0 && expectedTerm !== this.raft.term;
    if (this.closed || !this.isLeader || isOthers || this.requests.hasOf(session)) return undefined;
    const isUpToDate = this.mayRead() && this.applier.index >= this.raft.commitIndex;
    return isUpToDate ? this.reads.now(group) : undefined;
  }

  /** How many other members have an entry of this group on disk. Refused by who does not lead. */
  askAcks(question: AckQuestion): void {
    if (this.closed || !this.isLeader) return question.answer({ kind: 'refused' });
    this.acks.add(question);
    this.raft.hurry();
    this.wake();
  }

  receive(message: Message): void {
    if (this.closed || this.installs.deaf) return;
    this.raft.step(message, this.now());
    this.stirred();
  }

  /** Called by the pump's clock, from `stillness.dueMs` on; cheap when nothing is due. */
  tick(nowMs: number): void {
    if (this.stillness.tick(nowMs)) this.stirred();
  }

  /** The node is gone, or the way to it: whom it led may elect another; what was under way to it may be lost. */
  peerDown(nodeId: number): void {
    for (const member of this.membersOn(nodeId)) {
      this.raft.unreachable(member);
      const turn = campaignTurn(this.raft.status.configuration, this.birth, member);
      this.raft.suspectLeader(member, turn * this.parts.settings.campaignStaggerMs, this.now());
      this.wake();
    }
  }

  /** The node can be reached again. */
  peerUp(nodeId: number): void {
    for (const member of this.membersOn(nodeId)) {
      this.raft.reachable(member, this.now());
      this.wake();
    }
  }

  transferTo(nodeId: number): boolean {
    const target = this.raft.status.configuration.voters.find((member) => nodeOf(member) === nodeId);
    const started = target !== undefined && this.raft.transferLeadership(target, this.now());
    this.wake();
    return started;
  }

  /** A sleeping group that this leads is wanted awake, though nothing is asked of it. */
  rouse(): void {
    this.raft.rouse(this.now());
    this.stirred();
  }

  /** Refused while an earlier change is under way or leadership is being handed over: the caller asks again later. */
  proposeConfiguration(change: ConfigurationChange): ConfigurationResult {
    const result = this.raft.proposeConfiguration(change, this.now());
    this.wake();
    return result;
  }

  get wantsToPropose(): boolean {
    return this.proposals.wanted;
  }

  /**
   * One entry of all that waits, stamped now. Not before an entry of the own term is applied: until then there may be stamps of
   * former leaders in the log that this clock has not seen, and slot time would go back.
   */
  proposeWaiting(): void {
    if (!this.isLeader || this.applier.term !== this.raft.term) return;
    this.proposals.proposeAll();
  }

  /** Takes what the core has ready; what is to be saved, and what waits for it, goes to the batch. */
  collect(batch: SaveBatch): void {
    this.askReadIndex();
    for (let ready = this.raft.ready(); ready !== undefined; ready = this.raft.ready())
      this.handle(ready, batch);
    this.ahead?.look();
    if (!this.ahead?.isGoingBack) this.applier.turn();
    this.ahead?.decide();
    this.installs.turn(batch.records, batch.afterSave);
    if (this.mayRead()) this.reads.serve(this.applier.index);
    this.acks.look();
    this.stillness.look();
  }

  /** What a checkpoint writes of this slot; undefined when it must wait or there is nothing new. */
  freeze(): ReturnType<Freezer['freeze']> {
    if (this.closed || this.installs.deaf || this.ahead?.isGoingBack) return undefined;
    const freeze = this.freezer.freeze(this.durableIndex);
    // A share shrinks, and who needed the log stops needing it, also while nothing is written.
    if (freeze === undefined) this.releaseLog();
    return freeze;
  }

  /** That checkpoint is in the engine, synced: the log up to it is no longer needed for recovery. */
  checkpointed(meta: StateMeta, stateId: number): void {
    this.durableIndex = meta.appliedIndex;
    this.stored = { stateId, meta };
  }

  thaw(): void {
    this.freezer.thaw();
    this.loader.trim();
    this.releaseLog();
    this.wake();
  }

  /** How a snapshot for `member` ended. */
  snapshotReported(member: MemberId, ok: boolean): void {
    this.raft.snapshotReported(member, ok);
    this.wake();
  }

  /** A leader has a snapshot for this replica. False: it needs none, or not that leader's. */
  offered(message: Extract<Message, { kind: 'snapshot' }>): boolean {
    this.receive(message);
    return this.wants(message.term, message.mark.index);
  }

  /** No request is taken any more; those not in the log are refused, the others' outcome is unknown. */
  close(): void {
    this.closed = true;
    this.installs.close();
    this.requests.close();
    this.acks.refuseAll();
  }

  private newAhead(ledTerms: readonly number[]): Ahead {
    const { parts, replicaId, raft, state, clock, applier, freezer } = this;
    const { engine, alone, fatal } = parts;
    const host = { replicaId, raft, engine, state, clock, applier, freezer, alone, fatal };
    const more = {
      keysOf: parts.machine.keys.bind(parts.machine),
      stored: () => this.stored,
      isClosed: () => this.closed,
      writesCut: (count: CutCount) => parts.writesCut(this, count),
      rolledBack: () => parts.rolledBack(this),
      wake: () => this.wake(),
    };
    return new Ahead({ ...host, ...more }, ledTerms);
  }

  private now(): number {
    return this.parts.env.monotonicMs();
  }

  /** Something is there for the pump's next turn. */
  wake(): void {
    this.parts.wake(this);
  }

  /** The core took a word or a tick: has it nothing but words to say, of a slot that is still, that takes no turn. */
  private stirred(): void {
    const mayTalk = this.stillness.isStill && this.parts.stayAwake(this);
    const words = mayTalk ? this.raft.messagesAlone() : undefined;
    if (words === undefined) return this.wake();
    for (const message of words) this.parts.send(this, message);
    this.stillness.look();
  }

  private membersOn(nodeId: number): MemberId[] {
    return membersOf(this.raft.status.configuration).filter((member) => nodeOf(member) === nodeId);
  }

  /** What is in the engine, beyond this slot's share of the tail. */
  private releaseLog(): void {
    const upTo = this.tail.releasable(this.durableIndex, this.parts.snapshots.needed(this));
    if (upTo === 0) return;
    this.raft.compact(upTo);
    this.parts.binlog.release(this.replicaId, upTo);
  }

  private askReadIndex(): void {
    if (!this.requests.hasReadsToAsk || this.requests.readRoundsOut >= this.parts.settings.readRoundsMax)
      return;
    const context = ++this.readContext;
    this.requests.askFor(context);
    this.raft.readIndex(context, this.now());
  }

  /** The order of raft/ready.ts: messages now; records; and what depends on them after they are saved. */
  private handle(ready: Ready, batch: SaveBatch): void {
    if (ready.forgottenIndex > 0) return this.parts.fatal(forgotten(ready.forgottenIndex, this.status));
    for (const message of ready.messages) this.parts.send(this, message);
    const records = recordsOf(ready, this.replicaId);
    const last = ready.entries.at(-1);
    for (const entry of ready.entries) this.tail.appended(entry.index, entry.data.length);
    if (this.ahead !== undefined) this.ahead.handle(ready, records, batch);
    else batch.records.push(...records);
    const after = records.length > 0 ? batch.afterSave : batch.afterEarlier;
    if (last !== undefined || ready.messagesAfterSave.length > 0) after.push(() => this.afterSave(ready));
    this.applier.addCommitted(ready.committed);
    for (const read of ready.reads) {
      if (read.kind === 'ready') this.requests.readIndexKnown(read.context, read.index, read.leased);
      else this.requests.readIndexRefused(read.context);
    }
    for (const load of ready.loads) void this.loadEntries(load);
    for (const member of ready.snapshotsWanted) this.parts.snapshots.wanted(this, member);
    if (ready.status !== undefined) this.roleChanged(ready.status);
  }

  private afterSave(ready: Ready): void {
    if (this.closed) return;
    const last = ready.entries.at(-1);
    if (last !== undefined) this.raft.saved(last.index, last.term);
    for (const message of ready.messagesAfterSave) this.parts.send(this, message);
    this.wake();
  }

  private roleChanged(status: RaftStatus): void {
    if (status.role === 'leader') {
      this.proposals.lead(status.lastIndex);
      for (const member of membersOf(status.configuration))
        if (this.parts.isDown(nodeOf(member))) this.raft.unreachable(member);
    } else {
      this.proposals.follow();
      this.requests.lostLeadership();
      this.acks.refuseAll();
    }
    this.applier.forgetWritten();
    this.parts.statusChanged(this);
  }

  private async loadEntries(load: EntryLoad): Promise<void> {
    const entries = await entriesFor(this.parts, this.replicaId, load);
    if (this.closed) return;
    this.raft.loaded(load.to, entries, this.now());
    this.wake();
  }

  private entryApplied(entry: BinlogEntry, run: EntryRun<R> | undefined): void {
    const { index, term } = entry;
    const isNew = index > this.replayedIndex && !this.applier.isCatchingUp;
    if (run !== undefined) this.clock.observe(run.entry.timeMs, isNew);
    this.requests.applied(index, term, run?.replies ?? []);
  }

  private entrySettled(entry: BinlogEntry): void {
    this.raft.applied(entry.index);
    this.freezer.settled(entry.index);
    this.parts.entryApplied(this, entry);
    this.dueKeys.entryApplied();
  }

  /** Between entries only, so that a read never sees half of one; and a follower shows nothing that may yet be cut. */
  private mayRead(): boolean {
    const { applier, ahead } = this;
    if (applier.isMidEntry || ahead?.isGoingBack) return false;
    return !applier.isAhead || this.isLeader;
  }

  private wants(term: number, index: number): boolean {
    const { status } = this.raft;
    return !this.closed && !this.installs.deaf && status.term === term && status.commitIndex < index;
  }

  /** The binlog's mark and the engine's pointer say so already: memory is the snapshot's. */
  private switchTo({ stateId, meta, expiry }: ReceivedSnapshot): void {
    if (this.closed) return;
    const { appliedIndex: index, appliedTerm: term, configuration } = meta;
    this.ahead?.replaced({ index, term });
    this.freezer.drop();
    this.state.replace(stateId, meta.keys, expiry);
    this.clock.observe(meta.timeMs, false);
    this.applier.jumpTo({ index, term });
    this.durableIndex = index;
    this.stored = { stateId, meta };
    this.tail.restart(index);
    this.raft.restored({ index, term, configuration });
    // What stood in the log behind the mark and went with it was never applied here.
    this.replayedIndex = Math.min(this.replayedIndex, this.raft.status.lastIndex);
    this.requests.passed(index);
    this.parts.snapshots.installed(this);
  }
}
