/** etcd raft's 127 quorum cases: what is committed, and who wins, in plain and joint configurations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quorumValue, quorumVote } from '../../src/raft/quorum.js';
import { argument, type Case, caseFiles, missingReason } from './datadriven.js';

interface Exam {
  readonly voters: number[];
  readonly votersOutgoing: number[];
  /** What stands for each voter, in the order of first mention. */
  readonly given: Map<number, string>;
}

function examOf(testCase: Case): Exam {
  const ids = (key: string): number[] =>
    (argument(testCase, key) ?? []).filter((id) => id !== 'zero').map(Number);
  const voters = ids('cfg');
  const votersOutgoing = ids('cfgj');
  const values = argument(testCase, testCase.command === 'vote' ? 'votes' : 'idx') ?? [];
  const order = [...new Set([...voters, ...votersOutgoing])];
  return {
    voters,
    votersOutgoing,
    given: new Map(order.map((id, position) => [id, values[position] ?? '_'])),
  };
}

function committed({ given, ...configuration }: Exam): string {
  const index = quorumValue(configuration, (id) => Number(given.get(id) === '_' ? 0 : given.get(id)));
  return index === Number.POSITIVE_INFINITY ? '∞' : String(index);
}

function vote({ given, ...configuration }: Exam): string {
  const votes = { y: true, n: false } as Record<string, boolean | undefined>;
  const result = quorumVote(configuration, (id) => votes[given.get(id) ?? '_']);
  return { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' }[result];
}

const files = caseFiles('quorum');

test('every quorum case of etcd raft is answered alike', {
  skip: files === undefined && missingReason,
}, () => {
  let count = 0;
  for (const testCase of files!.flatMap(({ cases }) => cases)) {
    const exam = examOf(testCase);
    const expected = testCase.output.at(-1)!.replace('<empty majority quorum>', '');
    assert.equal(testCase.command === 'vote' ? vote(exam) : committed(exam), expected, testCase.where);
    count++;
  }
  assert.equal(count, 127);
});

test('the halves of a joint configuration may change places', () => {
  const indexes = new Map([
    [1, 10],
    [2, 7],
    [3, 12],
    [4, 3],
  ]);
  const indexOf = (id: number): number => indexes.get(id)!;
  const one = quorumValue({ voters: [1, 2, 3], votersOutgoing: [3, 4] }, indexOf);
  assert.equal(one, 3);
  assert.equal(quorumValue({ voters: [3, 4], votersOutgoing: [1, 2, 3] }, indexOf), one);
});
