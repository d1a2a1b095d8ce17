/**
 * Hundreds of short lives under seeded faults: lost, repeated and reordered messages, partitions, slow disks, crashes
 * that lose what was not synced, compaction, membership changes, transfers. The oracles of network.ts judge every step;
 * afterwards the faults stop and the group must come to rest with all members alike.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, seededRandom } from '../../src/random.js';
import { type Member, Network } from './network.js';

interface Read {
  readonly atLeast: number;
}

class Life {
  readonly network: Network;
  readonly dice: Random;
  private readonly reads = new Map<number, Read>();
  private readonly seen = new Map<number, number>();
  private proposals = 0;
  private readonly changesMembers: boolean;
  private slept = 0;
  private wasAsleep = false;

  constructor(seed: number, options: { voters: number; lease: boolean; changesMembers: boolean }) {
    this.dice = seededRandom(seed, 77);
    this.changesMembers = options.changesMembers;
    this.network = new Network(options.voters, {
      seed,
      settings: {
        reads: options.lease ? 'lease' : 'index',
        commitNoticeMs: [0, 20][seed % 2]!,
        sendEveryMs: [0, 0, 20][seed % 3]!,
        quiesceAfterMs: [50, 1000, Number.POSITIVE_INFINITY][this.dice.below(3)]!,
        memoryBytesMax: this.dice.below(2) === 0 ? 300 : 1 << 20,
        appendBytesMax: 200,
        inflightBytesMax: 700,
      },
    });
    this.network.diskIsFast = false;
    this.network.oracle.checksDurability = !options.changesMembers;
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.act();
      this.network.pump();
      this.checkReads();
      this.checkLeases();
      this.countSleep();
    }
    this.heal();
  }

  /** What this life went through. */
  count(sums: Map<string, number>): void {
    const add = (what: string, count: number): void => void sums.set(what, (sums.get(what) ?? 0) + count);
    for (const [kind, count] of this.network.sent) add(kind, count);
    add('commit', this.network.oracle.highestCommitted);
    add('boot', this.network.boots);
    add('slept', this.slept);
    add('configuration', this.network.oracle.truth.filter(({ kind }) => kind === 'configuration').length);
    for (const { reads } of this.network.members.values()) {
      add('read', reads.filter(({ kind }) => kind === 'ready').length);
    }
  }

  private get running(): Member[] {
    return [...this.network.members.values()].filter(({ running }) => running);
  }

  private pick<T>(items: readonly T[]): T | undefined {
    return items[this.dice.below(Math.max(1, items.length))];
  }

  private act(): void {
    const roll = this.dice.below(1000);
    if (this.dice.below(500) === 0) this.lull();
    else if (roll < 420) this.deliverSome();
    else if (roll < 620) this.saveSome();
    else if (roll < 720) this.tick();
    else if (roll < 850) this.propose();
    else if (roll < 950) this.read();
    else if (roll < 956) this.crashOrRestart();
    else if (roll < 962) this.part();
    else if (roll < 975) this.compact();
    else if (roll < 980) this.transfer();
    else if (roll < 985) this.breakStream();
    else if (this.changesMembers) this.changeMembers();
  }

  /** Nobody asks for anything for a while, so that the group may fall asleep; then something happens. */
  private lull(): void {
    const { network } = this;
    network.diskIsFast = true;
    network.advance(500 + this.dice.below(2000), 20);
    this.countSleep();
    const strikes = [
      this.propose,
      this.read,
      this.crashOrRestart,
      this.transfer,
      this.breakStream,
      this.part,
    ];
    if (this.dice.below(3) > 0) this.pick(strikes)!.call(this);
    else {
      network.restart(this.pick(this.running)?.id ?? 1);
      network.advance(2500, 20);
    }
    network.diskIsFast = false;
  }

  private deliverSome(): void {
    const { network, dice } = this;
    for (let count = dice.below(12); count >= 0 && network.wire.length > 0; count--) {
      const at = dice.below(10) === 0 ? dice.below(network.wire.length) : 0;
      const fate = dice.below(40);
      const packet = network.wire[at]!;
      if (fate !== 0 || network.wire.length > 400) network.wire.splice(at, 1);
      if (fate !== 1) network.deliver(packet);
      else network.lose(packet.message);
      network.pump();
    }
  }

  private saveSome(): void {
    const member = this.pick(this.running);
    if (member === undefined) return;
    for (let count = this.dice.below(12); count >= 0; count--) this.network.saveOne(member);
  }

  private tick(): void {
    this.network.nowMs += this.dice.below(40) === 0 ? this.dice.below(2500) : this.dice.below(40);
    for (const { raft } of this.running) if (this.dice.below(4) > 0) raft.tick(this.network.nowMs);
  }

  private propose(): void {
    const member = this.dice.below(4) > 0 ? this.network.leader : this.pick(this.running);
    const size = this.dice.below(8) === 0 ? 300 : 10;
    for (let count = this.dice.below(5); count >= 0; count--) {
      const text = `${++this.proposals}`.padEnd(size, '.');
      member?.raft.propose(Buffer.from(text), this.network.nowMs);
    }
  }

  private read(): void {
    const member = this.pick(this.running);
    if (member === undefined) return;
    const context = this.reads.size + 1;
    this.reads.set(context, { atLeast: this.network.oracle.highestCommitted });
    member.raft.readIndex(context, this.network.nowMs);
  }

  /** A read index never lies behind what was committed when the read was asked. */
  private checkReads(): void {
    for (const member of this.network.members.values()) {
      for (let at = this.seen.get(member.id) ?? 0; at < member.reads.length; at++) {
        const answer = member.reads[at]!;
        const read = this.reads.get(answer.context)!;
        if (answer.kind === 'ready') assert(answer.index >= read.atLeast, 'a stale read index');
      }
      this.seen.set(member.id, member.reads.length);
    }
  }

  /** Who holds the lease knows all that is committed. */
  private checkLeases(): void {
    for (const { raft, id } of this.running) {
      if (!raft.leaseHolds(this.network.nowMs)) continue;
      assert(
        raft.status.commitIndex >= this.network.oracle.highestCommitted,
        `member ${id} holds a stale lease`,
      );
    }
  }

  private countSleep(): void {
    const asleep = this.network.leader?.raft.status.asleep === true;
    if (asleep && !this.wasAsleep) this.slept++;
    this.wasAsleep = asleep;
  }

  private crashOrRestart(): void {
    const member = this.pick([...this.network.members.values()]);
    if (member === undefined) return;
    if (member.running) this.gone(member.id);
    if (member.running && this.dice.below(3) === 0) {
      member.crash();
      return;
    }
    this.network.restart(member.id);
    this.back(member.id);
  }

  /** Streams to it broke: the others are told, as their nodes would tell them. */
  private gone(id: number): void {
    for (const { raft } of this.running) {
      if (raft.status.configuration.voters.length > 0) raft.unreachable(id);
      raft.suspectLeader(id, this.dice.below(500), this.network.nowMs);
    }
  }

  private back(id: number): void {
    for (const { raft } of this.running) raft.reachable(id, this.network.nowMs);
  }

  private part(): void {
    if (this.dice.below(3) > 0) {
      this.network.passes = () => true;
      return;
    }
    const cut = this.dice.below(1 << 9);
    const sides = this.dice.below(2) === 0;
    this.network.passes = ({ from, to }) => {
      const parted = sides
        ? ((cut >> (from % 8)) & 1) !== ((cut >> (to % 8)) & 1)
        : (cut >> ((from * 3 + to) % 9)) % 2 === 1;
      return !parted;
    };
  }

  private compact(): void {
    const member = this.pick(this.running);
    if (member === undefined) return;
    const { compacted } = member.disk;
    const room = member.machine.appliedIndex - compacted.index;
    if (room > 0) this.network.compact(member.id, compacted.index + 1 + this.dice.below(room));
  }

  private transfer(): void {
    const to = this.pick([...this.network.members.keys()])!;
    this.network.leader?.raft.transferLeadership(to, this.network.nowMs);
  }

  private breakStream(): void {
    const peer = this.pick([...this.network.members.keys()])!;
    if (this.dice.below(2) === 0) this.gone(peer);
    this.pick(this.running)?.raft.unreachable(peer);
    if (this.dice.below(2) === 0) this.back(peer);
  }

  private changeMembers(): void {
    const { network, dice } = this;
    const leader = network.leader;
    if (leader === undefined) return;
    const { voters } = leader.raft.status.configuration;
    const strangers = [1, 2, 3, 4, 5, 6].filter((id) => !voters.includes(id));
    const add = strangers.filter(() => dice.below(3) === 0);
    const remove = voters.filter(() => dice.below(4) === 0);
    for (const id of add) if (!network.members.has(id)) network.join(id);
    const transition = (['auto', 'joint', 'jointExplicit'] as const)[dice.below(3)]!;
    const change = { add, addLearners: [], remove, transition };
    leader.raft.proposeConfiguration(change, network.nowMs);
  }

  /** No faults any more: one leader, equal states, and the group still moves. */
  private heal(): void {
    const { network } = this;
    network.passes = () => true;
    network.diskIsFast = true;
    for (const { id, running } of network.members.values()) if (!running) network.restart(id);
    for (const id of network.members.keys()) this.back(id);
    network.settle();
    for (let span = 0; span < 20 && !this.isOne(); span++) network.advance(1000, 50);
    assert(this.isOne(), 'no rest after the faults ended');
    network.oracle.checkLogMatching();
    this.checkReads();
  }

  private isOne(): boolean {
    const { network } = this;
    const leader = network.leader;
    if (leader === undefined) return false;
    const { configuration, lastIndex, commitIndex } = leader.raft.status;
    if (configuration.votersOutgoing.length > 0 && configuration.autoLeave) return false;
    const members = [...configuration.voters, ...configuration.votersOutgoing].map((id) =>
      network.member(id),
    );
    return commitIndex === lastIndex && members.every(({ machine }) => machine.appliedIndex === lastIndex);
  }
}

const kinds = [
  { name: 'three voters', voters: 3, lease: false, changesMembers: false, meets: [] },
  { name: 'three voters with leases', voters: 3, lease: true, changesMembers: false, meets: [] },
  { name: 'five voters', voters: 5, lease: true, changesMembers: false, meets: [] },
  { name: 'changing members', voters: 3, lease: true, changesMembers: true, meets: ['configuration'] },
] as const;

const expected = [
  'commit',
  'read',
  'boot',
  'preVote',
  'vote',
  'append',
  'heartbeat',
  'readIndex',
  'snapshot',
  'timeoutNow',
  'slept',
  'wake',
];

const lives = Number(process.env.TALUS_RAFT_LIVES ?? 60);
const firstSeed = Number(process.env.TALUS_RAFT_SEED ?? 1);

for (const kind of kinds) {
  test(`safe under faults, live after them: ${kind.name}`, () => {
    const sent = new Map<string, number>();
    for (let seed = firstSeed; seed < firstSeed + lives; seed++) {
      try {
        const life = new Life(seed, kind);
        life.run(1500);
        life.count(sent);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
    // A run that meets no trouble proves nothing.
    for (const what of [...expected, ...kind.meets]) {
      assert((sent.get(what) ?? 0) * 10 >= lives, `too few of ${what}: ${sent.get(what)}`);
    }
    if (process.env.TALUS_RAFT_STATS) console.log(kind.name, Object.fromEntries(sent));
  });
}
