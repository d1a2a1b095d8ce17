/** What a node tells of its replicas in a session, and what PM makes of it: always the whole of the newest report. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeardReplicas, ToldReplicas } from '../../src/rpc/report-news.js';
import type { NodeReport, ReplicaReport } from '../../src/rpc/topology.js';

const few = fc.nat(2);
const member = fc.record({ nodeId: few, incarnation: few });
const configuration = fc.record({
  voters: fc.array(member, { maxLength: 2 }),
  learners: fc.array(member, { maxLength: 2 }),
  joint: fc.boolean(),
});
/** From so few values that replicas often stay as they were. */
const replica: fc.Arbitrary<ReplicaReport> = fc.record(
  {
    groupId: fc.nat(5),
    role: fc.constantFrom('leader' as const, 'follower' as const),
    leaderNodeId: few,
    term: few,
    lastIndex: few,
    commitIndex: few,
    appliedIndex: few,
    keys: few,
    configuration,
  },
  {
    requiredKeys: [
      'groupId',
      'role',
      'leaderNodeId',
      'term',
      'lastIndex',
      'commitIndex',
      'appliedIndex',
      'keys',
    ],
  },
);
const replicas = fc.uniqueArray(replica, { selector: ({ groupId }) => groupId });

function reportOf(list: readonly ReplicaReport[]): NodeReport {
  return { nodeId: 1, epoch: 2, pid: 3, replicas: list };
}

function sorted(list: readonly ReplicaReport[]): readonly ReplicaReport[] {
  return [...list].sort((a, b) => a.groupId - b.groupId);
}

test('PM knows after each report all that the node has said', () => {
  fc.assert(
    fc.property(fc.array(replicas), (reports) => {
      const [told, heard] = [new ToldReplicas(), new HeardReplicas()];
      for (const list of reports) {
        const whole = heard.wholeOf(told.newsOf(reportOf(list)));
        assert.deepEqual(sorted(whole.replicas), sorted(list));
      }
    }),
  );
});

test('of replicas that are as they were nothing is said', () => {
  fc.assert(
    fc.property(replicas, (list) => {
      const told = new ToldReplicas();
      assert.equal(told.newsOf(reportOf(list)).replicas.length, list.length);
      const again = told.newsOf(reportOf(structuredClone(list)));
      assert.deepEqual([again.replicas, again.goneGroupIds], [[], []]);
    }),
  );
});
