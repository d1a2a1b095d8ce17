/**
 * Why a history is not linearizable, for a reader: the longest order that works, the operations that must come
 * next and can't, and the same history with everything taken away that the contradiction doesn't need.
 *
 * Only changes that keep legal histories legal are tried (Model.mayDrop, Model.weaken, and cutting off the end,
 * where what was under way becomes unknown), so the small history is proof against the large one. It is minimal
 * only with regard to those changes and to the step budget.
 */
import { checkLinearizable, type TimedAction } from './linearizable.js';
import type { Model, State } from './models.js';

const STEPS_MAX = 100_000;
const PREFIX_LINES_MAX = 12;

/** An action with the words that name it in a report, e.g. its process and node. */
export interface LabelledAction<Action> extends TimedAction<Action> {
  readonly label: string;
}

export function explain<Action>(
  model: Model<Action>,
  history: readonly LabelledAction<Action>[],
  prefix: readonly number[],
): string {
  const lines: string[] = [];
  const shown = prefix.slice(-PREFIX_LINES_MAX);
  lines.push(`longest linearizable prefix: ${prefix.length} of ${history.length} operations`);
  if (shown.length < prefix.length) lines.push(`  ... ${prefix.length - shown.length} before these`);
  for (const index of shown) lines.push(`  ${describe(model, history[index]!)}`);
  const state = stateAfter(model, history, prefix);
  lines.push(
    `then the state is ${state === null ? 'nil' : JSON.stringify(state)}, and none of these can follow:`,
  );
  for (const operation of mustFollow(history, prefix)) lines.push(`  ${describe(model, operation)}`);
  const small = minimise(model, history);
  lines.push(`minimised to ${small.length} operations, still not linearizable:`);
  for (const operation of small) lines.push(`  ${describe(model, operation)}`);
  return lines.join('\n');
}

/** The smallest history that the allowed changes lead to; the given one must be illegal. */
export function minimise<Action, Timed extends TimedAction<Action>>(
  model: Model<Action>,
  history: readonly Timed[],
): readonly Timed[] {
  const inOrder = [...history].sort((a, b) => a.start - b.start);
  let kept = weakened(model, shortestIllegalStart(model, inOrder));
  let chunk = Math.ceil(kept.length / 2);
  while (chunk >= 1) {
    const smaller = withoutChunks(model, kept, chunk);
    if (chunk === 1 && smaller.length === kept.length) break;
    if (smaller.length === kept.length || chunk > smaller.length) chunk = Math.ceil(chunk / 2);
    kept = smaller;
  }
  return kept;
}

/** Cuts the end off: later operations go, and those under way at the cut have an unknown fate. */
function shortestIllegalStart<Action, Timed extends TimedAction<Action>>(
  model: Model<Action>,
  history: readonly Timed[],
): readonly Timed[] {
  const ends = history.map((operation) => operation.end).filter((end) => end !== Infinity);
  ends.sort((a, b) => a - b);
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isIllegal(model, cutAfter(history, ends[middle]!))) high = middle;
    else low = middle + 1;
  }
  const cut = cutAfter(history, ends[high] ?? Infinity);
  return isIllegal(model, cut) ? cut : history;
}

/** A recorded result may stay: if what never ended is placed at all, it is placed as the full history had it. */
function cutAfter<Timed extends TimedAction<unknown>>(history: readonly Timed[], cut: number): Timed[] {
  return history
    .filter((operation) => operation.start < cut)
    .map((operation) => (operation.end <= cut ? operation : { ...operation, end: Infinity }));
}

function weakened<Action, Timed extends TimedAction<Action>>(
  model: Model<Action>,
  history: readonly Timed[],
): readonly Timed[] {
  const weaker = (operation: Timed): Timed => {
    const action = model.weaken(operation.action);
    return action === undefined ? operation : { ...operation, action };
  };
  const all = history.map(weaker);
  if (isIllegal(model, all)) return all;
  return history.reduce<readonly Timed[]>((kept, operation, index) => {
    const one = weaker(operation);
    const changed = kept.with(index, one);
    return one !== operation && isIllegal(model, changed) ? changed : kept;
  }, history);
}

/** One walk over the history, trying to do without each run of `chunk` operations. */
function withoutChunks<Action, Timed extends TimedAction<Action>>(
  model: Model<Action>,
  history: readonly Timed[],
  chunk: number,
): readonly Timed[] {
  let kept = history;
  for (let from = 0; from < kept.length; ) {
    const rest = dropWhatMayGo(model, kept, from, from + chunk);
    if (rest.length < kept.length && isIllegal(model, rest)) kept = rest;
    else from += chunk;
  }
  return kept;
}

/** One after the other, because whether an operation may go depends on who is still there. */
function dropWhatMayGo<Action, Timed extends TimedAction<Action>>(
  model: Model<Action>,
  history: readonly Timed[],
  from: number,
  to: number,
): readonly Timed[] {
  let rest = history;
  for (const operation of history.slice(from, to)) {
    const others = rest.filter((other) => other !== operation);
    const mayDrop = model.mayDrop(
      operation.action,
      others.map((other) => other.action),
    );
    if (mayDrop) rest = others;
  }
  return rest;
}

function isIllegal<Action>(model: Model<Action>, history: readonly TimedAction<Action>[]): boolean {
  return checkLinearizable(model, history, STEPS_MAX).kind === 'illegal';
}

/** Completed, not in the prefix, and called before anything else outside the prefix returned. */
function mustFollow<Action>(
  history: readonly LabelledAction<Action>[],
  prefix: readonly number[],
): LabelledAction<Action>[] {
  const placed = new Set(prefix);
  const left = history.filter((operation, index) => !placed.has(index) && operation.end !== Infinity);
  const firstEnd = left.reduce((least, operation) => Math.min(least, operation.end), Infinity);
  return left.filter((operation) => operation.start < firstEnd);
}

function stateAfter<Action>(
  model: Model<Action>,
  history: readonly TimedAction<Action>[],
  order: readonly number[],
): State {
  return order.reduce<State>(
    (state, index) => model.step(state, history[index]!.action) ?? null,
    model.initial,
  );
}

function describe<Action>(model: Model<Action>, operation: LabelledAction<Action>): string {
  const end = operation.end === Infinity ? '?' : operation.end;
  return `[${operation.start}..${end}] ${operation.label}: ${model.describe(operation.action)}`;
}
