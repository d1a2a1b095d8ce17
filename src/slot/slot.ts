/**
 * One replica of one slot: a Raft member, the log it writes, the state it applies, the requests it answers.
 *
 * The pump (pump.ts) drives it: `proposeWaiting` forms an entry of what waits, `collect` takes the core's Ready apart in
 * its one safe order, `afterSave` releases what the disk must not deny. Applying may stop for loads from the engine;
 * nothing else does. Checkpoints freeze the state between entries only.
 *
 * Leaves out: which command means what (the machine), who may ask (the router), where bytes go (the node).
 */
import { invariant } from '../assert.js';
import type { Env } from '../env.js';
import type { ConfigurationResult } from '../raft/leader.js';
import { membersOf } from '../raft/membership.js';
import { type Configuration, type MemberId, type Message, NOBODY } from '../raft/message.js';
import { Raft } from '../raft/raft.js';
import type { ConfigurationChange, RaftSettings, RaftStatus, Ready } from '../raft/ready.js';
import type { Binlog, BinlogEntry, BinlogRecord, RecoveredReplica } from '../storage/binlog.js';
import type { Engine } from '../storage/engine.js';
import { EntryRun } from './apply.js';
import { type Birth, birthConfiguration, forgotten, nodeOf } from './birth.js';
import { campaignTurn } from './campaign-turn.js';
import { Loader } from './loader.js';
import { LogTail } from './log-tail.js';
import type { StateMachine } from './machine.js';
import { Proposals } from './proposals.js';
import { Reads } from './reads.js';
import type { StateMeta } from './record.js';
import { Requests, type SlotRequest } from './requests.js';
import { Installs, type ReceivedSnapshot, type SlotSnapshots } from './snapshot-install.js';
import { SlotClock } from './stamp.js';
import type { FrozenState, SlotState } from './state.js';
import type { StoredState } from './states.js';

export interface SlotSettings {
  readonly raft: RaftSettings;
  /** An entry takes no further command once it is this large. */
  readonly entryBytesTarget: number;
  /** Requests taken and not answered; beyond it new ones are refused. */
  readonly outstandingRequestsMax: number;
  /** Rounds of read-index questions in flight; later reads wait and share the next round. */
  readonly readRoundsMax: number;
  /** Applied entries kept in the binlog for followers that lag, of all the node's slots. */
  readonly logTailBytes: number;
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
  /** Something happened that the pump should look at. */
  readonly wake: (slot: Slot<R>) => void;
  readonly send: (slot: Slot<R>, message: Message) => void;
  readonly statusChanged: (slot: Slot<R>) => void;
  readonly snapshots: SlotSnapshots<R>;
  /** An entry was applied; for oracles and metrics. */
  readonly entryApplied: (slot: Slot<R>, entry: BinlogEntry) => void;
  /** Applying must wait: too much is dirty. Asked between entries. */
  readonly applyHeld: () => boolean;
  /** Slots that share what is bounded for the node, this one included. */
  readonly sharers: () => number;
  /** The disk is nearly full: new entries are refused, the rest goes on. */
  readonly diskLow: () => boolean;
  /** The node can't be reached: its members are not waited for before sleep. */
  readonly isDown: (nodeId: number) => boolean;
  /** A DamageError concerns this replica alone; all else the process. */
  readonly fatal: (why: unknown) => void;
}

export class Slot<R> {
  readonly raft: Raft;
  readonly clock: SlotClock;
  readonly requests = new Requests<R>();
  private readonly queue: BinlogEntry[] = [];
  private run: EntryRun<R> | undefined;
  private loading = false;
  private appliedIndex: number;
  private appliedTerm: number;
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
    this.appliedIndex = meta?.appliedIndex ?? 0;
    this.appliedTerm = meta?.appliedTerm ?? 0;
    this.durableIndex = this.appliedIndex;
    this.replayedIndex = recovered?.lastIndex ?? 0;
    this.stored = meta && { stateId: state.stateId, meta };
    this.tail = new LogTail(recovered?.compactedIndex ?? 0, settings.logTailBytes);
    this.clock = new SlotClock(env);
    if (meta !== undefined) this.clock.observe(meta.timeMs, false);
    this.loader = new Loader(parts.engine, state, () => settings.poolBytes / parts.sharers(), parts.fatal);
    this.reads = new Reads(this.requests, state, this.clock, parts.machine, this.loader, {
      seed: () => env.random.u32(),
      wake: () => this.wake(),
      wantClock: () => this.wantClock(),
      leaseHolds: () => this.raft.leaseHolds(this.now()),
    });
    this.installs = new Installs(parts.engine, {
      replicaId,
      wants: ({ term, meta }) => this.wants(term, meta.appliedIndex),
      isMidEntry: () => this.run !== undefined,
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
      appliedIndex: this.appliedIndex,
      restarted: recovered !== undefined,
      nowMs: env.monotonicMs(),
      random: env.random,
      settings: settings.raft,
    });
    this.proposals = new Proposals(env, this.raft, this.requests, this.clock, {
      entryBytesTarget: settings.entryBytesTarget,
      proposalBytesMax: settings.raft.proposalBytesMax,
    });
  }

  get status(): RaftStatus {
    return this.raft.status;
  }

  get leaderNodeId(): number {
    return nodeOf(this.raft.status.leader);
  }

  get isLeader(): boolean {
    return this.raft.status.role === 'leader';
  }

  get appliedTo(): { readonly index: number; readonly term: number } {
    return { index: this.appliedIndex, term: this.appliedTerm };
  }

  /** Takes a client's request; `expectedTerm` 0 accepts any term. A follower takes reads that are meant for it. */
  execute(request: SlotRequest<R>, expectedTerm: number): void {
    const { role, term, leader } = this.raft.status;
    const mayRead = request.here && request.kind === 'read' && role === 'follower' && leader !== NOBODY;
    const serves = role === 'leader' || mayRead;
    if (this.closed || !serves || (expectedTerm !== 0 && expectedTerm !== term)) {
      return request.done({ kind: 'refused', why: 'notLeader' });
    }
    if (this.requests.outstanding >= this.parts.settings.outstandingRequestsMax) {
      return request.done({ kind: 'refused', why: 'busy' });
    }
    if (request.kind === 'write' && this.parts.diskLow()) {
      return request.done({ kind: 'refused', why: 'diskFull' });
    }
    this.requests.take(request);
    this.wake();
  }

  receive(message: Message): void {
    if (this.closed || this.installs.deaf) return;
    this.raft.step(message, this.now());
    this.wake();
  }

  /** Called by the pump's clock; cheap when nothing is due. */
  tick(nowMs: number): void {
    if (nowMs >= this.raft.nextTickMs && !this.installs.deaf) {
      this.raft.tick(nowMs);
      this.wake();
    }
    if (this.requests.outstanding > 0) this.requests.expire(nowMs);
    if (this.isLeader && this.state.expiry.nextMs < Infinity) this.lookForDue();
  }

  /** Neither the clock nor anybody waits for anything here: the pump need not look until something happens. */
  get isResting(): boolean {
    return this.raft.nextTickMs === Number.POSITIVE_INFINITY && this.requests.outstanding === 0;
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
    if (target === undefined) return false;
    const started = this.raft.transferLeadership(target, this.now());
    this.wake();
    return started;
  }

  /** A sleeping group that this leads is wanted awake, though nothing is asked of it. */
  rouse(): void {
    this.raft.rouse(this.now());
    this.wake();
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
    if (!this.isLeader || this.appliedTerm !== this.raft.status.term) return;
    this.proposals.proposeAll();
  }

  /** Takes what the core has ready; records to save go to `records`, what waits for them to `afterSave`. */
  collect(records: BinlogRecord[], afterSave: (() => void)[]): void {
    this.askReadIndex();
    for (let ready = this.raft.ready(); ready !== undefined; ready = this.raft.ready()) {
      this.handle(ready, records, afterSave);
    }
    this.applyQueue();
    this.installs.turn(records, afterSave);
    // Between entries only: a read never sees half of one.
    if (this.run === undefined) this.reads.serve(this.appliedIndex);
  }

  /** What a checkpoint writes of this slot; undefined when it must wait or there is nothing new. */
  freeze(): { readonly frozen: FrozenState; readonly meta: StateMeta } | undefined {
    if (this.closed || this.run !== undefined || this.installs.deaf) return undefined;
    if (this.appliedIndex === this.durableIndex && !this.state.hasUnwritten) return undefined;
    const meta: StateMeta = {
      appliedIndex: this.appliedIndex,
      appliedTerm: this.appliedTerm,
      timeMs: this.clock.lastStampMs,
      keys: this.state.keys,
      configuration: this.raft.status.configuration,
    };
    return { frozen: this.state.freeze(), meta };
  }

  /** That checkpoint is in the engine, synced: the log up to it is no longer needed for recovery. */
  checkpointed(meta: StateMeta, stateId: number): void {
    this.state.thaw();
    this.durableIndex = meta.appliedIndex;
    this.stored = { stateId, meta };
    this.loader.trim();
    const { settings, sharers, snapshots } = this.parts;
    const tailBytes = settings.logTailBytes / sharers();
    const releasable = this.tail.releasable(this.durableIndex, tailBytes, snapshots.needed(this));
    if (releasable > 0) {
      this.raft.compact(releasable);
      this.parts.binlog.release(this.replicaId, releasable);
    }
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
  }

  private now(): number {
    return this.parts.env.monotonicMs();
  }

  private wake(): void {
    this.parts.wake(this);
  }

  private membersOn(nodeId: number): MemberId[] {
    return membersOf(this.raft.status.configuration).filter((member) => nodeOf(member) === nodeId);
  }

  private askReadIndex(): void {
    if (!this.requests.hasReadsToAsk || this.requests.readRoundsOut >= this.parts.settings.readRoundsMax)
      return;
    const context = ++this.readContext;
    this.requests.askFor(context);
    this.raft.readIndex(context, this.now());
  }

  /** The order of raft/ready.ts: messages now; records; and what depends on them after they are saved. */
  private handle(ready: Ready, records: BinlogRecord[], afterSave: (() => void)[]): void {
    if (ready.forgottenIndex > 0) return this.parts.fatal(forgotten(ready.forgottenIndex, this.status));
    for (const message of ready.messages) this.parts.send(this, message);
    const { replicaId } = this;
    const last = ready.entries.at(-1);
    if (last !== undefined) {
      records.push({ kind: 'entries', replicaId, entries: ready.entries });
      for (const entry of ready.entries) this.tail.appended(entry.index, entry.data.length);
    }
    if (ready.hardState !== undefined && (ready.mustSync || last !== undefined)) {
      records.push({ kind: 'hardState', replicaId, ...ready.hardState });
    }
    if (last !== undefined || ready.messagesAfterSave.length > 0) afterSave.push(() => this.afterSave(ready));
    this.queue.push(...ready.committed);
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
      this.noteWhoIsDown(status.configuration);
    } else {
      this.proposals.follow();
      this.requests.lostLeadership();
    }
    this.parts.statusChanged(this);
  }

  private noteWhoIsDown(configuration: Configuration): void {
    for (const member of membersOf(configuration))
      if (this.parts.isDown(nodeOf(member))) this.raft.unreachable(member);
  }

  private async loadEntries(load: {
    readonly to: MemberId;
    readonly from: number;
    readonly bytesMax: number;
  }): Promise<void> {
    const entries = await this.parts.binlog.read(this.replicaId, load.from, load.bytesMax).catch((why) => {
      this.parts.env.log.warn('log entries could not be read for a follower', { why: String(why), ...load });
      return [];
    });
    if (this.closed) return;
    this.raft.loaded(load.to, entries, this.now());
    this.wake();
  }

  private applyQueue(): void {
    while (this.queue.length > 0 && !this.loading) {
      if (this.run === undefined && (this.installs.waiting || this.parts.applyHeld())) return;
      const entry = this.queue[0]!;
      if (entry.kind === 'command' && !this.applyCommands(entry)) return;
      this.queue.shift();
      this.finish(entry);
    }
  }

  /** False when it must wait for a load. */
  private applyCommands(entry: BinlogEntry): boolean {
    this.run ??= new EntryRun(this.state, this.parts.machine, entry.data, entry.index);
    const needs = this.run.go();
    if (needs === undefined) return true;
    this.loading = true;
    void this.loader.load(needs, this.run.ranges, this.run).then(() => {
      this.loading = false;
      this.wake();
    });
    return false;
  }

  private finish(entry: BinlogEntry): void {
    invariant(entry.index === this.appliedIndex + 1, 'applied out of order', {
      at: this.appliedIndex,
      got: entry.index,
    });
    // What waited for it may now be stamped.
    if (entry.term !== this.appliedTerm) this.wake();
    this.appliedIndex = entry.index;
    this.appliedTerm = entry.term;
    if (this.run !== undefined) this.clock.observe(this.run.entry.timeMs, entry.index > this.replayedIndex);
    const replies = this.run?.replies ?? [];
    if (this.run !== undefined) this.loader.ended(this.run);
    this.run = undefined;
    this.raft.applied(entry.index);
    this.requests.applied(entry.index, entry.term, replies);
    this.parts.entryApplied(this, entry);
  }

  private wants(term: number, index: number): boolean {
    const { status } = this.raft;
    return !this.closed && !this.installs.deaf && status.term === term && status.commitIndex < index;
  }

  /** The binlog's mark and the engine's pointer say so already: memory is the snapshot's. */
  private switchTo({ stateId, meta, expiry }: ReceivedSnapshot): void {
    if (this.closed) return;
    const { appliedIndex: index, appliedTerm: term, configuration } = meta;
    this.state.replace(stateId, meta.keys, expiry);
    this.clock.observe(meta.timeMs, false);
    this.appliedIndex = index;
    this.appliedTerm = term;
    this.durableIndex = index;
    this.stored = { stateId, meta };
    this.queue.length = 0;
    this.tail.restart(index);
    this.raft.restored({ index, term, configuration });
    // What stood in the log behind the mark and went with it was never applied here.
    this.replayedIndex = Math.min(this.replayedIndex, this.raft.status.lastIndex);
    this.requests.passed(index);
    this.parts.snapshots.installed(this);
  }

  /** A read met a key that is dead but not removed: an entry stamped later will. */
  private wantClock(): boolean {
    if (!this.isLeader) return false;
    this.proposals.wantClock();
    this.wake();
    return true;
  }

  /** Keys are due and nothing else moves slot time: a clock entry will. */
  private lookForDue(): void {
    const { expiry } = this.state;
    expiry.tidy(this.state.judgeDue);
    const idle = this.proposals.isIdleAt(this.appliedIndex);
    if (idle && expiry.nextMs <= this.clock.nowMs()) this.wantClock();
  }
}
