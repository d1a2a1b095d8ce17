/** etcd raft's 58 cases of configuration changes, and what the entry that carries a change must keep. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changeMembership,
  configurationAfter,
  decodeMembershipStep,
  emptyConfiguration,
  encodeMembershipStep,
  type MembershipStep,
  planMembership,
} from '../../src/raft/membership.js';
import { argument, type Case, caseFiles, missingReason } from './datadriven.js';
import { operationsOf, plain, show } from './network.js';

function stepOf(testCase: Case): MembershipStep {
  const operations = operationsOf(testCase.input.join(' '));
  if (testCase.command === 'leave-joint') return { kind: 'leaveJoint' };
  if (testCase.command === 'simple') return { kind: 'simple', operations };
  return { kind: 'enterJoint', operations, autoLeave: argument(testCase, 'autoleave')?.[0] === 'true' };
}

const files = caseFiles('confchange');

test('every configuration case of etcd raft ends alike', {
  skip: files === undefined && missingReason,
}, () => {
  let count = 0;
  for (const { cases } of files!) {
    let configuration = emptyConfiguration;
    for (const testCase of cases) {
      const result = changeMembership(configuration, stepOf(testCase));
      const expected = testCase.output[0]!.startsWith('voters=') ? testCase.output[0]! : 'refused';
      assert.equal(
        result.kind === 'changed' ? show(result.configuration) : 'refused',
        expected,
        testCase.where,
      );
      if (result.kind === 'changed') configuration = result.configuration;
      count++;
    }
  }
  assert.equal(count, 58);
});

test('an entry carries its step through the log unharmed', () => {
  const operations = operationsOf('v8589934593 l2 r3');
  const steps: MembershipStep[] = [
    { kind: 'simple', operations },
    { kind: 'enterJoint', operations, autoLeave: true },
    { kind: 'enterJoint', operations, autoLeave: false },
    { kind: 'leaveJoint' },
  ];
  for (const step of steps) assert.deepEqual(decodeMembershipStep(encodeMembershipStep(step)), step);
  assert.throws(() => decodeMembershipStep(Buffer.from([9, 0])), /unknown version/);
});

test('a wish for more than one voter becomes a joint change that leaves by itself', () => {
  const plan = planMembership(plain([1, 2, 3]), {
    add: [4],
    addLearners: [],
    remove: [1],
    transition: 'auto',
  });
  assert(plan.kind === 'planned');
  const joint = configurationAfter(plain([1, 2, 3]), encodeMembershipStep(plan.step));
  assert.equal(show(joint), 'voters=(2 3 4)&&(1 2 3) autoleave');
  const leave = planMembership(joint, { add: [], addLearners: [], remove: [], transition: 'auto' });
  assert(leave.kind === 'planned');
  assert.equal(show(configurationAfter(joint, encodeMembershipStep(leave.step))), 'voters=(2 3 4)');
});

test('a change that would leave no voter, or change nothing joint, is refused', () => {
  const nothing = { add: [], addLearners: [], remove: [], transition: 'auto' } as const;
  assert.equal(planMembership(plain([1]), { ...nothing, remove: [1] }).kind, 'refused');
  assert.equal(planMembership(plain([1, 2]), { ...nothing, remove: [1, 2] }).kind, 'refused');
  assert.equal(planMembership(plain([1]), nothing).kind, 'refused');
});
