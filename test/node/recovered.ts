/** What a binlog tells of a replica that was here before the restart and never got anything. */
import { type Birth, encodeBirth } from '../../src/slot/birth.js';
import type { RecoveredReplica } from '../../src/storage/binlog.js';

export function recoveredReplica(
  replicaId: number,
  birth: Pick<Birth, 'groupId' | 'memberId' | 'voters'>,
  more: Partial<RecoveredReplica> = {},
): RecoveredReplica {
  return {
    replicaId,
    birth: encodeBirth({ tableId: 4, slot: 0, ...birth }),
    tombstone: undefined,
    snapshot: undefined,
    hardState: { term: 0, votedFor: 0, commit: 0 },
    compactedIndex: 0,
    compactedTerm: 0,
    ledTerms: [],
    terms: [],
    lastIndex: 0,
    runs: [],
    entries: [],
    damaged: undefined,
    ...more,
  };
}
