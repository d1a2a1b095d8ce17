/**
 * What a slot's leader proposes: one entry of all that waits, stamped; or an empty one that only moves slot time, where keys have
 * come of age and no write would tell.
 *
 * Invariants: a write is refused, or put back, or stands in exactly one entry; slot time is stamped when the entry is made.
 * Left out: when it may propose (the slot), and what becomes of the entries (requests.ts).
 */
import type { Env } from '../env.js';
import type { Raft } from '../raft/raft.js';
import { bytesOfGroup, ENTRY_HEAD_BYTES_MAX, encodeEntry, RULES } from './entry.js';
import type { Requests, TakenWrite } from './requests.js';
import type { SlotClock } from './stamp.js';

export interface ProposalBounds {
  /** An entry takes no further command once it is this large. */
  readonly entryBytesTarget: number;
  /** A larger one is refused by the core. */
  readonly raft: { readonly proposalBytesMax: number };
}

export class Proposals<R> {
  private clockWanted = false;
  /** The newest entry that this leader knows to be on its way: it moves slot time when it comes. */
  private newestIndex = 0;

  constructor(
    private readonly env: Env,
    private readonly raft: Pick<Raft, 'propose'>,
    private readonly requests: Requests<R>,
    private readonly clock: SlotClock,
    private readonly bounds: ProposalBounds,
  ) {}

  get wanted(): boolean {
    return this.requests.waitingCount > 0 || this.clockWanted;
  }

  wantClock(): void {
    this.clockWanted = true;
  }

  /** Nothing that moves slot time is on its way to a replica that has applied so far. */
  isIdleAt(appliedIndex: number): boolean {
    return appliedIndex >= this.newestIndex;
  }

  /** What an earlier term of ours proposed beyond `lastIndex` was cut off and will never come. */
  lead(lastIndex: number): void {
    this.newestIndex = lastIndex;
  }

  follow(): void {
    this.clockWanted = false;
  }

  proposeAll(): void {
    while (this.wanted) {
      const writes = this.takeBatch();
      if (writes.length === 0 && !this.clockWanted) return;
      if (!this.propose(writes)) return;
    }
  }

  private takeBatch(): TakenWrite<R>[] {
    const { entryBytesTarget, raft } = this.bounds;
    let bytes = ENTRY_HEAD_BYTES_MAX;
    let count = 0;
    return this.requests.takeWaiting((request) => {
      const more = bytesOfGroup(request.group);
      // Never past what the core takes: a large command must not have its neighbours refused.
      if (count > 0 && (bytes >= entryBytesTarget || bytes + more > raft.proposalBytesMax)) return false;
      bytes += more;
      count++;
      return true;
    });
  }

  /** False when the core refuses: it does not lead, hands over, or its uncommitted log is full. The writes stay in the queue. */
  private propose(writes: TakenWrite<R>[]): boolean {
    const { random } = this.env;
    const data = encodeEntry({
      rules: RULES,
      timeMs: this.clock.stamp(),
      seedHigh: random.u32(),
      seedLow: random.u32(),
      groups: writes.map((write) => write.request.group),
    });
    const result = this.raft.propose(data, this.env.monotonicMs());
    if (result.kind === 'accepted') {
      this.clockWanted = false;
      this.newestIndex = result.index;
      if (writes.length > 0) this.requests.appended(result.index, result.term, writes);
      return true;
    }
    if (result.why === 'tooLarge') {
      this.requests.refuseWrites(writes, 'tooLarge');
      return true;
    }
    this.requests.putBack(writes);
    return false;
  }
}
