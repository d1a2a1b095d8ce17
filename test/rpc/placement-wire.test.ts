/** Topologies and reports through the real encoding of the placement service: what goes in comes out, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeReport,
  decodeTopology,
  encodeReport,
  encodeTopology,
  placementService,
  type SessionRequest,
  type SessionResponse,
} from '../../src/rpc/placement-wire.js';
import type { ReportNews } from '../../src/rpc/report-news.js';
import type { Topology } from '../../src/rpc/topology.js';

const PLAIN = { noNullPrototype: true } as const;
const id = fc.integer({ min: 1, max: 2 ** 32 });
const member = fc.record({ nodeId: id, incarnation: fc.nat(2 ** 21 - 1) }, PLAIN);
const members = fc.array(member, { minLength: 1, maxLength: 5 });
const group = fc.oneof(
  fc.record({ groupId: id, birthNodeIds: fc.array(id, { maxLength: 3 }) }, PLAIN),
  fc.record({ groupId: id, birthNodeIds: fc.array(id), members, nextIncarnation: id }, PLAIN),
);
const NODE = {
  name: 'n',
  host: 'h',
  peerPort: 1,
  respPort: 2,
  clusterPort: 3,
  httpPort: 4,
  zone: 'z',
};
const topology: fc.Arbitrary<Topology> = fc.array(group, { maxLength: 4 }).map((groups) => ({
  clusterId: 'c',
  epoch: 7,
  nodes: groups.map((_, at) => ({ ...NODE, nodeId: at + 1, ...(at % 2 === 0 ? {} : { machine: `m${at}` }) })),
  tables: [{ tableId: 1, name: 't', slots: groups.length, replicas: 3, mode: 'quorum', groups }],
}));
const replica = {
  groupId: id,
  leaderNodeId: id,
  term: id,
  lastIndex: id,
  commitIndex: id,
  appliedIndex: id,
  keys: id,
};
const configuration = fc.record({ voters: members, learners: fc.array(member), joint: fc.boolean() }, PLAIN);
const report: fc.Arbitrary<ReportNews> = fc
  .array(
    fc.oneof(
      fc.record({ ...replica, role: fc.constant('leader' as const), configuration }, PLAIN),
      fc.record({ ...replica, role: fc.constantFrom('follower', 'candidate', 'learner') }, PLAIN),
    ) as fc.Arbitrary<ReportNews['replicas'][number]>,
    { maxLength: 4 },
  )
  .map((replicas) => ({ nodeId: 2, epoch: 3, pid: 4, replicas, goneGroupIds: [5, 6] }));

const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } =
  placementService().Session!;

test('a topology comes out as it went in, with members wished anew or without', () => {
  fc.assert(
    fc.property(topology, (one) => {
      const bytes = responseSerialize({ topology: encodeTopology(one) });
      const wire = responseDeserialize(bytes) as SessionResponse;
      assert.deepEqual(decodeTopology(wire.topology!), one);
    }),
  );
});

test('a report comes out as it went in; leaders tell their configuration', () => {
  fc.assert(
    fc.property(report, (one) => {
      const bytes = requestSerialize({ report: encodeReport(one) });
      const wire = requestDeserialize(bytes) as SessionRequest;
      assert.deepEqual(decodeReport(wire.report!), one);
    }),
  );
});
