/**
 * One verdict over many objects: a history is linearizable exactly when each key's part is, so every key is
 * searched by itself (locality, Herlihy and Wing 1990).
 *
 * Small parts come first, and every part gets a small budget before any gets a large one: an illegal key is
 * then found before time goes into a hard one. The first illegal key ends it; those left over are undecided
 * and say so.
 */
import { checkLinearizable, STEPS_MAX, type TimedAction, type Verdict } from './linearizable.js';
import type { Model } from './models.js';

export type KeysVerdict =
  | { readonly kind: 'legal'; readonly keys: number; readonly undecided: readonly string[] }
  | {
      readonly kind: 'illegal';
      readonly key: string;
      readonly verdict: Verdict & { readonly kind: 'illegal' };
    };

/** A key's history must stay below this share of undecided keys, or the run says nothing. */
export const UNDECIDED_SHARE_MAX = 0.01;

const FIRST_STEPS_MAX = 100_000;

export function checkKeys<Action>(
  model: Model<Action>,
  histories: ReadonlyMap<string, readonly TimedAction<Action>[]>,
  stepsMax = STEPS_MAX,
): KeysVerdict {
  let open = [...histories].sort((a, b) => a[1].length - b[1].length || (a[0] < b[0] ? -1 : 1));
  for (const budget of [Math.min(FIRST_STEPS_MAX, stepsMax), stepsMax]) {
    const undecided: typeof open = [];
    for (const [key, history] of open) {
      const verdict = checkLinearizable(model, history, budget);
      if (verdict.kind === 'illegal') return { kind: 'illegal', key, verdict };
      if (verdict.kind === 'unknown') undecided.push([key, history]);
    }
    open = undecided;
  }
  return { kind: 'legal', keys: histories.size, undecided: open.map(([key]) => key) };
}
