/**
 * Who leads each group, as far as this node knows: from its own replicas, from refusals, or by asking a member.
 *
 * Knowledge is (leader, term) and only moves to higher terms; a leader that refused or went silent is forgotten for its
 * term until someone names it again. Wrong knowledge costs a refusal, never a wrong answer: requests carry the term.
 * That nobody leads in a term is believed for a while only: who says so may be no member any more, in terms that its former
 * group never came to.
 */
import type { Env, Timer } from '../env.js';
import type { Leadership } from './forwarder.js';

const ASK_EVERY_MS = 50;
/** Longer than an election takes, shorter than clients wait. */
const NOBODY_BELIEVED_MS = 3000;

export interface LeaderSources {
  /** Nodes that may know, this one among them where it has a replica. */
  membersOf(groupId: number): readonly number[];
  ask(nodeId: number, groupId: number, answer: (leader: Leadership) => void): void;
}

interface Known {
  readonly leader: Leadership;
  readonly sinceMs: number;
}

export class Leaders {
  private readonly known = new Map<number, Known>();
  private readonly waiting = new Map<number, Set<() => void>>();
  private asker: Timer | undefined;
  private askedAtMs = -Infinity;
  private round = 0;

  constructor(
    private readonly env: Env,
    private readonly sources: LeaderSources,
  ) {}

  of(groupId: number): Leadership | undefined {
    const leader = this.known.get(groupId)?.leader;
    return leader?.nodeId === 0 ? undefined : leader;
  }

  /** Takes in what someone said; older terms are no news. */
  learn(groupId: number, leader: Leadership): void {
    const before = this.known.get(groupId);
    if (before !== undefined && leader.term < before.leader.term && !this.isOutdated(before)) return;
    // Within a term there is one leader: "nobody yet" is no news either.
    if (before !== undefined && leader.term === before.leader.term && leader.nodeId === 0) return;
    const { nodeId, term } = leader;
    this.known.set(groupId, { leader: { nodeId, term }, sinceMs: this.env.monotonicMs() });
    if (leader.nodeId === 0) return;
    const waiting = this.waiting.get(groupId);
    this.waiting.delete(groupId);
    for (const wake of waiting ?? []) wake();
  }

  /** This leader refused or cannot be reached: do not go there again on the same knowledge. */
  doubt(groupId: number, leader: Leadership): void {
    const known = this.known.get(groupId)?.leader;
    if (known?.nodeId === leader.nodeId && known.term === leader.term) this.known.delete(groupId);
  }

  /** The group's members are others now: what was heard from the former ones says nothing of the present ones. */
  forget(groupId: number): void {
    this.known.delete(groupId);
  }

  forgetNode(nodeId: number): void {
    for (const [groupId, { leader }] of [...this.known])
      if (leader.nodeId === nodeId) this.known.delete(groupId);
  }

  /** Calls `wake` once when a leader is known; meanwhile members are asked in turn. */
  whenKnown(groupId: number, wake: () => void): void {
    const waiting = this.waiting.get(groupId) ?? new Set();
    waiting.add(wake);
    this.waiting.set(groupId, waiting);
    // At once the first time; a member that keeps naming a dead leader must not make us spin.
    this.askSoon(Math.max(0, this.askedAtMs + ASK_EVERY_MS - this.env.monotonicMs()));
  }

  stopWaiting(groupId: number, wake: () => void): void {
    this.waiting.get(groupId)?.delete(wake);
  }

  private isOutdated({ leader, sinceMs }: Known): boolean {
    return leader.nodeId === 0 && this.env.monotonicMs() - sinceMs > NOBODY_BELIEVED_MS;
  }

  private askSoon(delayMs: number): void {
    this.asker ??= this.env.after(delayMs, () => {
      this.asker = undefined;
      this.askedAtMs = this.env.monotonicMs();
      this.round++;
      // A copy: who is answered at once may be refused at once, and waits again for the next round.
      for (const [groupId, waiting] of [...this.waiting]) {
        if (waiting.size === 0) this.waiting.delete(groupId);
        else this.askOne(groupId);
      }
      if (this.waiting.size > 0) this.askSoon(ASK_EVERY_MS);
    });
  }

  private askOne(groupId: number): void {
    const members = this.sources.membersOf(groupId);
    const member = members[this.round % Math.max(1, members.length)];
    if (member === undefined) return;
    this.sources.ask(member, groupId, (leader) => this.learn(groupId, leader));
  }
}
