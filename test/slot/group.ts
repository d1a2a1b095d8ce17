/**
 * A replication group in one place: the production Slot, Pump, Checkpointer and Raft of each member, over a binlog whose
 * fsync and a network whose delivery are in the test's hand, on virtual time.
 */
import assert from 'node:assert/strict';
import { Snapshots } from '../../src/node/snapshots.js';
import type { Message } from '../../src/raft/message.js';
import type { RaftSettings } from '../../src/raft/ready.js';
import type { Lane } from '../../src/rpc/transport.js';
import { Checkpointer } from '../../src/slot/checkpoint.js';
import { noPoolFigures } from '../../src/slot/pool-figures.js';
import { Pump } from '../../src/slot/pump.js';
import type { Outcome, SlotRequest } from '../../src/slot/requests.js';
import { Slot, type SlotSettings } from '../../src/slot/slot.js';
import type { SlotSnapshots } from '../../src/slot/snapshot-install.js';
import type { SnapshotSettings } from '../../src/slot/snapshot-sender.js';
import { SlotState } from '../../src/slot/state.js';
import type { Binlog, BinlogEntry, BinlogRecord, UnsyncedAppend } from '../../src/storage/binlog.js';
import { AMPLE } from '../../src/storage/disk-gauge.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { VirtualClock } from '../pm/virtual-env.js';
import { CHECKPOINT } from './home.js';
import { argv, tinyMachine } from './tiny-machine.js';

const RAFT: RaftSettings = {
  electionTimeoutMs: 1000,
  heartbeatMs: 100,
  leaseMs: 300,
  leaseMarginMs: 50,
  appendBytesMax: 65_536,
  inflightBytesMax: 1 << 20,
  proposalBytesMax: 2000,
  uncommittedBytesMax: 1 << 20,
  memoryBytesMax: 1 << 20,
  reads: 'lease',
  commitNoticeMs: 0,
  sendEveryMs: 0,
  quiesceAfterMs: Number.POSITIVE_INFINITY,
};

export const SETTINGS: SlotSettings = {
  raft: RAFT,
  entryBytesTarget: 1000,
  outstandingRequestsMax: 100,
  readRoundsMax: 4,
  logTailBytes: 1 << 20,
  poolBytes: 1 << 20,
  readBytesMax: 1 << 20,
  campaignStaggerMs: 20,
};

export const SNAPSHOT: SnapshotSettings = {
  chunkBytes: 100,
  windowChunks: 3,
  bytesPerSecond: 1 << 20,
  silenceMs: 1000,
  retryMs: 50,
  logBytesMax: 1 << 20,
  outgoingMax: 2,
  incomingMax: 2,
};

/** For slots whose followers never lag. */
export function noSnapshots<R>(): SlotSnapshots<R> {
  return {
    wanted: () => assert.fail('a snapshot is wanted'),
    needed: () => ({ after: Number.POSITIVE_INFINITY, bytesMax: 0 }),
    installed: () => assert.fail('a snapshot was installed'),
  };
}

/** Batches wait until `flush`, unless `prompt`. Remembers what it is told, in order. */
export class HandBinlog implements Binlog {
  prompt = true;
  readonly sizeBytes = 0;
  readonly figures = { batches: 0, records: 0, entries: 0, bytes: 0 };
  readonly space = AMPLE;
  readonly sampleAfterMs = 1000;
  readonly lastReplicaId = 0;
  readonly batches: (readonly BinlogRecord[])[] = [];
  released = 0;
  private readonly entries = new Map<number, BinlogEntry>();
  private waiting: { records: readonly BinlogRecord[]; resolve: () => void; reject: (why: Error) => void }[] =
    [];
  /** Written by appendUnsynced; durable with the next flush. */
  private readonly unsynced: (() => void)[] = [];

  constructor(private readonly event: (what: string) => void) {}

  append(records: readonly BinlogRecord[]): Promise<void> {
    this.batches.push(records);
    this.event(`append ${records.map(({ kind }) => kind).join('+')}`);
    const done = new Promise<void>((resolve, reject) => {
      this.waiting.push({ records, resolve, reject });
    });
    if (this.prompt) this.flush();
    return done;
  }

  appendUnsynced(records: readonly BinlogRecord[]): UnsyncedAppend {
    this.batches.push(records);
    this.event(`write ${records.map(({ kind }) => kind).join('+')}`);
    for (const record of records) if (record.kind === 'entries') this.keep(record.entries);
    const durable = new Promise<void>((resolve) => this.unsynced.push(resolve));
    return { written: Promise.resolve(), durable };
  }

  async sync(): Promise<void> {
    if (this.prompt) this.flush();
  }

  /** Everything asked for so far is durable. */
  flush(): void {
    for (const resolve of this.unsynced.splice(0)) {
      this.event('durable');
      resolve();
    }
    for (const { records, resolve } of this.waiting.splice(0)) {
      for (const record of records) {
        if (record.kind === 'entries') this.keep(record.entries);
        if (record.kind === 'snapshot') this.startAfter(record.index, record.term);
      }
      this.event('durable');
      resolve();
    }
  }

  fail(): void {
    for (const { reject } of this.waiting.splice(0)) reject(new Error('EIO'));
  }

  async read(_replicaId: number, from: number): Promise<readonly BinlogEntry[]> {
    const found: BinlogEntry[] = [];
    for (let index = from; this.entries.has(index); index++) found.push(this.entries.get(index)!);
    return found;
  }

  release(_replicaId: number, index: number): void {
    this.released = index;
  }

  async sampleSpace(): Promise<typeof AMPLE> {
    return AMPLE;
  }

  async purge(): Promise<void> {}

  stopWaiting(): void {}

  async close(): Promise<void> {}

  private startAfter(index: number, term: number): void {
    const continues = this.entries.get(index)?.term === term;
    for (const at of [...this.entries.keys()]) if (!continues || at <= index) this.entries.delete(at);
  }

  private keep(entries: readonly BinlogEntry[]): void {
    for (const entry of entries) this.entries.set(entry.index, entry);
    for (let index = entries.at(-1)!.index + 1; this.entries.delete(index); index++);
  }
}

export interface Member {
  readonly id: number;
  readonly slot: Slot<string>;
  readonly pump: Pump<string>;
  readonly binlog: HandBinlog;
  readonly checkpointer: Checkpointer;
  readonly engine: MemoryEngine;
  readonly snapshots: Snapshots<string>;
  /** What it did, in order: appends, durability, messages by kind, entries applied. */
  readonly events: string[];
  readonly fatal: string[];
  /** Tell the slot what the node's gauges would. */
  readonly gauges: { diskLow: boolean; applyHeld: boolean; aheadIsFull: boolean };
}

export class Group {
  readonly clock = new VirtualClock();
  readonly members: Member[];
  /** `from>to` pairs whose messages are lost. */
  readonly cut = new Set<string>();
  readonly answers: string[] = [];
  /** Snapshot messages that are lost: by kind, `begin`, `chunk`, ... */
  losesSnapshot: (from: number, to: number, lane: Lane, message: Buffer) => boolean = () => false;

  constructor(
    size: number,
    private readonly settings: SlotSettings = SETTINGS,
    private readonly snapshot: SnapshotSettings = SNAPSHOT,
    private readonly isAsync = false,
  ) {
    const ids = Array.from({ length: size }, (_, i) => i + 1);
    this.members = ids.map((id) => this.member(id, ids));
    for (const { pump } of this.members) pump.start();
  }

  get leader(): Member {
    const leaders = this.members.filter(({ slot }) => slot.isLeader);
    leaders.sort((a, b) => b.slot.status.term - a.slot.status.term);
    assert.ok(leaders[0] !== undefined, 'no leader');
    return leaders[0];
  }

  /** A replica without a log or a configuration, as its leader calls one to life. */
  join(): Member {
    const member = this.member(this.members.length + 1, []);
    this.members.push(member);
    member.pump.start();
    return member;
  }

  get followers(): readonly Member[] {
    return this.members.filter((member) => member !== this.leader);
  }

  async elect(): Promise<Member> {
    for (let waited = 0; waited < 20_000 && !this.members.some(({ slot }) => slot.isLeader); waited += 100) {
      await this.clock.pass(100);
    }
    await this.clock.pass(100);
    return this.leader;
  }

  /** Everything that is due now happens; time stands. */
  async settle(): Promise<void> {
    for (let round = 0; round < 5; round++) await this.clock.pass(0);
  }

  isolate(member: Member): void {
    for (const { id } of this.members) {
      this.cut.add(`${id}>${member.id}`);
      this.cut.add(`${member.id}>${id}`);
    }
  }

  heal(): void {
    this.cut.clear();
  }

  /** Sends a command to a member; the answer goes to `answers` as `line -> outcome`. */
  ask(
    member: Member,
    kind: 'read' | 'write',
    line: string,
    more: { session?: string; forMs?: number; term?: number; here?: boolean } = {},
  ): void {
    const { session = 's', forMs = 5000, term = 0, here = false } = more;
    const request: SlotRequest<string> = {
      session,
      kind,
      here,
      group: { kind: 'lone', commands: [argv(line)] },
      deadlineMs: this.nowMs + forMs,
      done: (outcome) => void this.answers.push(`${short(line)} -> ${words(outcome)}`),
    };
    member.slot.execute(request, term);
  }

  private readonly watch = this.clock.env(0).env;

  get nowMs(): number {
    return this.watch.monotonicMs();
  }

  private member(id: number, ids: readonly number[]): Member {
    const { settings } = this;
    const { env } = this.clock.env(id);
    const events: string[] = [];
    const fatal: string[] = [];
    const gauges = { diskLow: false, applyHeld: false, aheadIsFull: false };
    const event = (what: string): void => void events.push(what);
    const binlog = new HandBinlog(event);
    const engine = new MemoryEngine();
    const stop = (why: unknown): void => void fatal.push(String(why));
    const pump = new Pump<string>(env, binlog, 10, stop, () => {});
    const checkpointer = new Checkpointer(env, engine, CHECKPOINT, 0, stop);
    const { newStateId } = checkpointer;
    const state = new SlotState(engine, newStateId, newStateId(), undefined);
    const { isAsync } = this;
    const birth = { groupId: 1, tableId: 0, slot: 0, memberId: id, voters: ids, isAsync };
    const snapshots: Snapshots<string> = new Snapshots<string>({
      env,
      engine,
      checkpointer,
      settings: this.snapshot,
      slotOf: () => slot,
      send: (to, lane, bytes) => this.sendSnapshot(id, to, lane, bytes),
      isReachable: (to) => !this.cut.has(`${id}>${to}`),
      diskLow: () => gauges.diskLow,
      installed: () => event(`snapshot at ${slot.appliedTo.index}`),
      damaged: () => {},
      fatal: stop,
    });
    const slot: Slot<string> = new Slot<string>(id, birth, state, undefined, undefined, {
      env,
      engine,
      binlog,
      machine: tinyMachine,
      settings,
      wake: (woken) => pump.wake(woken),
      stayAwake: (stirred) => pump.stayAwake(stirred),
      send: (_slot, message) => this.send(id, message, event),
      statusChanged: () => {},
      snapshots,
      entryApplied: (_slot, { index }) => event(`applied ${index}`),
      applyHeld: () => gauges.applyHeld,
      aheadIsFull: () => gauges.aheadIsFull,
      alone: (work) => checkpointer.alone(work),
      writesCut: (_slot, { writes, keys, doubtfulWrites }) =>
        event(`cut ${writes} ${keys} ${doubtfulWrites}`),
      rolledBack: () => event(`back to ${slot.appliedTo.index}`),
      sharers: () => 1,
      isDown: () => false,
      diskLow: () => gauges.diskLow,
      figures: noPoolFigures(),
      fatal: stop,
    });
    checkpointer.add(slot);
    pump.add(slot);
    return { id, slot, pump, binlog, checkpointer, engine, snapshots, events, fatal, gauges };
  }

  private sendSnapshot(from: number, to: number, lane: Lane, bytes: Buffer): boolean {
    const message = Buffer.from(bytes);
    this.watch.after(1, () => {
      if (this.cut.has(`${from}>${to}`) || this.losesSnapshot(from, to, lane, message)) return;
      const { snapshots } = this.members[to - 1]!;
      if (lane === 'snapshot') snapshots.onMessage(from, message);
      else snapshots.onAck(message);
    });
    return true;
  }

  private send(from: number, message: Message, event: (what: string) => void): void {
    event(`send ${message.kind}`);
    this.watch.after(1, () => {
      if (!this.cut.has(`${from}>${message.to}`)) this.members[message.to - 1]!.slot.receive(message);
    });
  }
}

function words(outcome: Outcome<string>): string {
  if (outcome.kind === 'done') return outcome.replies.join();
  return outcome.kind === 'refused' ? outcome.why : 'unknown';
}

function short(line: string): string {
  return line.length < 40 ? line : `${line.slice(0, 12)}...`;
}
