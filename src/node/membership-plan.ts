/**
 * From the members that a group has to those that are wished: the leader's next step. Pure.
 *
 *   1. An unwished leader hands over to a wished voter that has all, if there is one: the log then goes on without a gap.
 *   2. Wished members that are missing become learners; learners that are not wished go.
 *   3. When every learner has caught up, one change makes voters of them and removes the unwished: joint if more than one voter
 *      changes, and the core leaves the joint configuration by itself.
 *
 * Invariants: one change at a time; none is proposed unless a majority of the voters that it ends with lives and has caught up,
 * so that the change itself can't be what stops the group. Every step follows from what is there and what is wished, so a new
 * leader goes on where another one stopped.
 *
 * A node holds one replica of a group. Where a wished member's node still votes as an earlier incarnation, that one goes first,
 * one node at a time, then the newcomer is called: the group is one living voter short meanwhile, never more.
 */
import type { Configuration, MemberId } from '../raft/message.js';
import type { PeerProgress } from '../raft/progress.js';
import type { ConfigurationChange } from '../raft/ready.js';
import { incarnationOf, nodeOf } from '../slot/birth.js';

export interface GroupProgress {
  /** The leader. */
  readonly self: MemberId;
  readonly configuration: Configuration;
  readonly wish: readonly MemberId[];
  readonly lastIndex: number;
  /** Leadership is being handed over. */
  readonly transferring: boolean;
  /** False when handing over was tried in vain: then an unwished leader removes itself, and the core hands over after that. */
  readonly mayHandOver: boolean;
  readonly peers: readonly PeerProgress[];
  readonly nowMs: number;
  /** A peer whose newest answered heartbeat is older does not count as alive. */
  readonly aliveMs: number;
}

export type MembershipStep =
  | { readonly kind: 'done' }
  /** `isUnsafe`: going on now could cost the group its majority. */
  | { readonly kind: 'wait'; readonly why: string; readonly isUnsafe: boolean }
  | { readonly kind: 'handOver'; readonly to: MemberId }
  | { readonly kind: 'change'; readonly change: ConfigurationChange };

/** A member that is so few entries behind has caught up: what is missing is on its way. */
export const LAG_ENTRIES_MAX = 1000;

export function planMembers(group: GroupProgress): MembershipStep {
  const { configuration, wish } = group;
  if (group.transferring) return waiting('leadership is being handed over');
  if (configuration.votersOutgoing.length > 0) return waiting('a joint configuration is not left yet');
  if (isAsWished(configuration, wish)) return { kind: 'done' };
  const successor = group.mayHandOver ? successorOf(group) : undefined;
  if (successor !== undefined) return { kind: 'handOver', to: successor };
  return learnersFirst(group) ?? changeVoters(group);
}

/** These voters and nobody else. */
export function isAsWished(configuration: Configuration, wish: readonly MemberId[]): boolean {
  const { voters, votersOutgoing, learners } = configuration;
  if (votersOutgoing.length > 0 || learners.length > 0 || voters.length !== wish.length) return false;
  return wish.every((member) => voters.includes(member));
}

/** For an unwished leader: the wished voter that has most of the log. */
function successorOf({ self, configuration, wish, ...group }: GroupProgress): MemberId | undefined {
  if (wish.includes(self)) return undefined;
  const ready = group.peers.filter(
    (peer) => wish.includes(peer.id) && configuration.voters.includes(peer.id) && hasCaughtUp(peer, group),
  );
  return ready.sort((a, b) => b.match - a.match || a.id - b.id)[0]?.id;
}

/** Who comes is called, who only followed and is not wished any more goes. Nobody's vote is concerned. */
function learnersFirst({ configuration, wish }: GroupProgress): MembershipStep | undefined {
  const { voters, learners } = configuration;
  const remove = learners.filter((member) => !wish.includes(member));
  const taken = new Set(voters.map(nodeOf));
  const addLearners = wish.filter((member) => !learners.includes(member) && !taken.has(nodeOf(member)));
  if (addLearners.length === 0 && remove.length === 0) return undefined;
  return change({ addLearners, remove });
}

function changeVoters(group: GroupProgress): MembershipStep {
  const { configuration, peers, self } = group;
  const { voters, learners: add } = configuration;
  const hasAll = new Set(peers.filter((peer) => hasCaughtUp(peer, group)).map(({ id }) => id)).add(self);
  const behind = add.filter((member) => !hasAll.has(member));
  if (behind.length > 0) return waiting(`members ${behind.map(shown)} have not caught up yet`);
  const remove = leaving(group, hasAll);
  const after = [...voters.filter((member) => !remove.includes(member)), ...add];
  if (after.length === 0) return waiting('the only voter is to be another member of the same node', true);
  const ready = after.filter((member) => hasAll.has(member));
  if (ready.length * 2 > after.length) return change({ add, remove });
  const missing = after.filter((member) => !hasAll.has(member)).map(shown);
  return waiting(`of the voters to be, ${missing} are away or far behind`, true);
}

/** The unwished voters. While nodes must get rid of an earlier incarnation: one of those, and who is of no use anyway. */
function leaving(
  { configuration: { voters }, wish, self }: GroupProgress,
  hasAll: ReadonlySet<MemberId>,
): readonly MemberId[] {
  const unwished = voters.filter((member) => !wish.includes(member));
  const awaited = new Set(wish.filter((member) => !voters.includes(member)).map(nodeOf));
  const inTheWay = unwished.filter((member) => awaited.has(nodeOf(member)));
  if (inTheWay.length === 0) return unwished;
  const first = inTheWay.find((member) => member !== self) ?? self;
  return unwished.filter((member) => member === first || !hasAll.has(member));
}

function hasCaughtUp(
  { state, match, ackedSentAtMs }: PeerProgress,
  { lastIndex, nowMs, aliveMs }: Pick<GroupProgress, 'lastIndex' | 'nowMs' | 'aliveMs'>,
): boolean {
  const isAlive = ackedSentAtMs + aliveMs > nowMs;
  return isAlive && state === 'replicate' && match + LAG_ENTRIES_MAX >= lastIndex;
}

function change(some: Partial<ConfigurationChange>): MembershipStep {
  return { kind: 'change', change: { add: [], addLearners: [], remove: [], transition: 'auto', ...some } };
}

function waiting(why: string, isUnsafe = false): MembershipStep {
  return { kind: 'wait', why, isUnsafe };
}

/** For people: the node, and its incarnation behind a dot. */
function shown(member: MemberId): string {
  return `${nodeOf(member)}.${incarnationOf(member)}`;
}
