/**
 * Counters that only INCR touches, from zero: every acknowledged one counts once, and none of unknown fate
 * more than once.
 *
 * The results of increments are unique, and with them the whole order is known, so linear time is enough:
 *  - an observed value is at least the increments that were acknowledged before it was asked for, and at most
 *    those that had been sent before it was answered;
 *  - values respect real time: what ends before another begins shows the smaller number (a read may show the
 *    same).
 * With the reads at the end: acknowledged <= final <= acknowledged + unknown.
 */
import type { Operation } from '../history.js';
import { type CheckResult, fail, invalid, pass } from '../report.js';

const SHOWN_MAX = 10;

/** `increment` (the counter afterwards) and `read` (the counter, null for absent) operations. */
export function checkCounter(operations: readonly Operation[]): CheckResult[] {
  const counters = new Map<string, Operation[]>();
  for (const operation of operations) {
    const list = counters.get(operation.key);
    if (list) list.push(operation);
    else counters.set(operation.key, [operation]);
  }
  const problems = [...counters].flatMap(([key, list]) => counterProblems(key, list));
  const increments = operations.filter((operation) => operation.f === 'increment');
  const acknowledged = increments.filter((operation) => operation.outcome === 'ok').length;
  const unknown = increments.filter((operation) => operation.outcome === 'unknown').length;
  const summary = `${counters.size} counters, ${acknowledged} acknowledged, ${unknown} unknown`;
  if (problems.length > 0) {
    return [
      fail('counter', `${problems.length} problems; ${summary}`, problems.slice(0, SHOWN_MAX).join('\n')),
    ];
  }
  const unread = [...counters].filter(([, list]) => !isReadAtEnd(list));
  if (unread.length > 0)
    return [invalid('counter', `${unread.length} counters not read at the end; ${summary}`)];
  return [pass('counter', `every acknowledged INCR counted once: ${summary}`)];
}

function isReadAtEnd(list: readonly Operation[]): boolean {
  const ends = list.filter((operation) => operation.outcome === 'ok' && operation.f === 'increment');
  const last = ends.reduce((latest, operation) => Math.max(latest, operation.end), -1);
  return list.some(
    (operation) => operation.f === 'read' && operation.outcome === 'ok' && operation.start > last,
  );
}

function counterProblems(key: string, list: readonly Operation[]): string[] {
  return [...repeatedResults(key, list), ...outOfBounds(key, list), ...outOfOrder(key, list)];
}

function repeatedResults(key: string, list: readonly Operation[]): string[] {
  const results = new Set<number>();
  const problems: string[] = [];
  for (const operation of list) {
    if (operation.f !== 'increment' || operation.outcome !== 'ok') continue;
    const result = shownValue(operation);
    if (results.has(result))
      problems.push(`${key}: two increments answered ${result}, again ${place(operation)}`);
    results.add(result);
  }
  return problems;
}

/** One walk over the events: how many increments were surely in, and how many may be. */
function outOfBounds(key: string, list: readonly Operation[]): string[] {
  const problems: string[] = [];
  const leastAtStart = new Map<Operation, number>();
  let sent = 0;
  let acknowledged = 0;
  for (const { operation, isStart } of eventsOf(list)) {
    const isIncrement = operation.f === 'increment';
    if (isStart) {
      leastAtStart.set(operation, acknowledged + (isIncrement ? 1 : 0));
      if (isIncrement && operation.outcome !== 'fail') sent++;
      continue;
    }
    if (operation.outcome !== 'ok') continue;
    if (isIncrement) acknowledged++;
    const value = shownValue(operation);
    const least = leastAtStart.get(operation)!;
    // Written so that what is no number is out of bounds too.
    if (!(value >= least && value <= sent)) {
      problems.push(`${key}: ${value} seen, ${least}..${sent} possible, ${place(operation)}`);
    }
  }
  return problems;
}

/** What was answered before an operation began is the least that it may show. */
function outOfOrder(key: string, list: readonly Operation[]): string[] {
  const problems: string[] = [];
  const greatestAtStart = new Map<Operation, number>();
  let greatest = 0;
  for (const { operation, isStart } of eventsOf(list)) {
    if (isStart) {
      greatestAtStart.set(operation, greatest);
      continue;
    }
    if (operation.outcome !== 'ok') continue;
    const value = shownValue(operation);
    const before = greatestAtStart.get(operation)!;
    if (value < before || (value === before && operation.f === 'increment')) {
      problems.push(`${key}: ${value} answered after ${before} had been, ${place(operation)}`);
    }
    greatest = Math.max(greatest, value);
  }
  return problems;
}

function eventsOf(list: readonly Operation[]): { operation: Operation; isStart: boolean; at: number }[] {
  const events = list.flatMap((operation) => [
    { operation, isStart: true, at: operation.start },
    { operation, isStart: false, at: operation.end },
  ]);
  return events.filter((event) => event.at !== Infinity).sort((a, b) => a.at - b.at);
}

function shownValue(operation: Operation): number {
  return operation.output === null ? 0 : Number(operation.output);
}

function place(operation: Operation): string {
  return `by process ${operation.process} through node ${operation.node} [${operation.start}..${operation.end}]`;
}
