/**
 * The judge is judged: agreement with an oracle that tries everything, legal histories that must pass, and the
 * faults that a store may have, each of which must be caught.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minimise } from '../../jepsen-style/checkers/explain.js';
import { checkKeys } from '../../jepsen-style/checkers/keys.js';
import { checkLinearizable, type TimedAction } from '../../jepsen-style/checkers/linearizable.js';
import { type RegisterAction, registerModel, type State } from '../../jepsen-style/checkers/models.js';
import { type Random, seededRandom } from '../../src/random.js';
import { isLinearizableByTrial, legalHistory, randomHistory } from './oracle.js';

type Timed = TimedAction<RegisterAction>;

const at = (start: number, end: number, action: RegisterAction): Timed => ({ start, end, action });
const write = (value: string): RegisterAction => ({ kind: 'write', value });
const read = (found: State): RegisterAction => ({ kind: 'read', found });
const verdictOf = (history: readonly Timed[]) => checkLinearizable(registerModel, history).kind;

test('the search agrees with trying every order, on 10,000 small histories', () => {
  const random = seededRandom(1);
  const found = { legal: 0, illegal: 0 };
  for (let round = 0; round < 10_000; round++) {
    const history = randomHistory(random, 2 + random.below(6));
    const expected = isLinearizableByTrial(registerModel, history) ? 'legal' : 'illegal';
    assert.equal(verdictOf(history), expected, JSON.stringify(history));
    found[expected]++;
  }
  assert.ok(found.legal > 1000 && found.illegal > 1000, JSON.stringify(found));
});

test('the order of a legal verdict is a witness: legal step by step, and true to real time', () => {
  const random = seededRandom(2);
  for (let round = 0; round < 200; round++) {
    const history = legalHistory(random, 60, 5, 0.05);
    const verdict = checkLinearizable(registerModel, history);
    assert.ok(verdict.kind === 'legal');
    let state: State | undefined = registerModel.initial;
    let latestStart = -1;
    for (const index of verdict.order) {
      const { action, start, end } = history[index]!;
      state = registerModel.step(state!, action);
      assert.notEqual(state, undefined);
      assert.ok(end > latestStart, 'an operation stands after one that began when it had ended');
      latestStart = Math.max(latestStart, start);
    }
    const completed = history.flatMap(({ end }, index) => (end === Infinity ? [] : [index]));
    const placed = new Set(verdict.order);
    assert.ok(completed.every((index) => placed.has(index)));
  }
});

test('histories of the size that a run makes pass: 300 operations a key, 5 at a time, some unknown', () => {
  const random = seededRandom(3);
  const histories = new Map(
    Array.from({ length: 40 }, (_, key) => [`k${key}`, legalHistory(random, 300, 5, 0.03)]),
  );
  const verdict = checkKeys(registerModel, histories);
  assert.ok(verdict.kind === 'legal');
  assert.deepEqual(verdict.undecided, []);
});

test('a long history of one key stays cheap', () => {
  assert.equal(verdictOf(legalHistory(seededRandom(4), 5000, 4, 0)), 'legal');
});

test('damaged histories are judged as the oracle judges them, and each kind of damage is caught', () => {
  const random = seededRandom(5);
  for (const [name, damage] of Object.entries(damages)) {
    let caught = 0;
    for (let round = 0; round < 1500; round++) {
      const damaged = damage(random, legalHistory(random, 7, 2, 0.1));
      if (!damaged) continue;
      const expected = isLinearizableByTrial(registerModel, damaged) ? 'legal' : 'illegal';
      assert.equal(verdictOf(damaged), expected, `${name}: ${JSON.stringify(damaged)}`);
      if (expected === 'illegal') caught++;
    }
    assert.ok(caught > 20, `${name} was caught ${caught} times`);
  }
});

const damages: Record<string, (random: Random, history: readonly Timed[]) => Timed[] | undefined> = {
  'stale read': (random, history) =>
    withReadOf(random, history, (reader) =>
      valuesWritten(history.filter((other) => other.end < reader.start)),
    ),
  'read from the future': (random, history) =>
    withReadOf(random, history, (reader) =>
      valuesWritten(history.filter((other) => other.start > reader.end)),
    ),
  'swapped reply'(random, history) {
    const reads = history.filter(({ action, end }) => action.kind === 'read' && end !== Infinity);
    const one = pick(random, reads);
    const other = pick(random, reads);
    if (!one || !other || one === other) return undefined;
    return history.map((operation) => {
      if (operation === one) return { ...one, action: other.action };
      return operation === other ? { ...other, action: one.action } : operation;
    });
  },
  'lost write'(random, history) {
    const lost = pick(
      random,
      history.filter(({ action }) => action.kind === 'write'),
    );
    if (lost?.action.kind !== 'write') return undefined;
    // The write is answered, and who reads last finds what was there before.
    const last = Math.max(...history.map(({ start, end }) => (end === Infinity ? start : end)));
    return [...history, at(last + 1, last + 2, lost.action), at(last + 3, last + 4, read('before it'))];
  },
  'resurrected delete'(random, history) {
    const victim = pick(random, valuesWritten(history));
    if (victim === undefined) return undefined;
    const last = Math.max(...history.map(({ start, end }) => (end === Infinity ? start : end)));
    return [
      ...history,
      at(last + 1, last + 2, { kind: 'delete', removed: undefined }),
      at(last + 3, last + 4, read(victim)),
    ];
  },
};

function withReadOf(
  random: Random,
  history: readonly Timed[],
  values: (reader: Timed) => string[],
): Timed[] | undefined {
  const reader = pick(
    random,
    history.filter(({ action, end }) => action.kind === 'read' && end !== Infinity),
  );
  const value = reader && pick(random, values(reader));
  if (!reader || value === undefined) return undefined;
  return history.map((operation) => (operation === reader ? { ...reader, action: read(value) } : operation));
}

function valuesWritten(history: readonly Timed[]): string[] {
  return history.flatMap(({ action }) => (action.kind === 'write' ? [action.value] : []));
}

function pick<Item>(random: Random, items: readonly Item[]): Item | undefined {
  return items[random.below(Math.max(1, items.length))];
}

test('a write of unknown fate may appear late, but not vanish again', () => {
  const late = [at(0, Infinity, write('a')), at(1, 2, read(null)), at(3, 4, read('a'))];
  assert.equal(verdictOf(late), 'legal');
  assert.equal(verdictOf([...late, at(5, 6, read(null))]), 'illegal');
});

test('a spent budget is never taken for a verdict', () => {
  const verdict = checkLinearizable(registerModel, legalHistory(seededRandom(6), 300, 5, 0.05), 10);
  assert.equal(verdict.kind, 'unknown');
});

test('a failure is minimised to what contradicts itself', () => {
  const history = [...legalHistory(seededRandom(7), 100, 4, 0, false)];
  const last = Math.max(...history.map(({ end }) => end));
  history.push(
    at(last + 1, last + 2, write('x')),
    at(last + 3, last + 4, write('y')),
    at(last + 5, last + 6, read('x')),
  );
  const small = minimise(registerModel, history);
  assert.equal(verdictOf(small), 'illegal');
  assert.deepEqual(new Set(small), new Set(history.slice(-3)));
});

test('renaming values and stretching time changes no verdict, dropping a read only ever weakens one', () => {
  const random = seededRandom(8);
  for (let round = 0; round < 1000; round++) {
    const history = randomHistory(random, 6);
    const verdict = verdictOf(history);
    const stretched = history.map(({ start, end, action }) => ({ start: start ** 2, end: end ** 2, action }));
    assert.equal(verdictOf(stretched), verdict);
    const fewer = history.filter((operation, index) => operation.action.kind !== 'read' || index % 2 === 0);
    if (verdict === 'legal') assert.equal(verdictOf(fewer), 'legal');
  }
});
