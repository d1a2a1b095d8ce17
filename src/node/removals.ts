/**
 * Finds the replicas here that are not wished any more, and has those destroyed that their group has removed.
 *
 * The topology's word alone destroys nothing: the group may still count on the replica. It is asked: every second or so, the
 * leader if one is known, else the group's nodes in turn, wished ones and those that the replica's own log names. Only what `Standing` promises, from a term that is not older than
 * the replica's own, is proof (the argument stands in standings.ts). A damaged replica takes part in nothing whatever it promised:
 * for it the word of any leader will do, which shows that the group lives without it.
 */
import type { Env, Timer } from '../env.js';
import type { MemberId } from '../raft/message.js';
import type { Birth } from '../slot/birth.js';
import type { DamagedReplica } from './damaged-replicas.js';
import type { Forwarder } from './forwarder.js';
import type { Leaders } from './leaders.js';
import type { NodeSlot, Replicas } from './replicas.js';

export interface RemovalsParts {
  readonly env: Env;
  readonly node: { readonly nodeId: number; members(groupId: number): readonly number[] };
  readonly replicas: Pick<Replicas, 'all' | 'destroy' | 'damaged' | 'destroyDamaged'>;
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
    const { replicas } = this.parts;
    const slots = [...replicas.all].filter((slot) => !slot.isLeader && this.isUnwished(slot.birth));
    const damaged = [...replicas.damaged.all].filter(({ birth }) => this.isUnwished(birth));
    const questions = [
      ...slots.map((slot) => () => this.askAbout(slot)),
      ...damaged.map((replica) => () => this.askAboutDamaged(replica)),
    ];
    const from = (this.round * QUESTIONS_MAX) % Math.max(QUESTIONS_MAX, questions.length);
    for (const ask of questions.slice(from, from + QUESTIONS_MAX)) ask();
  }

  private isUnwished({ groupId, memberId }: Birth): boolean {
    return this.parts.wish(groupId)?.includes(memberId) === false;
  }

  private askAbout(slot: NodeSlot): void {
    const nodeId = this.whomToAsk(slot.birth.groupId, slot.leaderNodeId);
    if (nodeId === undefined) return;
    const { forwarder, replicas } = this.parts;
    const { groupId, memberId } = slot.birth;
    forwarder.askStanding(nodeId, groupId, memberId, slot.status.term, ({ verdict, term }) => {
      if (verdict === 'removed') void replicas.destroy(slot, term);
    });
  }

  private askAboutDamaged(replica: DamagedReplica): void {
    const { groupId, memberId } = replica.birth;
    const nodeId = this.whomToAsk(groupId, 0);
    if (nodeId === undefined) return;
    const { forwarder, replicas } = this.parts;
    forwarder.askStanding(nodeId, groupId, memberId, 0, ({ verdict }) => {
      if (verdict === 'removed') void replicas.destroyDamaged(replica);
    });
  }

  private whomToAsk(groupId: number, ownLeader: number): number | undefined {
    const { node, leaders } = this.parts;
    const others = node.members(groupId).filter((nodeId) => nodeId !== node.nodeId);
    const known = leaders.of(groupId)?.nodeId ?? ownLeader;
    // Every other time somebody else: who led may be gone for good.
    const isLeadersTurn = this.round % 2 === 0 && known !== 0 && known !== node.nodeId;
    return isLeadersTurn ? known : others[Math.floor(this.round / 2) % Math.max(1, others.length)];
  }
}
