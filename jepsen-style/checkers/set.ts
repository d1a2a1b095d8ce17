/**
 * Unique keys, each written once: nothing acknowledged is lost, nothing refused appears, nothing is invented.
 *
 * A key is a register that is written once, so linear time is enough: from the moment that its write was
 * acknowledged, or a read found it, every later read must find it, through every node. A write of unknown fate
 * may appear at any time or never, but not appear and vanish. A refused write (`fail`) must never be seen.
 */
import type { Operation } from '../history.js';
import { type CheckResult, fail, invalid, pass } from '../report.js';

interface Element {
  written: Operation | undefined;
  readonly reads: Operation[];
}

const SHOWN_MAX = 10;

/** `write` (key, value) and `read` (key, value or null) operations of unique keys. */
export function checkSet(operations: readonly Operation[]): CheckResult[] {
  const elements = elementsOf(operations);
  const problems: string[] = [];
  const tally = { acknowledged: 0, unknown: 0, unknownSeen: 0, unread: 0 };
  for (const [key, element] of elements) {
    const found = problemOf(key, element);
    if (found) problems.push(found);
    count(tally, element);
  }
  const summary = `${tally.acknowledged} acknowledged, ${tally.unknown} unknown (${tally.unknownSeen} of them seen)`;
  if (problems.length > 0) return [failure(problems, summary)];
  if (tally.unread > 0)
    return [invalid('set', `${tally.unread} acknowledged keys were never read; ${summary}`)];
  return [pass('set', `none lost, none invented: ${summary}`)];
}

function elementsOf(operations: readonly Operation[]): Map<string, Element> {
  const elements = new Map<string, Element>();
  for (const operation of operations) {
    const element = elements.get(operation.key) ?? { written: undefined, reads: [] };
    elements.set(operation.key, element);
    if (operation.f === 'write') element.written = operation;
    else if (operation.outcome === 'ok') element.reads.push(operation);
  }
  return elements;
}

function problemOf(key: string, { written, reads }: Element): string | undefined {
  const seen = reads.filter((read) => read.output !== null);
  for (const read of seen) {
    const where = `${key} = ${read.output} through node ${read.node} [${read.start}..${read.end}]`;
    if (!written || read.output !== written.input) return `invented: ${where}`;
    if (written.outcome === 'fail') return `refused (${written.error}), yet there: ${where}`;
    if (read.end < written.start) return `read before it was written: ${where}`;
  }
  const acknowledgedAt = written?.outcome === 'ok' ? written.end : Infinity;
  const certainFrom = seen.reduce((least, read) => Math.min(least, read.end), acknowledgedAt);
  const missing = reads.find((read) => read.output === null && read.start > certainFrom);
  if (!missing) return undefined;
  const why = certainFrom === acknowledgedAt ? 'acknowledged' : 'seen';
  return `lost: ${key} ${why} at ${certainFrom}, absent through node ${missing.node} [${missing.start}..${missing.end}]`;
}

function count(
  tally: { acknowledged: number; unknown: number; unknownSeen: number; unread: number },
  { written, reads }: Element,
): void {
  if (written?.outcome === 'ok') {
    tally.acknowledged++;
    if (!reads.some((read) => read.start > written.end)) tally.unread++;
  }
  if (written?.outcome !== 'unknown') return;
  tally.unknown++;
  if (reads.some((read) => read.output !== null)) tally.unknownSeen++;
}

function failure(problems: readonly string[], summary: string): CheckResult {
  const shown = problems.slice(0, SHOWN_MAX);
  if (problems.length > shown.length) shown.push(`... and ${problems.length - shown.length} more`);
  return fail('set', `${problems.length} keys wrong; ${summary}`, shown.join('\n'));
}
