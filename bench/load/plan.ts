/**
 * What a load is, and what came of it: plain data that the bench writes to the generator's standard input and reads from its
 * output.
 */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Only keys whose hash lies in one of these ranges, ends included, are asked for here; absent: any key. */
  readonly hashes?: readonly (readonly [first: number, last: number])[];
}

export interface LoadPlan {
  readonly protocol: 'resp' | 'etcd';
  /** Connections are dealt out to them in turn. */
  readonly targets: readonly Target[];
  /** A name that commands.ts knows; `fill` writes every key once and ends. */
  readonly mix: string;
  /** `WAIT 1` after each command, in the same write; the command is done when WAIT is answered. */
  readonly wait: boolean;
  readonly connections: number;
  /** Commands a write; the next write leaves when all of them are answered. */
  readonly pipeline: number;
  readonly valueBytes: number;
  readonly keys: number;
  /** Not counted. */
  readonly warmSeconds: number;
  readonly seconds: number;
  /**
   * Commands a second, all connections together, sent when they are due whether earlier ones were answered or not, and timed from
   * when they were due: what a stand-still costs those behind it is counted. Absent: each connection sends as it is answered.
   */
  readonly rate?: number;
  /** Sent first on each connection; each must be answered without an error. */
  readonly greeting?: readonly (readonly string[])[];
}

export interface LatencyMs {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly operations: number;
  readonly seconds: number;
  /** Error replies, and WAITs that nobody acknowledged. */
  readonly errors: number;
  readonly firstError?: string;
  readonly latencyMs: LatencyMs;
  /** Of the generator, in cores: near 1 it is itself what was measured. */
  readonly generatorCpu: number;
}
