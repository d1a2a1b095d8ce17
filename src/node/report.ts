/**
 * What a node tells PM of one of its replicas.
 */
import type { ReplicaReport } from '../rpc/topology.js';
import { reportedConfiguration } from './members.js';
import type { NodeSlot } from './replicas.js';

export function reportOf(slot: NodeSlot): ReplicaReport {
  const { role, term, lastIndex, commitIndex, appliedIndex, configuration } = slot.status;
  const isVoter = [...configuration.voters, ...configuration.votersOutgoing].includes(slot.birth.memberId);
  return {
    groupId: slot.birth.groupId,
    role: reportedRole(role, isVoter),
    leaderNodeId: slot.leaderNodeId,
    term,
    lastIndex,
    commitIndex,
    appliedIndex,
    keys: slot.state.keys,
    ...(role === 'leader' && { configuration: reportedConfiguration(configuration) }),
  };
}

/** A leader may be no voter any more and lead until it has handed over; who else has no vote learns, or is removed. */
function reportedRole(role: NodeSlot['status']['role'], isVoter: boolean): ReplicaReport['role'] {
  if (role === 'leader') return role;
  if (!isVoter) return 'learner';
  return role === 'preCandidate' ? 'candidate' : role;
}
