/**
 * Calls and returns of completed operations in real-time order, as a doubly linked list in flat arrays.
 *
 * Operations are numbered by their start. An operation leaves the list when it is placed and comes back when it
 * is taken back; `restore` must undo `remove` in the reverse order, as a stack does, because a removed event
 * keeps the neighbours that it had.
 */
export class EventList {
  /** The sentinel after the last event and before the first. */
  readonly end: number;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  /** The operation that an event calls, or its complement for a return and for the sentinel. */
  private readonly operations: Int32Array;
  private readonly callEvent: Int32Array;
  private readonly returnEvent: Int32Array;
  private readonly times: readonly number[];

  constructor(intervals: readonly { readonly start: number; readonly end: number }[]) {
    this.end = 2 * intervals.length;
    this.next = Int32Array.from({ length: this.end + 1 }, (_, event) => (event === this.end ? 0 : event + 1));
    this.previous = Int32Array.from({ length: this.end + 1 }, (_, event) =>
      event === 0 ? this.end : event - 1,
    );
    this.operations = new Int32Array(this.end + 1).fill(-1);
    this.callEvent = new Int32Array(intervals.length);
    this.returnEvent = new Int32Array(intervals.length);
    const events = intervals.flatMap(({ start, end }, operation) => [
      { at: start, operation },
      { at: end, operation: ~operation },
    ]);
    events.sort((a, b) => a.at - b.at);
    this.times = events.map(({ at }) => at);
    events.forEach(({ operation }, event) => {
      this.operations[event] = operation;
      if (operation >= 0) this.callEvent[operation] = event;
      else this.returnEvent[~operation] = event;
    });
  }

  /** `end` when the list is empty. */
  first(): number {
    return this.next[this.end]!;
  }

  /** Right after its removal, an event still knows what follows it. */
  after(event: number): number {
    return this.next[event]!;
  }

  afterCallOf(operation: number): number {
    return this.next[this.callEvent[operation]!]!;
  }

  /** The operation called at `event`; negative for a return and for `end`. */
  calledAt(event: number): number {
    return this.operations[event]!;
  }

  firstReturn(): number {
    let event = this.first();
    while (this.operations[event]! >= 0) event = this.next[event]!;
    return event;
  }

  /** How many events, removed or not, are earlier than `time`. */
  countBefore(time: number): number {
    const later = this.times.findIndex((at) => at > time);
    return later < 0 ? this.end : later;
  }

  remove(operation: number): void {
    // The return first: then the call's own `next` still points into the list.
    this.unlink(this.returnEvent[operation]!);
    this.unlink(this.callEvent[operation]!);
  }

  restore(operation: number): void {
    this.relink(this.callEvent[operation]!);
    this.relink(this.returnEvent[operation]!);
  }

  private unlink(event: number): void {
    this.next[this.previous[event]!] = this.next[event]!;
    this.previous[this.next[event]!] = this.previous[event]!;
  }

  private relink(event: number): void {
    this.next[this.previous[event]!] = event;
    this.previous[this.next[event]!] = event;
  }
}
