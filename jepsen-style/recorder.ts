/**
 * Writes the history: the one clock and the one order of a run.
 *
 * Everything that observes the cluster calls it from one thread, so `seq` is real time: an operation that ended
 * before another began has the smaller numbers. An `invoke` is recorded before its bytes reach the socket and a
 * completion after its reply was parsed, so that intervals are only ever too wide, which is safe.
 * Lines leave in large chunks, written synchronously: a chunk costs less than the bookkeeping of doing it
 * asynchronously would, and nothing is lost when the harness itself fails.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { type HistoryEvent, NEMESIS_PROCESS, type Value } from './history.js';

const CHUNK_BYTES_MAX = 256 * 1024;

export interface RecorderCounts {
  readonly invoked: number;
  readonly acknowledged: number;
  readonly failed: number;
  readonly unknown: number;
}

export class Recorder {
  private readonly file: number;
  private readonly startMs = performance.now();
  private chunk = '';
  private seq = 0;
  private processes = 0;
  private readonly errors = new Map<string, number>();
  private readonly tally = { invoke: 0, ok: 0, fail: 0, info: 0 };

  constructor(readonly path: string) {
    this.file = openSync(path, 'w');
  }

  get counts(): RecorderCounts {
    const { invoke, ok, fail, info } = this.tally;
    return { invoked: invoke, acknowledged: ok, failed: fail, unknown: info };
  }

  /** How often each kind of error ended an operation, by its first word, most frequent first. */
  get errorCounts(): readonly (readonly [kind: string, count: number])[] {
    return [...this.errors].sort((a, b) => b[1] - a[1]);
  }

  /** A process number that was never used before. */
  newProcess(): number {
    return this.processes++;
  }

  invoke(process: number, node: number, f: string, key: string, value: Value): void {
    this.tally.invoke++;
    this.write({ seq: this.seq++, process, f, key, value, type: 'invoke', t: this.nowMs(), node });
  }

  complete(
    type: 'ok' | 'fail' | 'info',
    invoked: { readonly process: number; readonly node: number; readonly f: string; readonly key: string },
    value: Value,
    err?: string,
  ): void {
    this.tally[type]++;
    const kind = err?.split(' ', 1)[0];
    if (kind) this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1);
    const { process, node, f, key } = invoked;
    const event = { seq: this.seq++, process, f, key, value, type, t: this.nowMs(), node };
    this.write(err === undefined ? event : { ...event, err });
  }

  fault(f: string, value: Value, node = 0): void {
    const event = { seq: this.seq++, process: NEMESIS_PROCESS, f, key: null, value };
    this.write({ ...event, type: 'info', t: this.nowMs(), node });
  }

  close(): void {
    this.flush();
    closeSync(this.file);
  }

  private nowMs(): number {
    return Math.round((performance.now() - this.startMs) * 1000) / 1000;
  }

  private write(event: HistoryEvent): void {
    this.chunk += `${JSON.stringify(event)}\n`;
    if (this.chunk.length >= CHUNK_BYTES_MAX) this.flush();
  }

  private flush(): void {
    let rest = Buffer.from(this.chunk);
    while (rest.length > 0) rest = rest.subarray(writeSync(this.file, rest));
    this.chunk = '';
  }
}
