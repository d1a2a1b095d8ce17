/**
 * Which keys die next: a window over (expireAtMs, key) of every expiring key of a slot, earliest first.
 *
 * The whole of it is the engine's expiry index, and the cells that are not written yet. In memory is what comes before the *horizon*:
 * a heap of a bounded number of entries, however many keys expire. What is due behind the horizon is loaded part by part (state.ts).
 *
 * Invariant: the expiry of a living key that comes before the horizon is in the heap.
 * Entries are not taken out when a key changes; a judge (the state's own record) decides when one comes up. The order is total,
 * so that replicas remove alike, whatever each has in memory.
 */
export interface Due {
  readonly expireAtMs: number;
  readonly key: Buffer;
}

/** `unknown`: the key's record must be loaded first. */
export type DueVerdict = 'due' | 'stale' | 'unknown';

export interface TakenDue {
  readonly due: readonly Due[];
  readonly unknown: readonly Due[];
  /** More may be due behind the horizon: the next part must be loaded first. */
  readonly behind: boolean;
}

/** Entries that a part brings, and that are left of more than twice as many: about 100 bytes each. */
export const EXPIRIES_KEPT = 4096;

/** Before every expiry. */
const START: Due = { expireAtMs: 0, key: Buffer.alloc(0) };

export class ExpiryWindow {
  private heap: Due[] = [];
  /** The first that is not in the heap, or a place before it; undefined: there is nothing behind. */
  private first: Due | undefined;
  /** Taken and put back: they are asked for again when more is loaded, and must be there together. */
  private putBack = 0;

  /** `known`: of a state without expiries; else all of it is behind the horizon still. */
  constructor(
    known: boolean,
    readonly kept = EXPIRIES_KEPT,
  ) {
    this.first = known ? undefined : START;
  }

  /** From where on the next part is to be loaded. */
  get horizon(): Due | undefined {
    return this.first;
  }

  /** The earliest time at which a key may be due; Infinity where none expires. */
  get nextMs(): number {
    return Math.min(this.headMs, this.first?.expireAtMs ?? Number.POSITIVE_INFINITY);
  }

  added(due: Due): void {
    if (this.first !== undefined && compare(due, this.first) >= 0) return;
    this.push(due);
    this.keepBound();
  }

  /** What there is from the horizon up to `next`; undefined: to the end. `unwritten`: any, of which those count that belong there. */
  extend(part: readonly Due[], next: Due | undefined, unwritten: Iterable<Due>): void {
    const from = this.first;
    this.first = next;
    for (const due of part) this.push(due);
    for (const due of unwritten) {
      const belongs = from !== undefined && compare(due, from) >= 0;
      if (belongs && (next === undefined || compare(due, next) < 0)) this.push(due);
    }
    this.keepBound();
  }

  clear(): void {
    this.heap = [];
    this.first = undefined;
  }

  /**
   * Up to `most` keys due at `nowMs`, earliest first, ties by key; stale entries met on the way are dropped. Where the
   * judge does not know a key, or more may be behind the horizon, nothing is taken: what is named must be loaded before asking again.
   */
  takeDue(nowMs: number, most: number, judge: (due: Due) => DueVerdict): TakenDue {
    const due: Due[] = [];
    const unknown: Due[] = [];
    while (due.length + unknown.length < most && this.headMs <= nowMs) {
      const candidate = this.pop();
      const last = due.at(-1);
      if (last !== undefined && compare(last, candidate) === 0) continue;
      const verdict = judge(candidate);
      if (verdict === 'due') due.push(candidate);
      if (verdict === 'unknown') unknown.push(candidate);
    }
    const behind = due.length + unknown.length < most && this.nextMs <= nowMs;
    this.putBack = 0;
    if (unknown.length === 0 && !behind) return { due, unknown, behind };
    for (const candidate of [...due, ...unknown]) this.push(candidate);
    this.putBack = due.length + unknown.length;
    return { due: [], unknown, behind };
  }

  /** Drops entries at the head that are known to be stale. */
  tidy(judge: (due: Due) => DueVerdict): void {
    while (this.heap.length > 0 && judge(this.heap[0]!) === 'stale') this.pop();
  }

  private get headMs(): number {
    return this.heap[0]?.expireAtMs ?? Number.POSITIVE_INFINITY;
  }

  /** Leaves the earliest. A key that went back to an expiry it once had is in there twice: once is enough. */
  private keepBound(): void {
    if (this.heap.length <= this.putBack + 2 * this.kept) return;
    // Sorted is a heap.
    const sorted = this.heap.sort(compare);
    const once = sorted.filter((due, i) => i === 0 || compare(sorted[i - 1]!, due) !== 0);
    const rest = this.putBack + this.kept;
    this.heap = once.slice(0, rest);
    if (once.length > rest) this.first = once[rest];
  }

  private push(due: Due): void {
    this.heap.push(due);
    this.up(this.heap.length - 1);
  }

  private pop(): Due {
    const top = this.heap[0]!;
    const last = this.heap.pop()!;
    if (this.heap.length > 0) {
      this.heap[0] = last;
      this.down(0);
    }
    return top;
  }

  private up(start: number): void {
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (compare(this.heap[parent]!, this.heap[at]!) <= 0) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  private down(start: number): void {
    let at = start;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.heap.length && compare(this.heap[child]!, this.heap[least]!) < 0) least = child;
      }
      if (least === at) return;
      this.swap(at, least);
      at = least;
    }
  }

  private swap(a: number, b: number): void {
    const moved = this.heap[a]!;
    this.heap[a] = this.heap[b]!;
    this.heap[b] = moved;
  }
}

function compare(a: Due, b: Due): number {
  return a.expireAtMs - b.expireAtMs || Buffer.compare(a.key, b.key);
}
