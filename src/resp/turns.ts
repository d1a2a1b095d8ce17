/**
 * Shares the turns of the event loop among the clients of a server: what all of them together have taken up in one turn is bounded, so
 * that a thousand long pipelines don't keep timers, peers and the disk waiting.
 *
 * Invariants: whoever got nothing comes before all others in the next turn, in the order of asking; from one turn of this queue to the
 * next no more than `requestsMax` are taken up, by those in it and by what arrives until then.
 */
/** Some milliseconds of work. */
const REQUESTS_MAX = 256;

export class Turns {
  private left: number;
  private denied: (() => void)[] = [];
  private waiting: (() => void)[] = [];
  private flushing: (() => void)[] = [];
  private due = false;

  constructor(
    /** Env.defer: runs after what is already queued in this turn of the event loop. */
    private readonly deferOnce: (run: () => void) => void,
    private readonly requestsMax = REQUESTS_MAX,
    /** Runs when the present callback has returned. */
    private readonly atItsEnd: (run: () => void) => void = deferOnce,
  ) {
    this.left = requestsMax;
  }

  /** Nothing more is to be taken up in this turn. */
  get isSpent(): boolean {
    return this.left <= 0;
  }

  spend(): void {
    this.left--;
  }

  /** What many connections have to say at once costs one place in the loop's queue. */
  defer(run: () => void): void {
    this.waiting.push(run);
    this.schedule();
  }

  /** For those who found the turn spent and have taken up nothing in it. */
  deferFirst(run: () => void): void {
    this.denied.push(run);
    this.schedule();
  }

  /** For those who have only something to say: what was answered in one callback leaves at its end. */
  flush(run: () => void): void {
    this.flushing.push(run);
    if (this.flushing.length === 1) this.atItsEnd(() => this.runFlushes());
  }

  private runFlushes(): void {
    const { flushing } = this;
    this.flushing = [];
    for (const run of flushing) run();
  }

  private schedule(): void {
    if (this.due) return;
    this.due = true;
    this.deferOnce(() => this.run());
  }

  private run(): void {
    const { denied, waiting } = this;
    this.due = false;
    this.denied = [];
    this.waiting = [];
    this.left = this.requestsMax;
    for (const run of denied) run();
    for (const run of waiting) run();
  }
}
