/**
 * Which keys and pages must stay in memory because a run that waits for loads will need them again.
 *
 * Kept until that run has ended, not until it has seen them once: it begins anew after each load, and two runs that together need more
 * than the pool would otherwise evict each other's keys for ever. Bounded by the requests that a slot takes, and for a read by what
 * its reply may be.
 */
import { ChurnMap } from '../churn-map.js';
import { nameOf } from './keys.js';
import { pinName } from './page-pool.js';
import type { PageNeed } from './txn.js';

interface PinnedRun {
  readonly names: Set<string>;
  loads: number;
}

export class Pins {
  private readonly byRun = new ChurnMap<object, PinnedRun>();
  /** How many runs pin a name. */
  private readonly runs = new ChurnMap<string, number>();

  /** Different names. */
  get size(): number {
    return this.runs.size;
  }

  has(name: string): boolean {
    return this.runs.has(name);
  }

  /** `run` names itself by being the same object each time. */
  add(run: object, needs: readonly PageNeed[]): void {
    let pinned = this.byRun.get(run);
    if (pinned === undefined) {
      pinned = { names: new Set(), loads: 0 };
      this.byRun.set(run, pinned);
    }
    pinned.loads++;
    for (const need of needs) {
      if (need.kind === 'record') this.pin(pinned, nameOf(need.key));
      if (need.kind === 'page') this.pin(pinned, pinName(need));
    }
  }

  /** Loads that the run has asked for. */
  loadsOf(run: object): number {
    return this.byRun.get(run)?.loads ?? 0;
  }

  ended(run: object): void {
    for (const name of this.byRun.get(run)?.names ?? []) {
      const others = this.runs.get(name)! - 1;
      if (others === 0) this.runs.delete(name);
      else this.runs.set(name, others);
    }
    this.byRun.delete(run);
  }

  private pin({ names }: PinnedRun, name: string): void {
    if (names.has(name)) return;
    names.add(name);
    this.runs.set(name, (this.runs.get(name) ?? 0) + 1);
  }
}
