/**
 * Which keys die next: a heap over (expireAtMs, key) of every expiring key of a slot, loaded from the engine's expiry
 * index when the slot opens.
 *
 * Entries are not taken out when a key changes; a judge (the state's own record) decides when one comes up, and the heap is
 * rebuilt when more than half of it is stale or said twice. The order is total, so that replicas remove alike.
 */
export interface Due {
  readonly expireAtMs: number;
  readonly key: Buffer;
}

/** `unknown`: the key's record must be loaded first. */
export type DueVerdict = 'due' | 'stale' | 'unknown';

export class ExpiryHeap {
  private heap: Due[] = [];
  /** Keys that have an expiry now; the heap may hold more. */
  private live = 0;

  /** The earliest time at which a key may be due; Infinity where none expires. */
  get nextMs(): number {
    return this.heap[0]?.expireAtMs ?? Infinity;
  }

  added(due: Due): void {
    this.live++;
    this.push(due);
  }

  /** A key with an expiry lost it, died or got another one. */
  removed(): void {
    this.live--;
  }

  clear(): void {
    this.heap = [];
    this.live = 0;
  }

  /**
   * Up to `most` keys due at `nowMs`, earliest first, ties by key; stale entries met on the way are dropped. Where the
   * judge does not know a key, nothing is taken and `unknown` names what must be loaded before asking again.
   */
  takeDue(nowMs: number, most: number, judge: (due: Due) => DueVerdict): { due: Due[]; unknown: Due[] } {
    const due: Due[] = [];
    const unknown: Due[] = [];
    while (due.length + unknown.length < most && this.nextMs <= nowMs) {
      const candidate = this.pop();
      const last = due.at(-1);
      if (last !== undefined && compare(last, candidate) === 0) continue;
      const verdict = judge(candidate);
      if (verdict === 'due') due.push(candidate);
      if (verdict === 'unknown') unknown.push(candidate);
    }
    if (unknown.length === 0) return { due, unknown };
    for (const candidate of [...due, ...unknown]) this.push(candidate);
    return { due: [], unknown };
  }

  /** Drops entries known to be stale: at the head always, all of them when they are the greater part. */
  tidy(judge: (due: Due) => DueVerdict): void {
    while (this.heap.length > 0 && judge(this.heap[0]!) === 'stale') this.pop();
    if (this.heap.length < 64 || this.heap.length < 2 * this.live) return;
    // Sorted is a heap. A key that went back to an expiry it once had is in there twice: once is enough.
    const sorted = this.heap.filter((due) => judge(due) !== 'stale').sort(compare);
    this.heap = sorted.filter((due, i) => i === 0 || compare(sorted[i - 1]!, due) !== 0);
    this.live = this.heap.length;
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
