/**
 * Did the run show anything? A cluster that answers nothing violates nothing.
 *
 * Enough operations must have been acknowledged in all, and some before, between and after any two faults; the
 * faults must be those that were planned.
 */
import type { History } from '../history.js';
import { type CheckResult, invalid, pass } from '../report.js';

export interface ValidityRules {
  readonly acknowledgedMin: number;
  readonly betweenFaultsMin: number;
  /** How many times the nemesis was to strike. */
  readonly faultsPlanned: number;
}

export const OPERATIONS_MIN = 50_000;
export const BETWEEN_FAULTS_MIN = 100;

/** The event after which nothing counts: what is read back says nothing about the time of the faults. */
export const DRIVEN = 'driven';

/** Faults of this name end one interval and begin the next. */
export const STRIKE = 'strike';

export function checkValidity(history: History, rules: ValidityRules): CheckResult {
  const strikes = history.faults.filter((fault) => fault.f === STRIKE).map((fault) => fault.seq);
  const end = history.faults.find((fault) => fault.f === DRIVEN)?.seq ?? Infinity;
  const acknowledged = history.acknowledged.filter((seq) => seq < end);
  const total = acknowledged.length;
  const thinnest = Math.min(...acknowledgedBetween(acknowledged, strikes));
  const summary = `${total} acknowledged, ${strikes.length} faults, at least ${thinnest} between them`;
  if (strikes.length < rules.faultsPlanned)
    return invalid('valid-run', `${rules.faultsPlanned} faults planned; ${summary}`);
  if (total < rules.acknowledgedMin)
    return invalid('valid-run', `fewer than ${rules.acknowledgedMin}: ${summary}`);
  if (thinnest < rules.betweenFaultsMin) {
    return invalid('valid-run', `fewer than ${rules.betweenFaultsMin} between two faults: ${summary}`);
  }
  return pass('valid-run', summary);
}

/** Also before the first strike and after the last. */
function acknowledgedBetween(acknowledged: readonly number[], strikes: readonly number[]): number[] {
  const counts = [0];
  let strike = 0;
  for (const seq of acknowledged) {
    while (strike < strikes.length && seq > strikes[strike]!) {
      counts.push(0);
      strike++;
    }
    counts[counts.length - 1]!++;
  }
  while (counts.length <= strikes.length) counts.push(0);
  return counts;
}
