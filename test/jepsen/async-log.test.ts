/** The checker of async lists: it believes what may be, and says what may not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAsyncLog } from '../../jepsen-style/checkers/async-log.js';
import type { Operation } from '../../jepsen-style/history.js';

const KEY = 'list';

function push(word: string, outcome: Operation['outcome'], place: number | null): Operation {
  const fields = { process: 1, node: 1, f: 'push', key: KEY, error: '', start: 1, end: 2 };
  return { ...fields, input: word, outcome, output: place };
}

/** Verdicts of places, replicas and count. */
function verdicts(
  pushes: readonly Operation[],
  words: readonly string[],
  counted: number,
  elsewhere = words,
): string[] {
  const byNode = new Map([
    [1, new Map([[KEY, words]])],
    [2, new Map([[KEY, elsewhere]])],
  ]);
  return checkAsyncLog(pushes, { byNode, counted }).map(({ verdict }) => verdict);
}

const ABC = [push('a', 'ok', 1), push('b', 'ok', 2), push('c', 'ok', 3)];

test('nothing lost, or a suffix that was counted, passes', () => {
  assert.deepEqual(verdicts(ABC, ['a', 'b', 'c'], 0), ['pass', 'pass', 'pass']);
  assert.deepEqual(verdicts(ABC, ['a'], 2), ['pass', 'pass', 'pass']);
  const after = [...ABC, push('d', 'ok', 2)];
  assert.deepEqual(verdicts(after, ['a', 'd'], 2), ['pass', 'pass', 'pass']);
});

test('a word from the middle that is lost while a later one is kept fails', () => {
  assert.equal(verdicts(ABC, ['a', 'c'], 1)[0], 'fail');
});

test('a word twice, one that was refused and one that nobody pushed fail', () => {
  assert.equal(verdicts(ABC, ['a', 'a'], 0)[0], 'fail');
  assert.equal(verdicts([push('a', 'fail', null)], ['a'], 0)[0], 'fail');
  assert.equal(verdicts(ABC, ['x'], 0)[0], 'fail');
});

test('replicas that read differently fail', () => {
  assert.equal(verdicts(ABC, ['a', 'b', 'c'], 0, ['a', 'b'])[1], 'fail');
});

test('the count is what was lost, and at most what is in doubt beside it', () => {
  assert.equal(verdicts(ABC, ['a'], 1)[2], 'fail');
  assert.equal(verdicts(ABC, ['a'], 3)[2], 'fail');
  assert.equal(verdicts([...ABC, push('d', 'unknown', null)], ['a'], 3)[2], 'pass');
});

test('a word that WAIT confirmed on a majority is not lost; what it said of a push without an answer counts for nothing', () => {
  const wait = (word: string, count: number): Operation => ({ ...push(word, 'ok', count), f: 'wait' });
  const found = (pushes: readonly Operation[], ...waits: Operation[]): string[] =>
    verdicts([...pushes, ...waits], ['a'], 0).slice(3);
  assert.deepEqual(found(ABC), []);
  assert.deepEqual(found(ABC, wait('a', 1), wait('b', 0)), ['pass']);
  assert.deepEqual(found(ABC, wait('a', 1), wait('b', 1)), ['fail']);
  const doubtful = [push('a', 'ok', 1), push('b', 'unknown', null)];
  assert.deepEqual(found(doubtful, wait('a', 1), wait('b', 1)), ['pass']);
  assert.deepEqual(found(ABC, wait('b', 0)), ['invalid']);
});

test('without a list read at the end nothing was shown', () => {
  assert.deepEqual(
    checkAsyncLog(ABC, { byNode: new Map(), counted: 0 }).map(({ verdict }) => verdict),
    ['invalid'],
  );
});
