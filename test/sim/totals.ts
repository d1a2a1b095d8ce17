/**
 * What a batch of seeds adds up to, and whether it was worth its time: a run that covers nothing proves nothing.
 */
import type { Report } from './batch.js';
import { type Floors, type Form, floorsOf } from './swarm.js';

/** Checker budgets that ran out; more of them and the judge is blind. */
const UNDECIDED_SHARE_MAX = 0.01;

/** Of fewer seeds no share is asked for. */
const SHARED_SEEDS_MIN = 20;

export class Totals {
  seeds = 0;
  failures = 0;
  readonly counters = new Map<string, number>();
  private events = 0;
  private virtualMs = 0;
  private undecided = 0;
  private answered = 0;
  private faults = 0;
  private losing = 0;
  private readonly thin: string[] = [];
  private readonly floors: Floors;

  constructor(form: Form) {
    this.floors = floorsOf(form);
  }

  add(report: Report): void {
    this.seeds++;
    if (report.kind === 'failed') {
      this.failures++;
      return;
    }
    const { events, virtualMs, undecided, answered, faults, counters } = report.result;
    this.events += events;
    this.virtualMs += virtualMs;
    this.undecided += undecided;
    this.answered += answered;
    this.faults += faults.length;
    if (counters.has('unsynced data lost')) this.losing++;
    if (answered < this.floors.answers)
      this.thin.push(`seed ${report.seed}: only ${answered} commands answered`);
    if (faults.length < this.floors.faults)
      this.thin.push(`seed ${report.seed}: only ${faults.length} faults struck`);
    for (const [what, times] of counters) this.counters.set(what, (this.counters.get(what) ?? 0) + times);
  }

  /** Why the batch proves less than it should; empty when it does. */
  shortcomings(): readonly string[] {
    const ran = this.seeds - this.failures;
    const missing = [...this.thin];
    if (ran >= SHARED_SEEDS_MIN && this.losing < ran * this.floors.losingShare)
      missing.push(`only ${this.losing} of ${ran} seeds lost unsynced data`);
    const judged = this.counters.get('keys judged') ?? 0;
    if (this.undecided > judged * UNDECIDED_SHARE_MAX)
      missing.push(`${this.undecided} of ${judged} keys undecided`);
    return missing;
  }

  /** `cpuSeconds` of the whole process, its workers included; each seed ran twice. */
  lines(wallSeconds: number, cpuSeconds: number): readonly string[] {
    const { seeds, failures, events, undecided, answered, faults, losing } = this;
    const ran = Math.max(1, seeds - failures);
    const perSecond = Math.round((2 * events) / Math.max(cpuSeconds, 1e-9));
    return [
      `${seeds} seeds in ${wallSeconds.toFixed(1)} s, ${failures} failed`,
      `  ${(this.virtualMs / 3_600_000).toFixed(2)} virtual hours, ${events} events, ${perSecond} events a CPU second, ` +
        `${(cpuSeconds / (2 * Math.max(1, seeds))).toFixed(3)} CPU s a run, Node ${process.version}`,
      `  a seed: ${Math.round(answered / ran)} commands answered, ${(faults / ran).toFixed(1)} faults; ` +
        `${Math.round((100 * losing) / ran)}% lost unsynced data in a crash; ${undecided} keys undecided`,
    ];
  }
}
