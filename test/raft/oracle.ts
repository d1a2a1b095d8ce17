/** The safety properties of Raft, held against every Ready and every applied entry of a network of cores. */
import assert from 'node:assert/strict';
import type { Entry, HardState, MemberId, Message } from '../../src/raft/message.js';
import type { Ready } from '../../src/raft/ready.js';
import { at, type Member, type Network } from './network.js';

export class Oracle {
  /** Entry by index, as first applied anywhere: the truth from then on. */
  readonly truth: Entry[] = [];
  private readonly leaders = new Map<number, MemberId>();
  private readonly votes = new Map<string, MemberId>();
  private readonly terms = new Map<MemberId, number>();
  private readonly network: Network;
  /** Only while the members do not change. */
  checksDurability = false;

  constructor(network: Network) {
    this.network = network;
  }

  get highestCommitted(): number {
    return this.truth.length;
  }

  watch(member: Member, ready: Ready): void {
    this.votedOnce(member, ready.hardState);
    if (ready.status?.role === 'leader') this.ledBy(member, ready.status.term);
    for (const message of ready.messages) this.logsMatch(message);
    for (const entry of ready.committed) this.committed(entry);
  }

  applied(member: Member, entry: Entry): void {
    assert.equal(entry.index, member.machine.appliedIndex + 1, 'applied in order, each once');
    const truth = this.truth[entry.index - 1];
    assert(truth !== undefined);
    assert.equal(entry.term, truth.term, `state machine safety: member ${member.id}, index ${entry.index}`);
    assert(entry.data.equals(truth.data), `state machine safety: member ${member.id}, index ${entry.index}`);
    const durable = at(member.disk.entries, entry.index);
    assert.equal(durable?.term, entry.term, 'applied only what its own disk holds');
  }

  private votedOnce(member: Member, hardState: HardState | undefined): void {
    if (hardState === undefined) return;
    assert(
      hardState.term >= (this.terms.get(member.id) ?? 0) || member.disk.hardState.term <= hardState.term,
    );
    if (hardState.votedFor === 0) return;
    const key = `${hardState.term}/${member.id}`;
    // A vote that a crash took back was never told to anyone.
    const durable = member.disk.hardState;
    if (durable.term === hardState.term && durable.votedFor !== 0) {
      assert.equal(hardState.votedFor, durable.votedFor, `one vote a term: ${key}`);
    }
    this.votes.set(key, hardState.votedFor);
  }

  private ledBy(member: Member, term: number): void {
    const other = this.leaders.get(term);
    assert(other === undefined || other === member.id, `election safety: term ${term}`);
    this.leaders.set(term, member.id);
    for (const entry of this.truth) {
      if (entry.index <= member.disk.compacted.index) continue;
      assert.equal(
        member.termAt(entry.index),
        entry.term,
        `leader completeness: term ${term}, index ${entry.index}`,
      );
    }
  }

  /** What a leader sends agrees with what is committed. */
  private logsMatch(message: Message): void {
    if (message.kind !== 'append') return;
    for (const entry of message.entries) {
      const truth = this.truth[entry.index - 1];
      if (truth !== undefined && truth.term === entry.term)
        assert(truth.data.equals(entry.data), 'log matching');
    }
  }

  private committed(entry: Entry): void {
    if (entry.index <= this.truth.length) return;
    assert.equal(entry.index, this.truth.length + 1);
    this.truth.push(entry);
    if (!this.checksDurability) return;
    const members = [...this.network.members.values()];
    const holders = members.filter(({ disk }) => at(disk.entries, entry.index)?.term === entry.term);
    const needed = Math.floor(members.length / 2) + 1;
    assert(
      holders.length >= needed,
      `durable on ${holders.length} of ${members.length} when counted committed`,
    );
  }

  /** Any two members' logs that agree on a term at an index agree on all before. */
  checkLogMatching(): void {
    const members = [...this.network.members.values()];
    for (const a of members) for (const b of members) if (a.id < b.id) this.comparePair(a.log, b.log);
  }

  private comparePair(a: readonly Entry[], b: readonly Entry[]): void {
    let agreed = false;
    for (let position = a.length - 1; position >= 0; position--) {
      const mine = a[position]!;
      const other = at(b, mine.index);
      if (other === undefined || other.index !== mine.index) continue;
      if (!agreed && other.term !== mine.term) continue;
      agreed = true;
      assert.equal(other.term, mine.term, `log matching at ${mine.index}`);
      assert(other.data.equals(mine.data), `log matching at ${mine.index}`);
    }
  }
}
