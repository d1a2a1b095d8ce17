/**
 * Is this history linearizable? The search of Wing and Gong with Lowe's memo, over one object.
 *
 * Completed operations stand in a doubly linked list of call and return events, in real-time order. A call
 * that no return precedes may go next; when it is placed, both its events leave the list. A return at the head
 * says that its operation should have been placed by now: go back. Configurations once tried are not tried
 * again. Four reductions keep it fast, each sound:
 *  1. Reads of unknown fate are dropped: they oblige nobody.
 *  2. Operations that never returned are optional: the search ends when all completed ones are placed, never
 *     places one that would change nothing, and of several with the same input only the earliest called.
 *  3. A completed pure operation (see Model.isPure) that is legal is placed at once, without a branch: any
 *     order that places it later stays legal with it here. This holds for no other state-preserving operation.
 *  4. Of the placed set only what lies past the oldest unplaced operation is hashed (frontier and window).
 *
 * Invariant: `events`, `placed`, `frontier`, `highest` and `state` are a function of the stack alone.
 * A spent budget answers `unknown`, never `legal`. The caller splits a history by key (checkers/keys.ts).
 */
import { ConfigurationSet } from './configuration-set.js';
import { EventList } from './event-list.js';
import type { Model, State } from './models.js';

export interface TimedAction<Action> {
  readonly action: Action;
  /** Positions in one total order, no two equal; `end` is Infinity when the fate is unknown. */
  readonly start: number;
  readonly end: number;
}

export type Verdict =
  /** `order`: indexes into the history; operations of unknown fate may be missing. */
  | { readonly kind: 'legal'; readonly order: readonly number[] }
  /** `prefix`: the longest order that was legal; nothing that must come next can follow it. */
  | { readonly kind: 'illegal'; readonly prefix: readonly number[] }
  | { readonly kind: 'unknown'; readonly steps: number };

export const STEPS_MAX = 4_000_000;
const ILLEGAL = -1;

export function checkLinearizable<Action>(
  model: Model<Action>,
  history: readonly TimedAction<Action>[],
  stepsMax = STEPS_MAX,
): Verdict {
  return new Search(model, history, stepsMax).run();
}

class Search<Action> {
  /** Numbers of operations: completed ones first, by start, then the optional ones, by start. */
  private readonly indexes: readonly number[];
  private readonly actions: readonly Action[];
  private readonly completedCount: number;

  private readonly events: EventList;
  private readonly pure: Uint8Array;
  /** Of each optional operation: how many completed events precede its call. */
  private readonly optionalAfter: Int32Array;
  /** The optional operation called before this one with the same input, or -1. */
  private readonly optionalTwin: Int32Array;

  private readonly states: State[] = [];
  private readonly stateNumbers = new Map<State, number>();
  /** Number of a state times operations, plus operation -> number of the state afterwards, or ILLEGAL. */
  private readonly transitions = new Map<number, number>();
  private readonly seen = new ConfigurationSet();
  private readonly key: Int32Array;

  private state: number;
  private readonly placed: Int32Array;
  /** The oldest unplaced completed operation, and the youngest placed one. */
  private frontier = 0;
  private highest = -1;
  private completedPlaced = 0;

  private readonly stackOperation: Int32Array;
  private readonly stackState: Int32Array;
  private readonly stackForced: Uint8Array;
  private depth = 0;
  /** Where to look for the next candidate: an event, or past the sentinel an optional operation. */
  private cursor = 0;
  private targetState = 0;

  private steps = 0;
  private longest: number[] = [];
  private longestCompleted = -1;

  constructor(
    private readonly model: Model<Action>,
    history: readonly TimedAction<Action>[],
    private readonly stepsMax: number,
  ) {
    const byStart = history.map((_, index) => index).sort((a, b) => history[a]!.start - history[b]!.start);
    const completed = byStart.filter((index) => history[index]!.end !== Infinity);
    const optional = byStart.filter(
      (index) => history[index]!.end === Infinity && !model.isPure(history[index]!.action),
    );
    this.indexes = [...completed, ...optional];
    this.actions = this.indexes.map((index) => history[index]!.action);
    this.completedCount = completed.length;
    const total = this.indexes.length;

    this.events = new EventList(completed.map((index) => history[index]!));
    this.optionalAfter = new Int32Array(optional.length);
    this.optionalTwin = new Int32Array(optional.length).fill(-1);
    this.linkOptional(optional.map((index) => history[index]!.start));

    this.pure = Uint8Array.from(this.actions, (action) => (model.isPure(action) ? 1 : 0));
    this.placed = new Int32Array((total >>> 5) + 2);
    this.key = new Int32Array((total >>> 5) + 5 + (optional.length >>> 5));
    this.stackOperation = new Int32Array(total);
    this.stackState = new Int32Array(total);
    this.stackForced = new Uint8Array(total);
    this.state = this.stateNumber(model.initial);
  }

  run(): Verdict {
    this.placePure();
    this.remember();
    this.cursor = this.events.first();
    while (this.completedPlaced < this.completedCount) {
      if (this.steps > this.stepsMax) return { kind: 'unknown', steps: this.steps };
      const operation = this.candidate();
      if (operation >= 0) this.advance(operation);
      else if (!this.retreat()) return { kind: 'illegal', prefix: this.longest };
    }
    return { kind: 'legal', order: this.order() };
  }

  /** The next operation worth placing here, its outcome in `targetState`; -1 when all were tried. */
  private candidate(): number {
    while (this.cursor < this.events.end) {
      const operation = this.events.calledAt(this.cursor);
      if (operation < 0) break;
      this.cursor = this.events.after(this.cursor);
      // A pure one that was legal is placed already.
      if (this.pure[operation] !== 1 && this.stepTo(operation) !== ILLEGAL) return operation;
    }
    return this.optionalCandidate();
  }

  private optionalCandidate(): number {
    const barrier = this.events.firstReturn();
    const from = this.cursor > this.events.end ? this.cursor - this.events.end - 1 : 0;
    for (let optional = from; optional < this.optionalAfter.length; optional++) {
      if (this.optionalAfter[optional]! > barrier) break;
      const operation = this.completedCount + optional;
      const twin = this.optionalTwin[optional]!;
      if (this.isPlaced(operation) || (twin >= 0 && !this.isPlaced(twin))) continue;
      const target = this.stepTo(operation);
      if (target === ILLEGAL || target === this.state) continue;
      this.cursor = this.events.end + 2 + optional;
      return operation;
    }
    return -1;
  }

  private advance(operation: number): void {
    this.push(operation, 0);
    this.state = this.targetState;
    this.placePure();
    if (this.completedPlaced === this.completedCount) return;
    if (this.remember()) this.cursor = this.events.first();
    else this.retreat();
  }

  /** Places what is pure and legal now; the state stays, so one walk finds all. */
  private placePure(): void {
    let event = this.events.first();
    while (event !== this.events.end) {
      const operation = this.events.calledAt(event);
      if (operation < 0) return;
      if (this.pure[operation] === 1 && this.stepTo(operation) !== ILLEGAL) this.push(operation, 1);
      event = this.events.after(event);
    }
  }

  /** Takes back the last choice, with what it forced; false when there is none left. */
  private retreat(): boolean {
    if (this.completedPlaced > this.longestCompleted) {
      this.longestCompleted = this.completedPlaced;
      this.longest = this.order();
    }
    while (this.depth > 0) {
      const operation = this.pop();
      if (this.stackForced[this.depth] === 1) continue;
      const optional = operation - this.completedCount;
      this.cursor = optional < 0 ? this.events.afterCallOf(operation) : this.events.end + 2 + optional;
      return true;
    }
    return false;
  }

  private push(operation: number, forced: 0 | 1): void {
    this.stackOperation[this.depth] = operation;
    this.stackState[this.depth] = this.state;
    this.stackForced[this.depth] = forced;
    this.depth++;
    this.placed[operation >>> 5]! |= 1 << (operation & 31);
    if (operation >= this.completedCount) return;
    this.events.remove(operation);
    this.completedPlaced++;
    if (operation > this.highest) this.highest = operation;
    while (this.frontier < this.completedCount && this.isPlaced(this.frontier)) this.frontier++;
  }

  private pop(): number {
    this.depth--;
    const operation = this.stackOperation[this.depth]!;
    this.state = this.stackState[this.depth]!;
    this.placed[operation >>> 5]! &= ~(1 << (operation & 31));
    if (operation >= this.completedCount) return operation;
    this.events.restore(operation);
    this.completedPlaced--;
    if (operation < this.frontier) this.frontier = operation;
    while (this.highest >= 0 && !this.isPlaced(this.highest)) this.highest--;
    return operation;
  }

  /** False when this configuration was here before. */
  private remember(): boolean {
    const key = this.key;
    let length = 0;
    key[length++] = this.state;
    key[length++] = this.frontier;
    const total = this.actions.length;
    for (let from = this.completedCount; from < total; from += 32) key[length++] = this.bitsFrom(from, total);
    for (let from = this.frontier; from <= this.highest; from += 32) {
      key[length++] = this.bitsFrom(from, this.completedCount);
    }
    return this.seen.add(key, length);
  }

  /** 32 bits of `placed`, those at `end` and beyond cleared. */
  private bitsFrom(from: number, end: number): number {
    const shift = from & 31;
    const word = from >>> 5;
    let bits = this.placed[word]! >>> shift;
    if (shift !== 0) bits |= this.placed[word + 1]! << (32 - shift);
    return end - from < 32 ? bits & ((1 << (end - from)) - 1) : bits | 0;
  }

  private isPlaced(operation: number): boolean {
    return (this.placed[operation >>> 5]! & (1 << (operation & 31))) !== 0;
  }

  /** The number of the state after `operation`, remembered; also left in `targetState`. */
  private stepTo(operation: number): number {
    this.steps++;
    const edge = this.state * this.actions.length + operation;
    let target = this.transitions.get(edge);
    if (target === undefined) {
      const after = this.model.step(this.states[this.state]!, this.actions[operation]!);
      target = after === undefined ? ILLEGAL : this.stateNumber(after);
      this.transitions.set(edge, target);
    }
    this.targetState = target;
    return target;
  }

  private stateNumber(state: State): number {
    let number = this.stateNumbers.get(state);
    if (number === undefined) {
      number = this.states.push(state) - 1;
      this.stateNumbers.set(state, number);
    }
    return number;
  }

  private order(): number[] {
    return Array.from(this.stackOperation.subarray(0, this.depth), (operation) => this.indexes[operation]!);
  }

  private linkOptional(starts: readonly number[]): void {
    const latestOfInput = new Map<string, number>();
    starts.forEach((start, optional) => {
      const operation = this.completedCount + optional;
      this.optionalAfter[optional] = this.events.countBefore(start);
      const input = this.model.inputOf(this.actions[operation]!);
      this.optionalTwin[optional] = latestOfInput.get(input) ?? -1;
      latestOfInput.set(input, operation);
    });
  }
}
