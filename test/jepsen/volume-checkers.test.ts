/** Sets and counters: each way in which a store can lie about them is named, and honest histories pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCounter } from '../../jepsen-style/checkers/counter.js';
import { checkRegisters } from '../../jepsen-style/checkers/register.js';
import { checkSet } from '../../jepsen-style/checkers/set.js';
import { checkValidity } from '../../jepsen-style/checkers/validity.js';
import { overallVerdict } from '../../jepsen-style/report.js';
import { history, type Line, strike } from './events.js';

const written = (process: number, key: string): Line[] => [
  [process, 'invoke', 'write', key, key],
  [process, 'ok', 'write', key, 'OK'],
];
const readAs = (process: number, key: string, value: string | null, node = 1): Line[] => [
  [process, 'invoke', 'read', key, null, node],
  [process, 'ok', 'read', key, value, node],
];
const set = (...lines: Line[]) => checkSet(history(...lines).operations);
const counter = (...lines: Line[]) => checkCounter(history(...lines).operations);

function assertFails(results: ReturnType<typeof checkSet>, words: RegExp): void {
  assert.equal(overallVerdict(results), 'fail');
  assert.match(results.map((result) => result.detail).join('\n'), words);
}

test('set: what was acknowledged and is found through every node passes', () => {
  assert.equal(
    overallVerdict(set(...written(0, 'a'), ...readAs(0, 'a', 'a', 1), ...readAs(0, 'a', 'a', 2))),
    'pass',
  );
});

test('set: an acknowledged key that one node does not have is lost', () => {
  assertFails(
    set(...written(0, 'a'), ...readAs(0, 'a', 'a', 1), ...readAs(0, 'a', null, 2)),
    /lost: a .*node 2/,
  );
});

test('set: a write of unknown fate may be there or not, but not vanish', () => {
  const unknown: Line[] = [
    [0, 'invoke', 'write', 'a', 'a'],
    [0, 'info', 'write', 'a', 'a'],
  ];
  assert.equal(overallVerdict(set(...unknown, ...readAs(1, 'a', null))), 'pass');
  assert.equal(overallVerdict(set(...unknown, ...readAs(1, 'a', null), ...readAs(1, 'a', 'a'))), 'pass');
  assertFails(set(...unknown, ...readAs(1, 'a', 'a'), ...readAs(1, 'a', null)), /lost: a seen/);
});

test('set: a write that was refused must not be there', () => {
  const refused: Line[] = [
    [0, 'invoke', 'write', 'a', 'a'],
    [0, 'fail', 'write', 'a', 'a'],
  ];
  assertFails(set(...refused, ...readAs(1, 'a', 'a')), /refused/);
});

test('set: values that nobody wrote are invented', () => {
  assertFails(set(...written(0, 'a'), ...readAs(0, 'a', 'b')), /invented/);
  assertFails(set(...readAs(0, 'a', 'a')), /invented/);
});

test('set: nothing is shown while an acknowledged key was not read', () => {
  assert.equal(overallVerdict(set(...written(0, 'a'))), 'invalid');
});

const incremented = (process: number, result: number): Line[] => [
  [process, 'invoke', 'increment', 'c', 1],
  [process, 'ok', 'increment', 'c', result],
];
const lostIncrement = (process: number): Line[] => [
  [process, 'invoke', 'increment', 'c', 1],
  [process, 'info', 'increment', 'c', 1],
];

test('counter: acknowledged <= final <= acknowledged + unknown', () => {
  for (const final of ['2', '3']) {
    assert.equal(
      overallVerdict(
        counter(
          ...incremented(0, 1),
          ...lostIncrement(1),
          ...incremented(0, Number(final)),
          ...readAs(2, 'c', final),
        ),
      ),
      'pass',
    );
  }
  assertFails(counter(...incremented(0, 1), ...incremented(0, 2), ...readAs(2, 'c', '1')), /1 seen, 2\.\.2/);
  assertFails(counter(...incremented(0, 1), ...lostIncrement(1), ...readAs(2, 'c', '3')), /3 seen, 1\.\.2/);
  assertFails(counter(...incremented(0, 1), ...readAs(2, 'c', null)), /0 seen/);
});

test('counter: two increments never have the same result, and time goes one way', () => {
  const together: Line[] = [
    [0, 'invoke', 'increment', 'c', 1],
    [1, 'invoke', 'increment', 'c', 1],
    [0, 'ok', 'increment', 'c', 2],
    [1, 'ok', 'increment', 'c', 2],
  ];
  assertFails(counter(...together, ...readAs(2, 'c', '2')), /two increments answered 2/);
  assertFails(
    counter(...lostIncrement(0), ...incremented(1, 2), ...incremented(1, 1), ...readAs(2, 'c', '3')),
    /answered after 2/,
  );
});

test('counter: a value that is no number is no value', () => {
  assertFails(counter(...incremented(0, 1), ...readAs(2, 'c', 'OK')), /NaN seen/);
});

test('register: a stale read is explained down to the operations that contradict each other', () => {
  const lines: Line[] = [];
  for (const value of ['v1', 'v2', 'v3']) {
    lines.push(
      [0, 'invoke', 'write', 'k', value],
      [0, 'ok', 'write', 'k', 'OK'],
      ...readAs(1, 'k', value, 2),
    );
  }
  const [result] = checkRegisters(history(...lines, ...readAs(1, 'k', 'v2', 3)).operations);
  assert.equal(result!.verdict, 'fail');
  assert.match(result!.detail!, /longest linearizable prefix: 6 of 7 operations/);
  assert.match(result!.detail!, /the state is "v3".*\n.*node 3: read -> "v2"/);
  assert.match(result!.detail!, /minimised to 3 operations/);
});

test('register: a refused write obliges nobody, and to see it is a violation', () => {
  const refused: Line[] = [
    [0, 'invoke', 'write', 'k', 'v'],
    [0, 'fail', 'write', 'k', 'v'],
  ];
  assert.equal(
    overallVerdict(checkRegisters(history(...refused, ...readAs(1, 'k', null)).operations)),
    'pass',
  );
  assert.equal(
    overallVerdict(checkRegisters(history(...refused, ...readAs(1, 'k', 'v')).operations)),
    'fail',
  );
});

test('a run with too few operations, in all or between two faults, shows nothing', () => {
  const lines = [
    ...written(0, 'a'),
    strike,
    ...written(0, 'b'),
    ...written(0, 'c'),
    strike,
    ...written(0, 'd'),
  ];
  const judged = (acknowledgedMin: number, betweenFaultsMin: number, faultsPlanned: number) =>
    checkValidity(history(...lines), { acknowledgedMin, betweenFaultsMin, faultsPlanned }).verdict;
  assert.equal(judged(4, 1, 2), 'pass');
  assert.equal(judged(5, 1, 2), 'invalid');
  assert.equal(judged(4, 2, 2), 'invalid');
  assert.equal(judged(4, 1, 3), 'invalid');
});

test('silence after the last fault is noticed', () => {
  const rules = { acknowledgedMin: 1, betweenFaultsMin: 1, faultsPlanned: 1 };
  assert.equal(checkValidity(history(...written(0, 'a'), strike), rules).verdict, 'invalid');
});
