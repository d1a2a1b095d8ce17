/**
 * What a majority, or in a joint configuration both majorities, agree on. The same counting serves commit indexes,
 * read rounds, and the moments that leases and check-quorum stand on.
 *
 * An empty half agrees with everything; this is what makes a plain configuration a joint one with an empty half.
 */
import type { Configuration, MemberId } from './message.js';

export type VoteResult = 'won' | 'lost' | 'pending';

type Voters = Pick<Configuration, 'voters' | 'votersOutgoing'>;

/** The largest value that a majority has reached; Infinity for no voters. Sorted afresh each time: values move. */
export function majorityValue(voters: readonly MemberId[], valueFor: (id: MemberId) => number): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  if (voters.length === 1) return valueFor(voters[0]!);
  if (voters.length === 3) return middle(valueFor(voters[0]!), valueFor(voters[1]!), valueFor(voters[2]!));
  const values = voters.map(valueFor).sort((a, b) => a - b);
  return values[voters.length - (Math.floor(voters.length / 2) + 1)]!;
}

/** Asked for with every acknowledgement of every group: not worth an array. */
function middle(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

export function quorumValue(configuration: Voters, valueFor: (id: MemberId) => number): number {
  const incoming = majorityValue(configuration.voters, valueFor);
  if (configuration.votersOutgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(configuration.votersOutgoing, valueFor));
}

function majorityVote(
  voters: readonly MemberId[],
  voteOf: (id: MemberId) => boolean | undefined,
): VoteResult {
  if (voters.length === 0) return 'won';
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = voteOf(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const needed = Math.floor(voters.length / 2) + 1;
  if (granted >= needed) return 'won';
  return granted + missing >= needed ? 'pending' : 'lost';
}

export function quorumVote(configuration: Voters, voteOf: (id: MemberId) => boolean | undefined): VoteResult {
  const incoming = majorityVote(configuration.voters, voteOf);
  const outgoing = majorityVote(configuration.votersOutgoing, voteOf);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}
