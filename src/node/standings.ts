/**
 * Whether a member is removed from its group for good, as far as a replica here can prove it.
 *
 * `removed` is said by a leader that has applied an entry of its own term, of a member that the configuration it has applied is
 * without: plain, and followed in the log by another configuration entry, committed too. (When there is none, the leader adds one
 * that changes nothing, and says `removed` the next time.) It is proof for a member whose own term is not higher than the leader's, and
 * that its node's newest topology does not wish. For then
 *   - the configuration that names the member is older. A member of the birth set is in the first one. Any other was called by a
 *     leader that had applied the configuration with it; had it acknowledged anything to that leader, or to a later one, its own
 *     term would be at least that leader's. So the leader that answers leads in that term or a later one, and has applied all that
 *     was committed before it: the configuration that names the member, and one that doesn't.
 *   - nobody waits for its vote. What a member knows to be committed is not on its disk; after a restart of all of them those who
 *     remain would ask the removed for votes, because they forgot that the removal was committed. But a log with a later
 *     configuration entry proves it (raft/membership.ts), and a majority of those who remain has such a log.
 *   - nobody counts on it later. A leader that hasn't heard of the newest wish may name it once more; but the member counts for
 *     something there only after it has acknowledged entries of that leader's later term, and then the answer is too old.
 *   - it isn't needed again: an incarnation that a topology once ceased to wish is wished by no later one.
 * A member that has acknowledged nothing may be destroyed on a stale answer. Nothing is lost with it.
 *
 * A removed member may have gone on to a later term that its group never heard of. It would wait for ever for proof of that
 * term: so the leader hears of it here, as from any member, and leads the next time in a later one.
 */
import type { Env } from '../env.js';
import type { MemberId } from '../raft/message.js';
import type { Standing } from './forwarder.js';
import { everyMember } from './members.js';
import type { NodeSlot } from './replicas.js';

/** An entry of this leader that changed nothing: once it is applied, what was applied before it is proven. */
interface Confirmation {
  readonly term: number;
  readonly index: number;
}

const CONFIRM = { add: [], addLearners: [], remove: [], transition: 'confirm' } as const;

export class Standings {
  private readonly confirmations = new WeakMap<NodeSlot, Confirmation>();

  constructor(private readonly env: Env) {}

  of(slot: NodeSlot, memberId: MemberId, memberTerm: number): Standing {
    if (!slot.isLeader) return { verdict: 'unknown', term: 0 };
    const { term, configuration } = slot.status;
    if (everyMember(configuration).includes(memberId)) return { verdict: 'member', term };
    const isPlain = slot.appliedTo.term === term && configuration.votersOutgoing.length === 0;
    if (isPlain && this.isConfirmed(slot)) {
      if (memberTerm > term) this.heardOfTerm(slot, memberId, memberTerm);
      return { verdict: 'removed', term };
    }
    if (isPlain) this.confirm(slot);
    return { verdict: 'unknown', term };
  }

  /** This leader's term is over, and it asks to lead again. */
  private heardOfTerm(slot: NodeSlot, from: MemberId, term: number): void {
    slot.receive({ kind: 'voteReply', granted: false, from, to: slot.birth.memberId, term });
    slot.raft.campaign(this.env.monotonicMs());
  }

  /** Nothing was changed since. */
  private isConfirmed(slot: NodeSlot): boolean {
    const { term, configurationIndex } = slot.status;
    const confirmation = this.confirmations.get(slot);
    return confirmation?.term === term && confirmation.index === configurationIndex;
  }

  /** The core takes it only when no other change is unapplied: what is applied now is what it confirms. */
  private confirm(slot: NodeSlot): void {
    const result = slot.proposeConfiguration(CONFIRM);
    if (result.kind === 'accepted') this.confirmations.set(slot, { term: result.term, index: result.index });
  }
}
