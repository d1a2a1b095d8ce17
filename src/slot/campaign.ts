/**
 * Who campaigns when, once a node is gone that led many groups: one member a group at a time, and another one first in each group.
 */
import { votersOf } from '../raft/membership.js';
import type { Configuration, MemberId } from '../raft/message.js';
import type { Birth } from './birth.js';

/** The first waits a little too: its own promise may end some milliseconds before those of whom it asks. */
const FIRST_CAMPAIGN_SHARE = 0.2;

export function campaignDelayMs(
  birth: Birth,
  configuration: Configuration,
  leader: MemberId,
  staggerMs: number,
): number {
  return (campaignRank(birth, configuration, leader) + FIRST_CAMPAIGN_SHARE) * staggerMs;
}

/** This member's turn among the voters other than `leader`. */
function campaignRank(birth: Birth, configuration: Configuration, leader: MemberId): number {
  const candidates = votersOf(configuration).filter((member) => member !== leader);
  const turn = candidates.indexOf(birth.memberId) + birth.groupId;
  return candidates.length === 0 ? 0 : turn % candidates.length;
}
