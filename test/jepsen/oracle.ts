/**
 * An oracle that is slow and plainly right, and a maker of small register histories for it to judge.
 *
 * The oracle tries every order of the completed operations and of every subset of the others, with no memo and
 * no reduction: it shares nothing with the search but the model. Good for up to seven operations.
 */
import type { TimedAction } from '../../jepsen-style/checkers/linearizable.js';
import {
  type Model,
  type RegisterAction,
  registerModel,
  type State,
} from '../../jepsen-style/checkers/models.js';
import type { Random } from '../../src/random.js';

export function isLinearizableByTrial<Action>(
  model: Model<Action>,
  history: readonly TimedAction<Action>[],
  state: State = model.initial,
): boolean {
  const completed = history.filter((operation) => operation.end !== Infinity);
  if (completed.length === 0) return true;
  const firstEnd = Math.min(...completed.map((operation) => operation.end));
  return history.some((operation) => {
    if (operation.start > firstEnd) return false;
    const after = model.step(state, operation.action);
    if (after === undefined) return false;
    return isLinearizableByTrial(
      model,
      history.filter((other) => other !== operation),
      after,
    );
  });
}

interface Interval {
  readonly start: number;
  readonly end: number;
}

/** Intervals over shuffled positions; about a fifth never end. */
function randomIntervals(random: Random, count: number, unknownShare: number): Interval[] {
  const positions = shuffled(
    random,
    Array.from({ length: 2 * count }, (_, index) => index),
  );
  return Array.from({ length: count }, (_, index) => {
    const [a = 0, b = 0] = positions.slice(2 * index, 2 * index + 2);
    return { start: Math.min(a, b), end: random.float() < unknownShare ? Infinity : Math.max(a, b) };
  });
}

/** Results are drawn like inputs, so that most histories are just barely legal or illegal. */
export function randomHistory(random: Random, count: number): TimedAction<RegisterAction>[] {
  return randomIntervals(random, count, 0.2).map((interval) => {
    const isKnown = interval.end !== Infinity;
    return { ...interval, action: randomAction(random, isKnown) };
  });
}

function randomAction(random: Random, isKnown: boolean): RegisterAction {
  const value = String(random.below(3));
  switch (random.below(4)) {
    case 0:
      return { kind: 'write', value };
    case 1:
      return { kind: 'delete', removed: isKnown ? random.below(2) === 0 : undefined };
    case 2: {
      const swapped = isKnown ? random.below(2) === 0 : undefined;
      return { kind: 'cas', expected: value, value: String(random.below(3)), swapped };
    }
    default:
      return { kind: 'read', found: isKnown ? randomFound(random, value) : undefined };
  }
}

function randomFound(random: Random, value: string): State {
  return random.below(4) === 0 ? null : value;
}

/**
 * A history that is legal by construction: every operation takes effect at a moment inside its interval, or
 * never when its fate is unknown. At most `width` are under way at a time.
 */
export function legalHistory(
  random: Random,
  count: number,
  width: number,
  unknownShare: number,
  hasCas = true,
): TimedAction<RegisterAction>[] {
  const operations = Array.from({ length: count }, (_, index) => {
    const start = index + random.float();
    const moment = start + random.float() * width;
    const isKnown = random.float() >= unknownShare;
    const happens = isKnown || random.below(2) === 0;
    return {
      start,
      moment: happens ? moment : Infinity,
      end: isKnown ? moment + random.float() : Infinity,
      index,
    };
  });
  const actions = new Map<number, RegisterAction>();
  let state: State = registerModel.initial;
  for (const { index, moment, end } of [...operations].sort((a, b) => a.moment - b.moment)) {
    const action = effectOf(random, state, index, end !== Infinity, hasCas);
    actions.set(index, action);
    if (moment !== Infinity) state = registerModel.step(state, action)!;
  }
  return operations.map(({ start, end, index }) => ({ start, end, action: actions.get(index)! }));
}

function effectOf(
  random: Random,
  state: State,
  index: number,
  isKnown: boolean,
  hasCas: boolean,
): RegisterAction {
  switch (random.below(hasCas ? 6 : 5)) {
    case 0:
    case 1:
      return { kind: 'write', value: `v${index}` };
    case 5: {
      const expected = random.below(2) === 0 && state !== null ? state : 'nobody wrote this';
      return { kind: 'cas', expected, value: `v${index}`, swapped: isKnown ? expected === state : undefined };
    }
    case 2:
      return { kind: 'delete', removed: isKnown ? state !== null : undefined };
    default:
      return { kind: 'read', found: isKnown ? state : undefined };
  }
}

export function shuffled<Item>(random: Random, items: readonly Item[]): Item[] {
  const result = [...items];
  for (let index = result.length - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [result[index], result[other]] = [result[other]!, result[index]!];
  }
  return result;
}
