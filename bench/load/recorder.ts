/**
 * What is counted of a load, and when: nothing before the warm time is over, nothing after the end.
 */
import { Histogram } from './histogram.js';
import type { LoadPlan, LoadResult } from './plan.js';

export class Recorder {
  readonly startMs = performance.now();
  private readonly fromMs: number;
  private readonly endMs: number;
  private readonly latencies = new Histogram();
  private cpuAtStart: NodeJS.CpuUsage | undefined;
  private cpuAtEnd: NodeJS.CpuUsage | undefined;
  private errors = 0;
  private firstError: string | undefined;

  constructor(plan: LoadPlan) {
    this.fromMs = this.startMs + plan.warmSeconds * 1000;
    this.endMs = this.fromMs + plan.seconds * 1000;
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.endMs;
  }

  /** `operations` were done at `nowMs`, each after `latencyMs`. */
  done(nowMs: number, latencyMs: number, operations: number): void {
    if (nowMs < this.fromMs) return;
    this.cpuAtStart ??= process.cpuUsage();
    if (nowMs >= this.endMs) this.cpuAtEnd ??= process.cpuUsage(this.cpuAtStart);
    else this.latencies.add(latencyMs, operations);
  }

  failed(count: number, text: string | undefined): void {
    this.errors += count;
    this.firstError ??= text;
  }

  /** Of a plan that ends by itself, the time it took; else the time that was counted. */
  result(seconds: number): LoadResult {
    const operations = this.latencies.count;
    const { user, system } = this.cpuAtEnd ?? process.cpuUsage(this.cpuAtStart);
    const at = (share: number): number => this.latencies.quantileMs(share);
    return {
      perSecond: operations / seconds,
      operations,
      seconds,
      errors: this.errors,
      ...(this.firstError === undefined ? {} : { firstError: this.firstError }),
      latencyMs: { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: this.latencies.maxMs },
      generatorCpu: (user + system) / 1e6 / seconds,
    };
  }
}
