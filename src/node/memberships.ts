/**
 * Works towards the wished members of the groups that this node leads: looks a few times a second, takes one step a group.
 *
 * Nothing is remembered that a crash could lose: membership-plan.ts decides from what is there. What the core refuses now is
 * tried again by the next look.
 */
import type { Env, Timer } from '../env.js';
import type { MemberId } from '../raft/message.js';
import { nodeOf } from '../slot/birth.js';
import { type MembershipStep, planMembers } from './membership-plan.js';
import type { NodeSlot, Replicas } from './replicas.js';

export interface MembershipsParts {
  readonly env: Env;
  readonly replicas: Pick<Replicas, 'all'>;
  /** Undefined: no other members than those of the group's birth were ever wished, or the group is not known. */
  readonly wish: (groupId: number) => readonly MemberId[] | undefined;
  /** How long ago a peer must have answered to count as alive. */
  readonly aliveMs: number;
  /** A led group's members have become those that are wished. */
  readonly settled: () => void;
}

const LOOK_MS = 200;
/** Attempts of one leadership to hand over before an unwished leader removes itself instead. */
const HAND_OVERS_MAX = 3;

/** What the last look found of a group whose members were not those that are wished. */
interface Work {
  readonly term: number;
  readonly handOvers: number;
  /** Why it waits, so that it is said once. */
  readonly why: string;
}

const NEW_WORK: Work = { term: 0, handOvers: 0, why: '' };

export class Memberships {
  /** By group; led ones only. */
  private work = new Map<number, Work>();
  private timer: Timer | undefined;

  constructor(private readonly parts: MembershipsParts) {}

  start(): void {
    this.timer = this.parts.env.after(LOOK_MS, () => {
      this.start();
      this.look();
    });
  }

  close(): void {
    this.timer?.cancel();
  }

  private look(): void {
    const before = this.work;
    this.work = new Map();
    for (const slot of this.parts.replicas.all) {
      const wish = slot.isLeader ? this.parts.wish(slot.birth.groupId) : undefined;
      if (wish !== undefined) this.lookAt(slot, wish, before.get(slot.birth.groupId));
    }
  }

  private lookAt(slot: NodeSlot, wish: readonly MemberId[], before: Work | undefined): void {
    const { groupId } = slot.birth;
    const { term, configuration, lastIndex, transferringTo } = slot.status;
    const work = before?.term === term ? before : { ...NEW_WORK, term };
    const step = planMembers({
      self: slot.birth.memberId,
      configuration,
      wish,
      lastIndex,
      transferring: transferringTo !== 0,
      mayHandOver: work.handOvers < HAND_OVERS_MAX,
      peers: slot.raft.peers,
      nowMs: this.parts.env.monotonicMs(),
      aliveMs: this.parts.aliveMs,
    });
    if (step.kind !== 'done') {
      // Asleep, nobody answers the leader, and so nobody counts as alive.
      slot.rouse();
      this.work.set(groupId, this.take(step, slot, work));
    } else if (before !== undefined) {
      this.finished(slot);
    }
  }

  /** Takes the step; answers what to remember of it. */
  private take(step: Exclude<MembershipStep, { kind: 'done' }>, slot: NodeSlot, work: Work): Work {
    switch (step.kind) {
      case 'wait':
        if (step.why !== work.why) this.say(slot, step);
        return { ...work, why: step.why };
      case 'handOver':
        slot.transferTo(nodeOf(step.to));
        return { ...work, handOvers: work.handOvers + 1 };
      case 'change':
        slot.proposeConfiguration(step.change);
        return work;
    }
  }

  private say(slot: NodeSlot, step: MembershipStep & { kind: 'wait' }): void {
    const { groupId, tableId, slot: slotNumber } = slot.birth;
    const { log } = this.parts.env;
    const fields = { groupId, tableId, slot: slotNumber, why: step.why };
    if (step.isUnsafe) log.warn('a change of members waits, as it could cost the majority', fields);
    else log.debug('a change of members waits', fields);
  }

  private finished(slot: NodeSlot): void {
    const { groupId, tableId, slot: slotNumber } = slot.birth;
    this.parts.env.log.info('members are as wished', { groupId, tableId, slot: slotNumber });
    this.parts.settled();
  }
}
