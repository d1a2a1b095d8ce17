/**
 * Who campaigns when, after a leader's node is gone: the voters that are left take turns, so that they don't collide, and another one
 * comes first in each group, so that a dead node's leaderships are spread. Pure: every voter reckons alike.
 */
import { votersOf } from '../raft/membership.js';
import type { Configuration, MemberId } from '../raft/message.js';
import type { Birth } from './birth.js';

/** The first waits a little too: its own promise may end some milliseconds before those of whom it asks. */
const FIRST_SHARE = 0.2;

/** How many turns this member waits. */
export function campaignTurn(
  configuration: Configuration,
  { memberId, groupId }: Pick<Birth, 'memberId' | 'groupId'>,
  leader: MemberId,
): number {
  const candidates = votersOf(configuration).filter((member) => member !== leader);
  if (candidates.length === 0) return 0;
  return ((candidates.indexOf(memberId) + groupId) % candidates.length) + FIRST_SHARE;
}
