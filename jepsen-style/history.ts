/**
 * What happened, as the recorder wrote it: one JSON object a line, in one total order.
 *
 * `seq` is that order and what the checkers go by; `t` is for readers. An operation is an `invoke` and at most
 * one completion of the same process: `ok` it happened, `fail` it certainly did not, `info` nobody knows. A
 * process whose operation is unknown is never used again, because that operation may still be under way.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

export type Value = string | number | null;

export interface HistoryEvent {
  readonly seq: number;
  /** NEMESIS_PROCESS for faults, which are events of their own and no operations. */
  readonly process: number;
  readonly f: string;
  readonly key: string | null;
  readonly value: Value;
  readonly type: 'invoke' | 'ok' | 'fail' | 'info';
  /** Milliseconds since the recorder started, monotonic. */
  readonly t: number;
  /** 1, 2, ...; 0 for none. */
  readonly node: number;
  readonly err?: string;
}

export const NEMESIS_PROCESS = -1;

export interface Operation {
  readonly process: number;
  readonly node: number;
  readonly f: string;
  readonly key: string;
  readonly input: Value;
  readonly outcome: 'ok' | 'fail' | 'unknown';
  /** The reply's value; null unless `ok`. */
  readonly output: Value;
  readonly error: string;
  readonly start: number;
  /** Infinity when unknown. */
  readonly end: number;
}

export interface History {
  readonly operations: readonly Operation[];
  readonly faults: readonly HistoryEvent[];
  /** `seq` of every acknowledged completion, ascending. */
  readonly acknowledged: readonly number[];
}

export class HistoryError extends Error {
  override readonly name = 'HistoryError';
}

export async function readHistory(path: string): Promise<History> {
  const builder = new HistoryBuilder();
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line !== '') builder.add(parseLine(line, number));
  }
  return builder.finish();
}

export function historyOf(events: Iterable<HistoryEvent>): History {
  const builder = new HistoryBuilder();
  for (const event of events) builder.add(event);
  return builder.finish();
}

function parseLine(line: string, number: number): HistoryEvent {
  try {
    return JSON.parse(line) as HistoryEvent;
  } catch {
    throw new HistoryError(`line ${number} is no event: ${line.slice(0, 80)}`);
  }
}

class HistoryBuilder {
  private readonly operations: Operation[] = [];
  private readonly faults: HistoryEvent[] = [];
  private readonly acknowledged: number[] = [];
  private readonly open = new Map<number, HistoryEvent>();
  private readonly retired = new Set<number>();
  private latestSeq = -1;

  add(event: HistoryEvent): void {
    if (event.seq <= this.latestSeq) throw new HistoryError(`seq ${event.seq} after ${this.latestSeq}`);
    this.latestSeq = event.seq;
    if (event.process === NEMESIS_PROCESS) this.faults.push(event);
    else if (event.type === 'invoke') this.invoke(event);
    else this.complete(event);
  }

  finish(): History {
    for (const invoke of this.open.values()) this.operations.push(operationOf(invoke, undefined));
    this.operations.sort((a, b) => a.start - b.start);
    return { operations: this.operations, faults: this.faults, acknowledged: this.acknowledged };
  }

  private invoke(event: HistoryEvent): void {
    if (this.open.has(event.process) || this.retired.has(event.process)) {
      throw new HistoryError(`process ${event.process} invokes at seq ${event.seq} and is not free`);
    }
    this.open.set(event.process, event);
  }

  private complete(event: HistoryEvent): void {
    const invoke = this.open.get(event.process);
    if (!invoke) throw new HistoryError(`completion without invoke at seq ${event.seq}`);
    this.open.delete(event.process);
    this.operations.push(operationOf(invoke, event));
    if (event.type === 'ok') this.acknowledged.push(event.seq);
    if (event.type === 'info') this.retired.add(event.process);
  }
}

function operationOf(invoke: HistoryEvent, completion: HistoryEvent | undefined): Operation {
  const type = completion?.type ?? 'info';
  return {
    process: invoke.process,
    node: invoke.node,
    f: invoke.f,
    key: invoke.key ?? '',
    input: invoke.value,
    outcome: type === 'ok' || type === 'fail' ? type : 'unknown',
    output: completion && type === 'ok' ? completion.value : null,
    error: completion?.err ?? '',
    start: invoke.seq,
    end: completion && type !== 'info' ? completion.seq : Infinity,
  };
}
