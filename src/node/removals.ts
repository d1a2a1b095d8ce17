/**
 * Finds the replicas here that are not wished any more, and has those destroyed that their group has removed.
 *
 * The topology's word alone destroys nothing: the group may still count on the replica. It is asked: every second or so, the
 * leader if one is known, else the group's nodes in turn, wished ones and those that the replica's own log names. Only what `Standing` promises, from a term that is not older than
 * the replica's own, is proof (the argument stands in standings.ts).
 */
import type { Env, Timer } from '../env.js';
import type { MemberId } from '../raft/message.js';
import type { Forwarder } from './forwarder.js';
import type { Leaders } from './leaders.js';
import type { NodeSlot, Replicas } from './replicas.js';

export interface RemovalsParts {
  readonly env: Env;
  readonly node: { readonly nodeId: number; members(groupId: number): readonly number[] };
  readonly replicas: Pick<Replicas, 'all' | 'destroy'>;
  /** As in Memberships. */
  readonly wish: (groupId: number) => readonly MemberId[] | undefined;
  readonly leaders: Pick<Leaders, 'of'>;
  readonly forwarder: Pick<Forwarder, 'askStanding'>;
}

const ASK_MS = 700;
const ASK_JITTER_MS = 600;
/** Questions of one round; the others' turn comes with the next. */
const QUESTIONS_MAX = 256;

export class Removals {
  private timer: Timer | undefined;
  private round = 0;

  constructor(private readonly parts: RemovalsParts) {}

  start(): void {
    const { env } = this.parts;
    this.timer = env.after(ASK_MS + env.random.float() * ASK_JITTER_MS, () => {
      this.start();
      this.askAll();
    });
  }

  close(): void {
    this.timer?.cancel();
  }

  private askAll(): void {
    this.round++;
    const unwished = [...this.parts.replicas.all].filter((slot) => this.isUnwished(slot));
    const from = (this.round * QUESTIONS_MAX) % Math.max(QUESTIONS_MAX, unwished.length);
    for (const slot of unwished.slice(from, from + QUESTIONS_MAX)) this.askAbout(slot);
  }

  private isUnwished(slot: NodeSlot): boolean {
    if (slot.isLeader) return false;
    return this.parts.wish(slot.birth.groupId)?.includes(slot.birth.memberId) === false;
  }

  private askAbout(slot: NodeSlot): void {
    const { node, leaders, forwarder, replicas } = this.parts;
    const { groupId, memberId } = slot.birth;
    const others = node.members(groupId).filter((nodeId) => nodeId !== node.nodeId);
    const known = leaders.of(groupId)?.nodeId ?? slot.leaderNodeId;
    // Every other time somebody else: who led may be gone for good.
    const isLeadersTurn = this.round % 2 === 0 && known !== 0 && known !== node.nodeId;
    const nodeId = isLeadersTurn ? known : others[Math.floor(this.round / 2) % Math.max(1, others.length)];
    if (nodeId === undefined) return;
    forwarder.askStanding(nodeId, groupId, memberId, slot.status.term, ({ verdict, term }) => {
      if (verdict === 'removed') void replicas.destroy(slot, term);
    });
  }
}
