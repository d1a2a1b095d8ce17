/**
 * A network of cores in one process: each member with a disk that may lag and lose what it did not sync, a wire that
 * drops, repeats, reorders and parts, one clock for all, and the oracles that watch every step.
 *
 * The driver here follows the order that src/raft/ready.ts asks for, so what breaks here breaks in the real one.
 */
import assert from 'node:assert/strict';
import type { MembershipOperation } from '../../src/raft/membership.js';
import type {
  Configuration,
  Entry,
  HardState,
  MemberId,
  Message,
  SnapshotMark,
} from '../../src/raft/message.js';
import { Raft } from '../../src/raft/raft.js';
import type { RaftSettings, ReadState, Ready } from '../../src/raft/ready.js';
import { seededRandom } from '../../src/random.js';
import { Oracle } from './oracle.js';

export const testSettings: RaftSettings = {
  electionTimeoutMs: 1000,
  heartbeatMs: 100,
  leaseMs: 300,
  leaseMarginMs: 30,
  appendBytesMax: 4096,
  inflightBytesMax: 16384,
  proposalBytesMax: 1 << 20,
  uncommittedBytesMax: 1 << 24,
  memoryBytesMax: 1 << 20,
  reads: 'index',
  commitNoticeMs: 0,
  sendEveryMs: 0,
  quiesceAfterMs: Number.POSITIVE_INFINITY,
};

/** What survives a crash. */
interface Disk {
  hardState: HardState;
  compacted: { index: number; term: number };
  entries: Entry[];
}

/** The state machine: durable at every entry, as if each were a checkpoint. */
interface StateMachine {
  applied: Entry[];
  appliedIndex: number;
  configuration: Configuration;
}

interface Save {
  readonly ready: Ready;
}

export class Member {
  readonly id: MemberId;
  readonly disk: Disk;
  machine: StateMachine;
  raft: Raft;
  running = true;
  /** Readys on their way to the disk, oldest first. */
  saves: Save[] = [];
  /** All that was handed out to be saved: the log as the core has it. */
  log: Entry[];
  /** Answers to reads. */
  readonly reads: ReadState[] = [];
  /** Committed entries wait to be applied while this is false. */
  applies = true;
  waiting: Entry[] = [];

  constructor(id: MemberId, configuration: Configuration, network: Network) {
    this.id = id;
    this.disk = {
      hardState: { term: 0, votedFor: 0, commit: 0 },
      compacted: { index: 0, term: 0 },
      entries: [],
    };
    this.machine = { applied: [], appliedIndex: 0, configuration };
    this.log = [];
    this.raft = this.boot(network, false);
  }

  boot(network: Network, restarted: boolean): Raft {
    const { hardState, compacted, entries } = this.disk;
    this.saves = [];
    this.waiting = [];
    this.log = [...entries];
    this.running = true;
    const terms: { from: number; term: number }[] = [];
    for (const { index, term } of entries) if (terms.at(-1)?.term !== term) terms.push({ from: index, term });
    this.raft = new Raft({
      id: this.id,
      configuration: this.machine.configuration,
      hardState,
      log: {
        compactedIndex: compacted.index,
        compactedTerm: compacted.term,
        terms,
        lastIndex: entries.at(-1)?.index ?? compacted.index,
        entries: entries.filter(({ index }) => index > this.machine.appliedIndex),
      },
      appliedIndex: this.machine.appliedIndex,
      restarted,
      nowMs: network.nowMs,
      random: seededRandom(network.seed, this.id, network.boots++),
      settings: { ...network.settings },
    });
    return this.raft;
  }

  /** What was not synced is gone. */
  crash(): void {
    this.running = false;
    this.saves = [];
  }

  termAt(index: number): number | undefined {
    if (index === this.disk.compacted.index) return this.disk.compacted.term;
    return at(this.log, index)?.term;
  }
}

interface Packet {
  readonly message: Message;
  readonly machine: StateMachine | undefined;
}

export class Network {
  readonly members = new Map<MemberId, Member>();
  readonly settings: RaftSettings;
  readonly seed: number;
  nowMs = 0;
  boots = 0;
  wire: Packet[] = [];
  /** False drops the message at sending. */
  passes: (message: Message) => boolean = () => true;
  /** When false, saves wait until saveAll() or saveOne(). */
  diskIsFast = true;
  /** Messages sent, by kind. */
  readonly sent = new Map<string, number>();
  readonly oracle = new Oracle(this);

  constructor(
    voters: number,
    options: { seed?: number; learners?: number[]; settings?: Partial<RaftSettings> } = {},
  ) {
    this.seed = options.seed ?? 1;
    this.settings = { ...testSettings, ...options.settings };
    const ids = Array.from({ length: voters }, (_, position) => position + 1);
    const configuration = plain(ids, options.learners ?? []);
    for (const id of [...ids, ...(options.learners ?? [])]) this.join(id, configuration);
  }

  join(id: MemberId, configuration: Configuration = plain([])): Member {
    const member = new Member(id, configuration, this);
    this.members.set(id, member);
    return member;
  }

  member(id: MemberId): Member {
    const member = this.members.get(id);
    assert(member !== undefined, `no member ${id}`);
    return member;
  }

  raft(id: MemberId): Raft {
    return this.member(id).raft;
  }

  get leader(): Member | undefined {
    const leaders = [...this.members.values()].filter((m) => m.running && m.raft.status.role === 'leader');
    return leaders.sort((a, b) => b.raft.status.term - a.raft.status.term)[0];
  }

  /** Elects `id` and lets all settle. */
  elect(id: MemberId): void {
    this.raft(id).campaign(this.nowMs);
    this.settle();
    assert.equal(this.raft(id).status.role, 'leader');
  }

  propose(id: MemberId, text: string): ReturnType<Raft['propose']> {
    return this.raft(id).propose(Buffer.from(text), this.nowMs);
  }

  /** Everything that is ready, saved and sent, until nothing moves. */
  settle(only?: readonly MemberId[]): void {
    for (let round = 0; round < 10_000; round++) {
      const moved = this.pump(only);
      const delivered = this.deliverAll(only);
      if (!moved && !delivered) return;
    }
    assert.fail('the network does not settle');
  }

  /** Small steps of time, each with ticks and all that follows. */
  advance(spanMs: number, stepMs = 10): void {
    for (const endMs = this.nowMs + spanMs; this.nowMs < endMs; ) {
      this.nowMs += stepMs;
      for (const { raft, running } of this.members.values()) if (running) raft.tick(this.nowMs);
      this.settle();
    }
  }

  pump(only?: readonly MemberId[]): boolean {
    let moved = false;
    for (const member of this.members.values()) {
      if (only !== undefined && !only.includes(member.id)) continue;
      while (member.running && this.pumpOnce(member)) moved = true;
    }
    return moved;
  }

  pumpOnce(member: Member): boolean {
    const ready = member.raft.ready();
    if (ready === undefined) return this.diskIsFast && this.saveOne(member);
    for (const message of ready.messages) this.post(message);
    member.log = replaceSuffix(member.log, ready.entries);
    if (ready.hardState !== undefined || ready.entries.length > 0) member.saves.push({ ready });
    else for (const message of ready.messagesAfterSave) this.post(message);
    member.reads.push(...ready.reads);
    this.oracle.watch(member, ready);
    if (this.diskIsFast) while (this.saveOne(member));
    member.waiting.push(...ready.committed);
    if (member.applies) this.apply(member);
    for (const { to, from, bytesMax } of ready.loads) this.load(member, to, from, bytesMax);
    for (const to of ready.snapshotsWanted) this.sendSnapshot(member, to);
    return true;
  }

  /** The oldest save becomes durable; its messages leave. */
  saveOne(member: Member): boolean {
    const save = member.saves.shift();
    if (save === undefined) return false;
    const { hardState, entries, messagesAfterSave } = save.ready;
    if (hardState !== undefined) member.disk.hardState = hardState;
    member.disk.entries = replaceSuffix(member.disk.entries, entries);
    const last = entries.at(-1);
    if (last !== undefined) member.raft.saved(last.index, last.term);
    for (const message of messagesAfterSave) this.post(message);
    return true;
  }

  apply(member: Member, count = member.waiting.length): void {
    const { machine } = member;
    for (const entry of member.waiting.splice(0, count)) {
      this.oracle.applied(member, entry);
      machine.applied.push(entry);
      machine.appliedIndex = entry.index;
      member.raft.applied(entry.index);
      machine.configuration = member.raft.status.configuration;
    }
  }

  post(message: Message, machine?: StateMachine): void {
    this.sent.set(message.kind, (this.sent.get(message.kind) ?? 0) + 1);
    if (this.passes(message)) this.wire.push({ message, machine });
    else this.lose(message);
  }

  deliverAll(only?: readonly MemberId[]): boolean {
    const due = this.wire.filter(({ message }) => only === undefined || only.includes(message.to));
    this.wire = this.wire.filter((packet) => !due.includes(packet));
    for (const packet of due) this.deliver(packet);
    return due.length > 0;
  }

  deliver({ message, machine }: Packet): void {
    const member = this.members.get(message.to);
    if (member === undefined || !member.running) {
      this.lose(message);
      return;
    }
    member.raft.step(message, this.nowMs);
    if (message.kind === 'snapshot' && machine !== undefined) this.install(member, message, machine);
  }

  /** A driver always learns how the sending of a snapshot ended; all else is lost in silence. */
  lose(message: Message): void {
    const sender = this.members.get(message.from);
    if (message.kind === 'snapshot' && sender?.running) sender.raft.snapshotReported(message.to, false);
  }

  restart(id: MemberId): Member {
    const member = this.member(id);
    if (member.running) member.crash();
    member.boot(this, true);
    return member;
  }

  compact(id: MemberId, index: number): void {
    const { disk, raft, log } = this.member(id);
    const term = at(log, index)?.term;
    assert(term !== undefined, `member ${id} does not hold ${index}`);
    raft.compact(index);
    disk.compacted = { index, term };
    disk.entries = disk.entries.filter((entry) => entry.index > index);
    this.member(id).log = log.filter((entry) => entry.index > index);
  }

  private load(member: Member, to: MemberId, from: number, bytesMax: number): void {
    const entries: Entry[] = [];
    let bytes = 0;
    for (const entry of member.disk.entries) {
      if (entry.index < from) continue;
      if (entries.length > 0 && bytes + entry.data.length > bytesMax) break;
      bytes += entry.data.length;
      entries.push(entry);
    }
    member.raft.loaded(to, entries, this.nowMs);
  }

  private sendSnapshot(member: Member, to: MemberId): void {
    const { machine, raft } = member;
    const index = machine.appliedIndex;
    const mark: SnapshotMark = { index, term: member.termAt(index)!, configuration: machine.configuration };
    const copy = { ...machine, applied: [...machine.applied] };
    this.post({ kind: 'snapshot', from: member.id, to, term: raft.status.term, mark }, copy);
  }

  /** Atomic, after all that was on its way to the disk: the mark takes its place in the order of the binlog. */
  private install(member: Member, message: Message & { kind: 'snapshot' }, machine: StateMachine): void {
    const { mark, from } = message;
    const status = member.raft.status;
    if (status.term === message.term && mark.index > status.commitIndex) {
      while (this.saveOne(member));
      const continues = member.termAt(mark.index) === mark.term;
      const keep = (entries: Entry[]): Entry[] =>
        continues ? entries.filter((e) => e.index > mark.index) : [];
      member.disk.compacted = { index: mark.index, term: mark.term };
      member.disk.entries = keep(member.disk.entries);
      member.log = keep(member.log);
      member.waiting = [];
      member.machine = { ...machine, applied: [...machine.applied], configuration: mark.configuration };
      member.raft.restored(mark);
    }
    const sender = this.members.get(from);
    if (sender?.running) sender.raft.snapshotReported(member.id, true);
  }
}

export function plain(voters: readonly MemberId[], learners: readonly MemberId[] = []): Configuration {
  return { voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
}

/** The notation of etcd raft's cases: `v1 l2 r3`. */
const kinds = { v: 'voter', l: 'learner', r: 'remove' } as const;

/** `u` updates what etcd keeps beside Raft; here nothing. */
export function operationsOf(text: string): MembershipOperation[] {
  const tokens = text.split(/\s+/).filter((token) => token !== '' && !token.startsWith('u'));
  return tokens.map((token) => ({ kind: kinds[token[0] as keyof typeof kinds], id: Number(token.slice(1)) }));
}

export function show(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  const parts = [`voters=(${voters.join(' ')})`];
  if (votersOutgoing.length > 0) parts[0] += `&&(${votersOutgoing.join(' ')})`;
  if (learners.length > 0) parts.push(`learners=(${learners.join(' ')})`);
  if (learnersNext.length > 0) parts.push(`learners_next=(${learnersNext.join(' ')})`);
  if (autoLeave) parts.push('autoleave');
  return parts.join(' ');
}

export function at(entries: readonly Entry[], index: number): Entry | undefined {
  const first = entries[0]?.index ?? 0;
  return entries[index - first];
}

function replaceSuffix(kept: Entry[], entries: readonly Entry[]): Entry[] {
  const first = entries[0];
  if (first === undefined) return kept;
  const last = kept.at(-1);
  if (last !== undefined && first.index <= last.index) {
    return [...kept.slice(0, first.index - kept[0]!.index), ...entries];
  }
  kept.push(...entries);
  return kept;
}
