/**
 * WAIT: how many other members have a connection's last writes on their disks, asked of the leader of each group that it wrote to.
 *
 * A leader holds the question until there are enough, for a second at most: so a connection that is gone, or another leader, is
 * noticed within that time, however long the client waits. Over several groups the least counts. A write that is lost with its
 * leader is nowhere, and will never be anywhere: then there is nothing to wait for.
 */
import type { Env } from '../env.js';
import type { AckAnswer } from '../slot/acks.js';
import type { LogPlace } from '../slot/applier.js';
import type { Forwarder, Leadership, LocalSlots } from './forwarder.js';
import type { Leaders } from './leaders.js';

export interface WaitsParts {
  readonly env: Env;
  readonly nodeId: () => number;
  readonly local: LocalSlots;
  readonly forwarder: Forwarder;
  readonly leaders: Leaders;
}

export interface WaitWish {
  readonly needed: number;
  /** Infinity: until there are enough, or the connection is gone. */
  readonly timeoutMs: number;
  isGone(): boolean;
}

const ROUND_MS = 1000;
/** Without a leader, or after a refusal. */
const RETRY_MS = 50;

/** The least over all groups; resolves when it is enough, can't become enough, or time is over. */
export function countAcks(
  parts: WaitsParts,
  writes: ReadonlyMap<number, LogPlace>,
  wish: WaitWish,
): Promise<number> {
  return new Wait(parts, writes, wish).run();
}

class Wait {
  private readonly counts = new Map<number, number>();
  private readonly deadlineMs: number;
  private readonly whenLost: (() => void)[] = [];
  private over = false;

  constructor(
    private readonly parts: WaitsParts,
    private readonly writes: ReadonlyMap<number, LogPlace>,
    private readonly wish: WaitWish,
  ) {
    // Who wants none is told what there is.
    const timeoutMs = wish.needed > 0 ? wish.timeoutMs : Math.min(wish.timeoutMs, ROUND_MS);
    this.deadlineMs = parts.env.monotonicMs() + timeoutMs;
  }

  async run(): Promise<number> {
    const all = Promise.all([...this.writes].map(([groupId, at]) => this.follow(groupId, at)));
    await Promise.race([all, new Promise<void>((resolve) => this.whenLost.push(resolve))]);
    this.over = true;
    return Math.min(...[...this.writes.keys()].map((groupId) => this.counts.get(groupId) ?? 0));
  }

  private async follow(groupId: number, at: LogPlace): Promise<void> {
    while (!this.over) {
      const leader = this.parts.leaders.of(groupId);
      const answer = leader === undefined ? REFUSED : await this.ask(leader, groupId, at);
      if (answer.kind === 'acks') {
        this.counts.set(groupId, answer.count);
        if (answer.lost) for (const resolve of this.whenLost) resolve();
        if (answer.lost || answer.count >= this.wish.needed) return;
      } else if (leader !== undefined) this.parts.leaders.doubt(groupId, leader);
      if (this.wish.isGone() || this.remainingMs() <= 0) return;
      if (answer.kind === 'refused') await this.leaderKnown(groupId);
    }
  }

  private ask(leader: Leadership, groupId: number, { index, term }: LogPlace): Promise<AckAnswer> {
    const { env, nodeId, local, forwarder } = this.parts;
    const deadlineMs = env.monotonicMs() + Math.min(ROUND_MS, this.remainingMs());
    return new Promise((answer) => {
      const question = { index, term, needed: this.wish.needed, deadlineMs, answer };
      if (leader.nodeId === nodeId()) local.askAcks(groupId, question);
      else forwarder.askAcks(leader.nodeId, groupId, question);
    });
  }

  /** Or after a while all the same. */
  private async leaderKnown(groupId: number): Promise<void> {
    const { env, leaders } = this.parts;
    await new Promise<void>((resolve) => {
      leaders.whenKnown(groupId, resolve);
      env.after(Math.min(RETRY_MS, this.remainingMs()), () => {
        leaders.stopWaiting(groupId, resolve);
        resolve();
      });
    });
  }

  private remainingMs(): number {
    return Math.max(0, this.deadlineMs - this.parts.env.monotonicMs());
  }
}

const REFUSED: AckAnswer = { kind: 'refused' };
