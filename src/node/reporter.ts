/**
 * What this node tells PM of its replicas: now and then, and soon after a leadership moved. A report that nobody takes is
 * no loss, the next one says it all again.
 */
import type { Env, Timer } from '../env.js';
import type { NodeReport } from '../rpc/topology.js';
import type { Replicas } from './replicas.js';
import { reportOf } from './report.js';

export interface ReporterHost {
  facts(): Omit<NodeReport, 'replicas'>;
  send(report: NodeReport): void;
}

/** Leadership moves in bursts: one report tells of all of them. */
const SOON_MS = 20;

export class Reporter {
  private timer: Timer | undefined;
  private due = false;
  private closed = false;

  constructor(
    private readonly env: Env,
    private readonly intervalMs: number,
    private readonly replicas: Pick<Replicas, 'all'>,
    private readonly host: ReporterHost,
  ) {}

  start(): void {
    this.timer = this.env.after(this.intervalMs, () => {
      this.report();
      this.start();
    });
  }

  soon(): void {
    if (this.due) return;
    this.due = true;
    this.env.after(SOON_MS, () => {
      this.due = false;
      this.report();
    });
  }

  report(): void {
    if (this.closed) return;
    this.host.send({ ...this.host.facts(), replicas: [...this.replicas.all].map(reportOf) });
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }
}
