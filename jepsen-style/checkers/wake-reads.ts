/**
 * Were there reads that a leader who had slept could have answered falsely? A run without any shows nothing of zombies.
 *
 * A read counts when it was sent to the struck node while that one slept, was answered after it woke, and some write of its key
 * had been acknowledged, through whatever node, between the strike and the sending: what the sleeper remembers of that key is
 * then too old for this read. Whether it was answered so is for the linearizability check to say.
 */
import type { History, HistoryEvent, Operation } from '../history.js';
import { type CheckResult, invalid, pass } from '../report.js';
import { STRIKE } from './validity.js';

/** The event of a struck node that runs again, its memory as it was. */
export const WOKE = 'woke';

interface Sleep {
  readonly node: number;
  readonly from: number;
  readonly until: number;
}

/** Nothing is said of a run whose faults put nobody to sleep. */
export function checkWakeReads(history: History): CheckResult[] {
  const sleeps = sleepsOf(history.faults);
  if (sleeps.length === 0) return [];
  const writes = writesByKey(history.operations);
  let waited = 0;
  let telling = 0;
  for (const sleep of sleeps) {
    for (const read of history.operations) {
      if (!waitedThrough(read, sleep)) continue;
      waited++;
      const isOverwritten = (write: Operation): boolean => write.start > sleep.from && write.end < read.start;
      if (writes.get(read.key)?.some(isOverwritten)) telling++;
    }
  }
  const summary = `${waited} reads waited for a sleeper to wake, ${telling} of them of keys written meanwhile`;
  return [telling > 0 ? pass('wake-reads', summary) : invalid('wake-reads', summary)];
}

function sleepsOf(faults: readonly HistoryEvent[]): Sleep[] {
  const sleeps: Sleep[] = [];
  faults.forEach((fault, at) => {
    if (fault.f !== STRIKE) return;
    const woke = faults.slice(at + 1).find(({ f }) => f === WOKE || f === STRIKE);
    if (woke?.f === WOKE) sleeps.push({ node: fault.node, from: fault.seq, until: woke.seq });
  });
  return sleeps;
}

function waitedThrough({ f, node, outcome, start, end }: Operation, sleep: Sleep): boolean {
  const wasSent = f === 'read' && node === sleep.node && start > sleep.from && start < sleep.until;
  return wasSent && outcome === 'ok' && end > sleep.until;
}

function writesByKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const writes = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (operation.f !== 'write' || operation.outcome !== 'ok') continue;
    const list = writes.get(operation.key);
    if (list) list.push(operation);
    else writes.set(operation.key, [operation]);
  }
  return writes;
}
