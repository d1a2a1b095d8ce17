/**
 * Which keys and pages must stay in memory because a run that waits for loads will need them again.
 *
 * Kept until that run has ended, not until it has seen them once: it begins anew after each load, and two runs that together need more
 * than the pool would otherwise evict each other's keys for ever. Bounded by the requests that a slot takes.
 */
import { nameOf } from './keys.js';
import { pinName } from './page-pool.js';
import type { PageNeed } from './txn.js';

export class Pins {
  private readonly byRun = new Map<object, Set<string>>();

  /** `run` names itself by being the same object each time. */
  add(run: object, needs: readonly PageNeed[]): void {
    const names = this.byRun.get(run) ?? new Set();
    for (const need of needs) {
      if (need.kind === 'record') names.add(nameOf(need.key));
      if (need.kind === 'page') names.add(pinName(need));
    }
    this.byRun.set(run, names);
  }

  ended(run: object): void {
    this.byRun.delete(run);
  }

  names(): ReadonlySet<string> {
    return new Set([...this.byRun.values()].flatMap((names) => [...names]));
  }
}
