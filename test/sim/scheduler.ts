/**
 * The only clock of the simulated world: a queue of events in virtual time, run one after the other.
 *
 * - Order: due time, then dice, then the order of scheduling. Where order between two events is promised to somebody (a stream,
 *   deferred calls), that somebody keeps a queue of its own and its events say "the next one", because the dice know no promises.
 * - After each event the microtasks are drained (microtasks.ts), so a promise chain that waits for nothing of the world belongs to the
 *   event that began it; then the oracles look. Events run in slices: between two of them Node's loop gets its turn.
 * - An event of an owner that died never runs; one of an owner that is paused runs when the pause ends.
 * - Every event is folded into the trace: two runs of one seed are the same run exactly if their traces are equal.
 */
import type { Random } from '../../src/random.js';
import { drainMicrotasks } from './microtasks.js';
import { Trace } from './trace.js';

/** Whose event it is: one life of one process. */
export interface Owner {
  /** Told apart in the trace. */
  readonly ownerId: number;
  readonly alive: boolean;
  /** Nothing of it runs before. */
  readonly pausedUntilUs: number;
  /** Events that wait: what the owner has under way, its timers among them. */
  pendingEvents: number;
}

export interface ScheduledEvent {
  cancel(): void;
}

/** So long may Node's own loop wait, for signals, timers and promises that nobody caught. */
const SLICE_EVENTS = 256;

class QueuedEvent implements ScheduledEvent {
  cancelled = false;

  constructor(
    public atUs: number,
    readonly tie: number,
    readonly sequence: number,
    readonly kind: string,
    readonly size: number,
    readonly owner: Owner | undefined,
    readonly run: () => void,
  ) {}

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    if (this.owner !== undefined) this.owner.pendingEvents--;
  }
}

export class Scheduler {
  /** Whole microseconds since the world began. */
  nowUs = 0;
  eventsRun = 0;
  readonly trace = new Trace();
  /** Looks at the world after each event and what came of it at once; told whose event it was. */
  afterEvent: (owner: Owner | undefined) => void = () => {};
  private readonly heap: QueuedEvent[] = [];
  private sequence = 0;
  private failure: Error | undefined;
  /** Whose event runs, or ran last. */
  running: Owner | undefined;
  /** Has run, and nobody has looked at the world since. */
  private unseen: QueuedEvent | undefined;

  constructor(
    private readonly random: Random,
    /** undefined: a turn of Node's loop for each event. */
    private readonly drain: (() => void) | undefined = drainMicrotasks,
  ) {}

  get nowMs(): number {
    return this.nowUs / 1000;
  }

  /** `size` and `kind` go into the trace: what two runs of a seed must agree on. */
  after(delayUs: number, kind: string, owner: Owner | undefined, run: () => void, size = 0): ScheduledEvent {
    const atUs = this.nowUs + Math.max(0, Math.ceil(delayUs));
    const event = new QueuedEvent(atUs, this.random.u32(), this.sequence++, kind, size, owner, run);
    if (owner !== undefined) owner.pendingEvents++;
    this.push(event);
    return event;
  }

  /** Ends the run: from outside an event (a rejected promise), or from an oracle inside one. The first one counts. */
  fail(why: unknown): void {
    this.failure ??= why instanceof Error ? why : new Error(String(why));
  }

  /** Runs events until `done`, or until virtual time `limitUs`; answers whether `done` came first. */
  runUntil(limitUs: number, done: () => boolean = () => false): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          const verdict = this.runSlice(limitUs, done);
          if (verdict === undefined) setImmediate(turn);
          else resolve(verdict);
        } catch (why) {
          reject(why);
        }
      };
      setImmediate(turn);
    });
  }

  /** Lets the world turn until the promise has settled; a promise that waits for nothing of the world fails the run. */
  async settle<T>(promise: Promise<T>, limitUs: number, what: string): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    if (!(await this.runUntil(this.nowUs + limitUs, () => settled)))
      throw new Error(`${what}: not settled in time`);
    return promise;
  }

  /** undefined: there is more to run. */
  private runSlice(limitUs: number, done: () => boolean): boolean | undefined {
    for (let left = this.drain === undefined ? 1 : SLICE_EVENTS; ; ) {
      this.look();
      if (this.failure !== undefined) throw this.failure;
      if (done()) return true;
      const event = this.heap[0];
      if (event === undefined || event.atUs > limitUs) {
        this.nowUs = Math.max(this.nowUs, limitUs);
        return false;
      }
      if (left === 0) return undefined;
      this.pop();
      if (!this.runnable(event)) continue;
      this.runOne(event);
      left--;
    }
  }

  private look(): void {
    const event = this.unseen;
    if (event === undefined) return;
    this.unseen = undefined;
    try {
      this.afterEvent(event.owner);
    } catch (why) {
      this.fail(why);
    }
  }

  private runnable(event: QueuedEvent): boolean {
    const { owner } = event;
    if (event.cancelled || owner?.alive === false) return false;
    if (owner === undefined || owner.pausedUntilUs <= event.atUs) return true;
    event.atUs = owner.pausedUntilUs;
    this.push(event);
    return false;
  }

  private runOne(event: QueuedEvent): void {
    this.nowUs = Math.max(this.nowUs, event.atUs);
    this.eventsRun++;
    // Done with: a timer that is cancelled from within its own call was no longer waiting.
    event.cancel();
    this.trace.event(this.nowUs, event.kind, event.owner?.ownerId ?? 0, event.size);
    this.unseen = event;
    this.running = event.owner;
    try {
      event.run();
      this.drain?.();
    } catch (why) {
      this.fail(why);
    }
  }

  private push(event: QueuedEvent): void {
    const { heap } = this;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: QueuedEvent, b: QueuedEvent): boolean {
  if (a.atUs !== b.atUs) return a.atUs < b.atUs;
  return a.tie !== b.tie ? a.tie < b.tie : a.sequence < b.sequence;
}
