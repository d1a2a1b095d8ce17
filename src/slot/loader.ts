/**
 * Brings into memory what a run lacks, and keeps the pool within its bound.
 *
 * What a waiting run asked for is pinned until the run has ended, or runs that together need more than the pool would evict each
 * other's records for ever.
 */
import type { Engine } from '../storage/engine.js';
import { EngineReopened } from '../storage/steady-engine.js';
import { Pins } from './pins.js';
import type { SlotState } from './state.js';
import type { PageNeed } from './txn.js';
import { loadRange, type RangeCache } from './view.js';

/** How much of its share a pool keeps when it evicts: a little less than all, so that not every load evicts. */
const KEPT_SHARE = 0.9;

export class Loader {
  private readonly pins = new Pins();

  constructor(
    private readonly engine: Engine,
    private readonly state: SlotState,
    /** Clean records that may be in memory; what is dirty has its own bound. */
    private readonly poolBytes: () => number,
    private readonly fatal: (why: unknown) => void,
  ) {}

  /** Resolves when `waiting` may run again; never rejects: an engine that can't be read stops the process. */
  async load(needs: readonly PageNeed[], ranges: RangeCache, waiting: object): Promise<void> {
    this.pins.add(waiting, needs);
    // Before the load, not after: what it brings is wanted by the run that waits for it.
    this.trim();
    try {
      await this.loadNow(needs, ranges);
    } catch (why) {
      // What is missing is asked for again by the next run.
      if (!(why instanceof EngineReopened)) this.fatal(why);
    }
  }

  private async loadNow(needs: readonly PageNeed[], ranges: RangeCache): Promise<void> {
    const keys = needs.flatMap((need) => (need.kind === 'record' ? [need.key] : []));
    if (keys.length > 0) await this.state.load(keys);
    const pages = needs.flatMap((need) => (need.kind === 'page' ? [need] : []));
    if (pages.length > 0) await this.state.loadPages(pages);
    for (const need of needs) {
      if (need.kind === 'expiries') await this.state.loadExpiries();
      if (need.kind === 'range') await loadRange(this.engine, this.state, need, ranges);
    }
  }

  /** The run is over: what it loaded may go, and what goes beyond the bound does. */
  ended(waiting: object): void {
    this.pins.ended(waiting);
    this.trim();
  }

  trim(): void {
    const { state } = this;
    const poolBytes = this.poolBytes();
    if (state.poolBytes - state.dirtyBytes <= poolBytes) return;
    state.evict(state.dirtyBytes + Math.floor(poolBytes * KEPT_SHARE), this.pins.names());
  }
}
