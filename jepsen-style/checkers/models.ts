/**
 * The sequential objects that histories are judged against: a register with read, write, compare-and-set and
 * delete, and a string with get, put and append.
 *
 * An action carries its recorded result; `undefined` means that nobody knows it, and then `step` answers what
 * the action does if it takes effect at all. Models are pure and hold no state of their own.
 * Left out on purpose: time (TTL) and collections, which have linear-time checkers of their own.
 */

/** What the object holds; `null` is absent. Compared with `===`. */
export type State = string | null;

export interface Model<Action> {
  readonly initial: State;
  /** The state afterwards, or undefined when the recorded result is impossible in `state`. */
  step(state: State, action: Action): State | undefined;
  /**
   * True when the action, with this result, changes nothing in *any* state where it is legal. A write of the
   * value that happens to be there is not pure: elsewhere it would change something.
   */
  isPure(action: Action): boolean;
  /** Equal texts: two such actions of unknown fate can stand in for each other. */
  inputOf(action: Action): string;
  /**
   * True when a legal history that holds the action and `others` is legal without it too. Only such actions
   * may go from a failing history, or the small one would prove nothing about the large one.
   */
  mayDrop(action: Action, others: readonly Action[]): boolean;
  /** The same action asking for less, legal wherever the given one is and with the same effect, if there is one. */
  weaken(action: Action): Action | undefined;
  describe(action: Action): string;
}

export type RegisterAction =
  | { readonly kind: 'read'; readonly found: State | undefined }
  | { readonly kind: 'write'; readonly value: string }
  | {
      readonly kind: 'cas';
      readonly expected: string;
      readonly value: string;
      readonly swapped: boolean | undefined;
    }
  | { readonly kind: 'delete'; readonly removed: boolean | undefined };

export const registerModel: Model<RegisterAction> = {
  initial: null,
  step: stepRegister,
  isPure: (action) =>
    action.kind === 'read' ||
    (action.kind === 'cas' && action.swapped === false) ||
    (action.kind === 'delete' && action.removed === false),
  inputOf(action) {
    switch (action.kind) {
      case 'read':
      case 'delete':
        return action.kind;
      case 'write':
        return `write ${JSON.stringify(action.value)}`;
      case 'cas':
        return `cas ${JSON.stringify([action.expected, action.value])}`;
    }
  },
  mayDrop: mayDropFromRegister,
  weaken: (action) =>
    action.kind === 'delete' && action.removed !== undefined ? { ...action, removed: undefined } : undefined,
  describe(action) {
    const input = registerModel.inputOf(action);
    if (action.kind === 'read') return `${input} -> ${resultText(action.found)}`;
    if (action.kind === 'cas') return `${input} -> ${resultText(action.swapped)}`;
    if (action.kind === 'delete') return `${input} -> ${resultText(action.removed)}`;
    return input;
  },
};

function stepRegister(state: State, action: RegisterAction): State | undefined {
  switch (action.kind) {
    case 'read':
      return action.found === undefined || action.found === state ? state : undefined;
    case 'write':
      return action.value;
    case 'cas': {
      const swaps = state === action.expected;
      if (action.swapped !== undefined && action.swapped !== swaps) return undefined;
      return swaps ? action.value : state;
    }
    case 'delete':
      if (action.removed !== undefined && action.removed !== (state !== null)) return undefined;
      return null;
  }
}

/**
 * A blind write or delete may go when nobody needs what it leaves behind, nor that the register held something
 * or something else: whoever was legal right after it must be legal right before it.
 */
function mayDropFromRegister(action: RegisterAction, others: readonly RegisterAction[]): boolean {
  if (registerModel.isPure(action)) return true;
  if (action.kind === 'cas' || (action.kind === 'delete' && action.removed)) return false;
  const left = action.kind === 'write' ? action.value : null;
  return others.every((other) => {
    if (other.kind === 'read') return other.found !== left;
    return other.kind === 'write' || (other.kind === 'delete' && other.removed === undefined);
  });
}

export type TextAction =
  | { readonly kind: 'get'; readonly found: string | undefined }
  | { readonly kind: 'put'; readonly value: string }
  | { readonly kind: 'append'; readonly value: string };

/** A string that starts empty. */
export const textModel: Model<TextAction> = {
  initial: '',
  step(state, action) {
    if (action.kind === 'put') return action.value;
    if (action.kind === 'append') return (state ?? '') + action.value;
    return action.found === undefined || action.found === state ? state : undefined;
  },
  isPure: (action) => action.kind === 'get',
  inputOf: (action) => (action.kind === 'get' ? 'get' : `${action.kind} ${JSON.stringify(action.value)}`),
  mayDrop: (action) => action.kind === 'get',
  weaken: () => undefined,
  describe: (action) =>
    action.kind === 'get' ? `get -> ${resultText(action.found)}` : textModel.inputOf(action),
};

function resultText(result: string | boolean | null | undefined): string {
  if (result === undefined) return '?';
  return result === null ? 'nil' : JSON.stringify(result);
}
