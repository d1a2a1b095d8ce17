/**
 * The clients' verdict over a run: every key linearizable, every counter and every log exact.
 *
 * Counters and logs are also keys of the model; where their history is too long for the search the linear-time checks stand alone.
 */
import { explain } from '../../../jepsen-style/checkers/explain.js';
import { checkLinearizable } from '../../../jepsen-style/checkers/linearizable.js';
import type { History, Recorded } from '../history.js';
import { type Action, keyModel } from './key-model.js';

export interface Judgement {
  readonly keys: number;
  /** Keys whose search ran out of its budget: neither legal nor illegal. */
  readonly undecided: readonly string[];
  /** What is wrong, for a reader. */
  readonly faults: readonly string[];
}

const STEPS_MAX = 200_000;

export function judge(history: History): Judgement {
  const undecided: string[] = [];
  const faults: string[] = [];
  for (const [key, list] of history.keys) {
    if (key.startsWith('count')) faults.push(...counterFaults(key, list));
    if (key.startsWith('log')) faults.push(...logFaults(key, list));
    faults.push(...sessionFaults(key, list));
    const verdict = checkLinearizable(keyModel, list, STEPS_MAX);
    if (verdict.kind === 'unknown') undecided.push(key);
    if (verdict.kind === 'illegal')
      faults.push(`key ${key} is not linearizable\n${explain(keyModel, list, verdict.prefix)}`);
  }
  return { keys: history.keys.size, undecided, faults };
}

/** Only INCR and GET touch it: acknowledged <= final <= acknowledged + unknown, and no result comes twice. */
function counterFaults(key: string, list: readonly Recorded[]): string[] {
  if (list.some(({ action }) => action.kind !== 'increment' && action.kind !== 'get')) return [];
  const increments = list.filter(({ action }) => action.kind === 'increment');
  const results = new Set<number>();
  for (const { action } of increments) {
    const result = (action as Action & { kind: 'increment' }).result;
    if (result === undefined) continue;
    if (results.has(result)) return [`${key}: two increments answered ${result}`];
    results.add(result);
  }
  const final = Number(lastSeen(list) ?? 0);
  if (final >= results.size && final <= increments.length) return [];
  return [`${key}: ${final} at the end, ${results.size} acknowledged, ${increments.length} possible`];
}

/** Only APPEND of unique words `session-number;` touches it: each acknowledged one is there once, in its session's order. */
function logFaults(key: string, list: readonly Recorded[]): string[] {
  if (list.some(({ action }) => action.kind !== 'append' && action.kind !== 'get')) return [];
  const words = (lastSeen(list) ?? '').split(';').slice(0, -1);
  const faults: string[] = [];
  const seen = new Set(words.map((word) => `${word};`));
  if (seen.size !== words.length) faults.push(`${key}: a word twice: ${words.join(' ')}`);
  const possible = new Set<string>();
  for (const { action } of list) {
    if (action.kind !== 'append') continue;
    possible.add(action.value);
    if (action.length !== undefined && !seen.has(action.value))
      faults.push(`${key}: acknowledged ${action.value} is lost`);
  }
  for (const word of seen)
    if (!possible.has(word)) faults.push(`${key}: ${word} was refused or never asked for`);
  const newest = new Map<string, number>();
  for (const word of words) {
    const [session, number] = word.split('-') as [string, string];
    if (Number(number) < (newest.get(session) ?? -1))
      faults.push(`${key}: ${word} out of its session's order`);
    newest.set(session, Number(number));
  }
  return faults;
}

/**
 * One connection's commands on one key run in the order sent, also those under way together, which linearizability alone does not
 * ask for: a read sees no value that its own session asked for later, and none that its own session overwrote before.
 */
function sessionFaults(key: string, list: readonly Recorded[]): string[] {
  const faults: string[] = [];
  const writes = list.filter(({ action }) => action.kind === 'set');
  const byValue = new Map(writes.map((write) => [(write.action as Action & { kind: 'set' }).value, write]));
  for (const read of list) {
    const found = read.action.kind === 'get' ? read.action.found : undefined;
    const write = typeof found === 'string' ? byValue.get(found) : undefined;
    if (write === undefined || write.label !== read.label) continue;
    const between = (other: Recorded): boolean =>
      other.label === read.label &&
      other.end !== Infinity &&
      other.start > write.start &&
      other.start < read.start;
    if (write.start > read.start) faults.push(`${key}: ${read.label} read ${found}, which it wrote later`);
    else if (writes.some(between))
      faults.push(`${key}: ${read.label} read ${found}, which it had overwritten`);
  }
  return faults;
}

/** The read that ended last; runs end with one of each key. */
function lastSeen(list: readonly Recorded[]): string | null {
  let last: Recorded | undefined;
  for (const recorded of list) {
    if (recorded.action.kind === 'get' && recorded.end !== Infinity && recorded.end > (last?.end ?? 0))
      last = recorded;
  }
  return (last?.action as (Action & { kind: 'get' }) | undefined)?.found ?? null;
}
