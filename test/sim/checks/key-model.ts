/**
 * One key, or a counter within one, as a sequential object, for the linearizability search of jepsen-style/checkers.
 *
 * A result that is `undefined` is unknown: then the action does what it does. `vanish` is the server's own act: the one value with an
 * expiry may go once, by itself, at any time after its action begins; it is never completed, so it is never owed.
 */
import type { Model, State } from '../../../jepsen-style/checkers/models.js';

export type Action =
  | { readonly kind: 'get'; readonly found: State | undefined }
  | { readonly kind: 'set'; readonly value: string }
  | { readonly kind: 'setnx'; readonly value: string; readonly done: boolean | undefined }
  | { readonly kind: 'append'; readonly value: string; readonly length: number | undefined }
  /** Items end with a semicolon. */
  | { readonly kind: 'push'; readonly value: string; readonly count: number | undefined }
  | { readonly kind: 'increment'; readonly result: number | undefined }
  | { readonly kind: 'delete'; readonly removed: boolean | undefined }
  | { readonly kind: 'vanish'; readonly value: string };

export const keyModel: Model<Action> = {
  initial: null,
  step(state, action) {
    switch (action.kind) {
      case 'get':
        return action.found === undefined || action.found === state ? state : undefined;
      case 'set':
        return action.value;
      case 'setnx':
        if (action.done !== undefined && action.done !== (state === null)) return undefined;
        return state ?? action.value;
      case 'append':
        return appended(state, action);
      case 'push':
        return pushed(state, action);
      case 'increment':
        return incremented(state, action.result);
      case 'delete':
        return action.removed === undefined || action.removed === (state !== null) ? null : undefined;
      case 'vanish':
        return state === action.value ? null : undefined;
    }
  },
  isPure: (action) =>
    action.kind === 'get' ||
    (action.kind === 'setnx' && action.done === false) ||
    (action.kind === 'delete' && action.removed === false),
  inputOf: (action) => `${action.kind} ${'value' in action ? action.value : ''}`,
  mayDrop: (action) => keyModel.isPure(action),
  weaken: () => undefined,
  describe: (action) => JSON.stringify(action),
};

function appended(state: State, action: Action & { kind: 'append' }): State | undefined {
  const after = (state ?? '') + action.value;
  return action.length === undefined || action.length === after.length ? after : undefined;
}

function pushed(state: State, action: Action & { kind: 'push' }): State | undefined {
  const after = (state ?? '') + action.value;
  return action.count === undefined || action.count === after.split(';').length - 1 ? after : undefined;
}

function incremented(state: State, result: number | undefined): State | undefined {
  const after = Number(state ?? 0) + 1;
  return result === undefined || result === after ? String(after) : undefined;
}
