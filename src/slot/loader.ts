/**
 * Brings into memory what a run lacks, and keeps the pool within its bound.
 *
 * What a waiting run asked for is pinned until the run has ended, or runs that together need more than the pool would evict each
 * other's records for ever. So one that needs more than the pool holds gets it all the same, beyond the bound, and the pool shrinks
 * when it has ended, some at a time. How much a read may hold is bounded by what its reply may be, and of a slot's reads that hold
 * more than its pool one at a time goes on. An entry waits for nobody.
 */
import { ChurnMap } from '../churn-map.js';
import type { Env } from '../env.js';
import type { Engine } from '../storage/engine.js';
import { EngineReopened } from '../storage/steady-engine.js';
import { nameOf } from './keys.js';
import { pinName } from './page-pool.js';
import { Pins } from './pins.js';
import type { PoolFigures } from './pool-figures.js';
import type { SlotState } from './state.js';
import type { PageNeed } from './txn.js';
import { loadRange, type RangeCache } from './view.js';

/** How much of its share a pool keeps when it evicts: a little less than all, so that not every load evicts. */
const KEPT_SHARE = 0.9;
/**
 * Records or pages asked of the engine at once: the event loop has its turn in between, and a checkpoint that ends meanwhile, which
 * makes what is on its way worthless, costs one slice and not all.
 */
const LOADED_AT_ONCE = 256;
/** Dropped before the event loop gets its turn. */
const EVICTED_MAX = 2000;

export interface LoaderParts {
  readonly env: Env;
  readonly engine: Engine;
  readonly figures: PoolFigures;
  /** Clean records that may be in memory; what is dirty has its own bound. */
  readonly poolBytes: () => number;
  readonly fatal: (why: unknown) => void;
}

export class Loader {
  private readonly pins = new Pins();
  private readonly loadedBytes = new WeakMap<object, number>();
  /** The pool is over its bound by what is pinned: not to be looked through again before there is so much, ... */
  private looksAgainAtBytes = 0;
  /** ... or fewer than so many names are pinned. */
  private looksAgainAtPins = 0;
  private shrinking = false;
  private readonly inFlight = new ChurnMap<string, Promise<void>>();
  /** The run that has its turn to hold more than the pool, and those that wait for it to end. */
  private largeRun: object | undefined;
  private readonly largeNext: (() => void)[] = [];

  constructor(
    private readonly parts: LoaderParts,
    private readonly state: SlotState,
  ) {}

  /** Resolves when `waiting` may run again; never rejects: an engine that can't be read stops the process. */
  async load(needs: readonly PageNeed[], ranges: RangeCache, waiting: object): Promise<void> {
    this.pins.add(waiting, needs);
    this.parts.figures.faults++;
    // Before the load, not after: what it brings is wanted by the run that waits for it.
    this.trim();
    try {
      await this.loadAll(needs, ranges, waiting);
    } catch (why) {
      // What is missing is asked for again by the next run.
      if (!(why instanceof EngineReopened)) this.parts.fatal(why);
    }
  }

  /** As `load`, for a run that can wait: of those that hold more than the pool, one at a time goes on. */
  async loadInTurn(needs: readonly PageNeed[], ranges: RangeCache, waiting: object): Promise<void> {
    if (this.bytesFor(waiting) > this.parts.poolBytes()) {
      while (this.largeRun !== undefined && this.largeRun !== waiting) {
        await new Promise<void>((resolve) => this.largeNext.push(resolve));
      }
      this.largeRun = waiting;
    }
    await this.load(needs, ranges, waiting);
  }

  /** Of pages, for this run so far. */
  bytesFor(waiting: object): number {
    return this.loadedBytes.get(waiting) ?? 0;
  }

  /** The run is over: what it loaded may go, and what goes beyond the bound does. */
  ended(waiting: object): void {
    const { figures } = this.parts;
    figures.rerunsMost = Math.max(figures.rerunsMost, this.pins.loadsOf(waiting));
    this.pins.ended(waiting);
    if (this.largeRun === waiting) {
      this.largeRun = undefined;
      this.largeNext.shift()?.();
    }
    this.trim();
  }

  trim(): void {
    const { state } = this;
    const poolBytes = this.parts.poolBytes();
    const cleanBytes = state.poolBytes - state.dirtyBytes;
    if (cleanBytes <= poolBytes || this.shrinking) return;
    if (cleanBytes < this.looksAgainAtBytes && this.pins.size >= this.looksAgainAtPins) return;
    this.evict(poolBytes);
  }

  private evict(poolBytes: number): void {
    const { state, pins } = this;
    const { figures, env } = this.parts;
    const bytes = state.dirtyBytes + Math.floor(poolBytes * KEPT_SHARE);
    const { records, pages } = state.evict(bytes, pins, EVICTED_MAX);
    figures.recordsEvicted += records;
    figures.pagesEvicted += pages;
    const slackBytes = poolBytes * (1 - KEPT_SHARE);
    this.looksAgainAtBytes = state.poolBytes - state.dirtyBytes + slackBytes;
    this.looksAgainAtPins = pins.size / 2;
    if (records + pages < EVICTED_MAX) return;
    this.looksAgainAtBytes = 0;
    this.shrinking = true;
    env.defer(() => {
      this.shrinking = false;
      this.trim();
    });
  }

  private async loadAll(needs: readonly PageNeed[], ranges: RangeCache, waiting: object): Promise<void> {
    const { state } = this;
    const { figures, engine } = this.parts;
    const keys = needs.flatMap((need) => (need.kind === 'record' ? [need.key] : []));
    const pages = needs.flatMap((need) => (need.kind === 'page' ? [need] : []));
    await this.once(keys, nameOf, (some) => {
      figures.recordsLoaded += some.length;
      return state.load(some);
    });
    await this.once(pages, pinName, async (some) => {
      figures.pagesLoaded += some.length;
      this.loadedBytes.set(waiting, this.bytesFor(waiting) + (await state.loadPages(some)));
    });
    for (const need of needs) {
      if (need.kind === 'expiries') await state.loadExpiries();
      if (need.kind === 'range') await loadRange(engine, state, need, ranges);
    }
  }

  /** One load in flight of each: whoever lacks the same waits for it. */
  private async once<Item>(
    items: readonly Item[],
    nameOfItem: (item: Item) => string,
    load: (some: readonly Item[]) => Promise<void>,
  ): Promise<void> {
    const { inFlight } = this;
    const others = new Set<Promise<void>>();
    const own = items.filter((item) => {
      const there = inFlight.get(nameOfItem(item));
      if (there !== undefined) others.add(there);
      return there === undefined;
    });
    for (const some of slices(own)) {
      const loading = load(some);
      for (const item of some) inFlight.set(nameOfItem(item), loading);
      try {
        await loading;
      } finally {
        for (const item of some) {
          if (inFlight.get(nameOfItem(item)) === loading) inFlight.delete(nameOfItem(item));
        }
      }
    }
    await Promise.all(others);
  }
}

function* slices<Item>(items: readonly Item[]): Iterable<readonly Item[]> {
  for (let at = 0; at < items.length; at += LOADED_AT_ONCE) yield items.slice(at, at + LOADED_AT_ONCE);
}
