/**
 * The only clock of the simulated world: a queue of events in virtual time, run one after the other.
 *
 * - Order: due time, then dice, then the order of scheduling. Where order between two events is promised to somebody (a stream,
 *   deferred calls), that somebody keeps a queue of its own and its events say "the next one", because the dice know no promises.
 * - After each event the microtasks are drained by one real turn of the event loop; so a promise chain that waits for nothing
 *   of the world belongs to the event that began it.
 * - An event of an owner that died never runs; one of an owner that is paused runs when the pause ends.
 * - Every event is folded into the trace: two runs of one seed are the same run exactly if their traces are equal.
 */
import type { Random } from '../../src/random.js';
import { Trace } from './trace.js';

/** Whose event it is: one life of one process. */
export interface Owner {
  /** Told apart in the trace. */
  readonly ownerId: number;
  readonly alive: boolean;
  /** Nothing of it runs before. */
  readonly pausedUntilUs: number;
}

export interface ScheduledEvent {
  cancelled: boolean;
}

interface QueuedEvent extends ScheduledEvent {
  atUs: number;
  readonly tie: number;
  readonly sequence: number;
  readonly kind: string;
  readonly size: number;
  readonly owner: Owner | undefined;
  readonly run: () => void;
}

export class Scheduler {
  /** Whole microseconds since the world began. */
  nowUs = 0;
  eventsRun = 0;
  readonly trace = new Trace();
  private readonly heap: QueuedEvent[] = [];
  private sequence = 0;
  private failure: Error | undefined;

  constructor(private readonly random: Random) {}

  get nowMs(): number {
    return this.nowUs / 1000;
  }

  /** `size` and `kind` go into the trace: what two runs of a seed must agree on. */
  after(delayUs: number, kind: string, owner: Owner | undefined, run: () => void, size = 0): ScheduledEvent {
    const event: QueuedEvent = {
      atUs: this.nowUs + Math.max(0, Math.ceil(delayUs)),
      tie: this.random.u32(),
      sequence: this.sequence++,
      kind,
      size,
      owner,
      run,
      cancelled: false,
    };
    this.push(event);
    return event;
  }

  /** Ends the run: from outside an event (a rejected promise), or from an oracle inside one. The first one counts. */
  fail(why: unknown): void {
    this.failure ??= why instanceof Error ? why : new Error(String(why));
  }

  /** Runs events until `done`, or until virtual time `limitUs`; answers whether `done` came first. */
  async runUntil(limitUs: number, done: () => boolean = () => false): Promise<boolean> {
    for (;;) {
      if (this.failure !== undefined) throw this.failure;
      if (done()) return true;
      const event = this.heap[0];
      if (event === undefined || event.atUs > limitUs) {
        this.nowUs = Math.max(this.nowUs, limitUs);
        return false;
      }
      this.pop();
      if (this.runnable(event)) await this.runOne(event);
    }
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

  private runnable(event: QueuedEvent): boolean {
    const { owner } = event;
    if (event.cancelled || owner?.alive === false) return false;
    if (owner === undefined || owner.pausedUntilUs <= event.atUs) return true;
    event.atUs = owner.pausedUntilUs;
    this.push(event);
    return false;
  }

  private async runOne(event: QueuedEvent): Promise<void> {
    this.nowUs = Math.max(this.nowUs, event.atUs);
    this.eventsRun++;
    this.trace.event(this.nowUs, event.kind, event.owner?.ownerId ?? 0, event.size);
    try {
      event.run();
    } catch (why) {
      this.fail(why);
    }
    await turnOfTheLoop();
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

/** Microtasks, and promises that they resolve, are all done when the next turn begins. */
function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
