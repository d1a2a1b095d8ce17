/**
 * Freezes a slot's state for a checkpoint: at one applied index, between entries, and written only when that index is committed.
 *
 * In a quorum group it always is. A leader that applies ahead freezes where it stands and goes on by copying on write; what is
 * frozen waits for the commit, while the checkpoints of other slots go on. So the engine never holds what may yet be cut, and what a
 * checkpoint says of the members is what they were at its index, although they follow the commit.
 */
import type { Configuration } from '../raft/message.js';
import type { Applier } from './applier.js';
import type { StateMeta } from './record.js';
import type { SlotClock } from './stamp.js';
import type { FrozenState, SlotState } from './state.js';

interface Frozen {
  readonly state: FrozenState;
  readonly meta: Omit<StateMeta, 'configuration'>;
  /** As of the frozen index; undefined until that is committed. */
  configuration: Configuration | undefined;
}

export interface FreezerHost {
  /** After the entries that are settled. */
  configuration(): Configuration;
  /** There is room for more that is dirty. */
  frozen(): void;
}

export class Freezer {
  private frozen: Frozen | undefined;

  constructor(
    private readonly state: SlotState,
    private readonly clock: SlotClock,
    private readonly applier: Pick<
      Applier<unknown>,
      'index' | 'term' | 'settledIndex' | 'isMidEntry' | 'isCatchingUp'
    >,
    private readonly host: FreezerHost,
  ) {}

  /** What may be written now. */
  freeze(durableIndex: number): { readonly frozen: FrozenState; readonly meta: StateMeta } | undefined {
    this.frozen ??= this.freezeNow(durableIndex);
    if (this.frozen?.configuration === undefined) return undefined;
    const { state, meta, configuration } = this.frozen;
    return { frozen: state, meta: { ...meta, configuration } };
  }

  settled(index: number): void {
    if (this.frozen?.meta.appliedIndex === index) this.frozen.configuration = this.host.configuration();
  }

  /** It is in the engine; or another state has taken its place, and it is dropped. */
  thaw(): void {
    if (this.frozen === undefined) return;
    this.state.thaw();
    this.frozen = undefined;
  }

  /** The state is going to be replaced; nothing of it is on its way to the engine. */
  drop(): void {
    if (this.frozen !== undefined) this.state.dropFrozen();
    this.frozen = undefined;
  }

  private freezeNow(durableIndex: number): Frozen | undefined {
    const { applier, state, clock } = this;
    // While it catches up, the members are those of a later index.
    if (applier.isMidEntry || applier.isCatchingUp) return undefined;
    if (applier.index === durableIndex && !state.hasUnwritten) return undefined;
    const meta = {
      appliedIndex: applier.index,
      appliedTerm: applier.term,
      timeMs: clock.lastStampMs,
      keys: state.keys,
    };
    const isCommitted = applier.index === applier.settledIndex;
    this.host.frozen();
    return {
      state: state.freeze(),
      meta,
      configuration: isCommitted ? this.host.configuration() : undefined,
    };
  }
}
