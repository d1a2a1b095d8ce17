/**
 * Runs reads: at once where nothing holds them up, else when their index is known, on a state that has got that far.
 *
 * A read sees one time and one state: its time is fixed at its first run, and it runs whole or, after a page fault, again.
 * One that leans on the lease is answered only if the lease still holds after it has run: then nobody else can have written
 * by the time that the state was read, however long the process was stopped before.
 */
import { type Random, seededRandom } from '../random.js';
import type { CommandGroup } from './entry.js';
import type { Loader } from './loader.js';
import type { StateMachine } from './machine.js';
import type { Requests, TakenRead } from './requests.js';
import type { SlotClock } from './stamp.js';
import type { SlotState } from './state.js';
import { PageFault, type PageNeed, type ReadContext } from './txn.js';
import { RangeCache, ReadView } from './view.js';

export interface ReadsHost {
  /** A read may run now that could not before. */
  wake(): void;
  /** A read met a key that is dead but not removed. False: only the leader can log a clock entry. */
  wantClock(): boolean;
  /** For a read's dice. */
  seed(): number;
  /** By the clock as it is now. */
  leaseHolds(): boolean;
  /** Reads come that nothing else here hears of: whoever leads must not fall asleep. */
  inUse(): void;
  /** One that needs more loaded than this is refused. */
  readonly readBytesMax: number;
  refused(): void;
}

const NO_RANGES: Pick<RangeCache, 'get'> = new RangeCache();
/** Between two words that reads are being answered at once. */
const IN_USE_MS = 100;

export class Reads<R> {
  private saidInUseAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly requests: Requests<R>,
    private readonly state: SlotState,
    private readonly clock: SlotClock,
    private readonly machine: StateMachine<R>,
    private readonly loader: Loader,
    private readonly host: ReadsHost,
  ) {}

  /**
   * The replies to a read of a session that has nothing under way here, at once: by the lease, on a state that holds all that is known
   * committed. undefined where it must wait for something; then nothing has happened, and it has to be taken.
   */
  now(group: CommandGroup): readonly R[] | undefined {
    if (!this.host.leaseHolds()) return undefined;
    const nowMs = this.clock.nowMs();
    try {
      const replies = this.repliesTo(group, nowMs, NO_RANGES, { seed: undefined });
      // The process may have been stopped while it ran.
      if (!this.host.leaseHolds()) return undefined;
      this.sayInUse(nowMs);
      return replies;
    } catch (thrown) {
      if (thrown instanceof PageFault) return undefined;
      throw thrown;
    }
  }

  private sayInUse(nowMs: number): void {
    if (nowMs - this.saidInUseAtMs < IN_USE_MS) return;
    this.saidInUseAtMs = nowMs;
    this.host.inUse();
  }

  /** Every read that may run on a state applied up to `appliedIndex`. */
  serve(appliedIndex: number): void {
    if (!this.requests.hasReadyReads) return;
    for (const read of this.requests.takeRunnable(appliedIndex, this.clock.lastStampMs)) this.run(read);
  }

  private run(read: TakenRead<R>): void {
    read.nowMs ??= this.clock.nowMs();
    try {
      const replies = this.repliesTo(read.request.group, read.nowMs, read.ranges ?? NO_RANGES, read);
      if (read.leased && !this.host.leaseHolds()) this.confirm(read);
      else this.requests.settleRead(read, { kind: 'done', replies });
    } catch (thrown) {
      if (!(thrown instanceof PageFault)) throw thrown;
      this.faulted(read, thrown.needs);
    }
  }

  /** Throws PageFault where memory lacks something. `seeded`: keeps the seed of the dice through further runs. */
  private repliesTo(
    group: CommandGroup,
    nowMs: number,
    ranges: Pick<RangeCache, 'get'>,
    seeded: Pick<TakenRead<R>, 'seed'>,
  ): readonly R[] {
    const view = new ReadView(this.state, nowMs, ranges, this.clock.lastStampMs);
    return group.commands.map((argv, at) =>
      this.machine.read(view, argv, new ReadDice(this.host, seeded, nowMs, at)),
    );
  }

  private confirm(read: TakenRead<R>): void {
    this.requests.askAgain(read);
    this.host.wake();
  }

  private faulted(read: TakenRead<R>, needs: readonly PageNeed[]): void {
    for (const need of needs) {
      if (need.kind !== 'clock') continue;
      if (!this.host.wantClock())
        return this.requests.settleRead(read, { kind: 'refused', why: 'notLeader' });
      read.untilStampMs = need.untilMs;
      this.requests.again(read);
      return;
    }
    read.release = () => this.loader.ended(read);
    read.ranges ??= new RangeCache();
    void this.loader.loadInTurn(needs, read.ranges, read).then(() => {
      if (this.loader.bytesFor(read) > this.host.readBytesMax) this.refuse(read);
      else this.requests.again(read);
      this.host.wake();
    });
  }

  /** Its reply would be too large to be sent, and holding all of it is no small thing. */
  private refuse(read: TakenRead<R>): void {
    this.host.refused();
    this.requests.settleRead(read, { kind: 'refused', why: 'replyTooLarge' });
  }
}

class ReadDice implements ReadContext {
  private dice: Random | undefined;

  constructor(
    private readonly host: Pick<ReadsHost, 'seed'>,
    private readonly read: Pick<TakenRead<unknown>, 'seed'>,
    readonly nowMs: number,
    private readonly position: number,
  ) {}

  get random(): Random {
    this.read.seed ??= this.host.seed();
    this.dice ??= seededRandom(this.read.seed, this.position);
    return this.dice;
  }
}
