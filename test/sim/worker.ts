/** A worker of batch.ts: runs the seeds it is handed, each twice, and says what came of them. */
import { parentPort } from 'node:worker_threads';
import type { Job, Report } from './batch.js';
import { RunFailure, simulate } from './simulate.js';

parentPort!.on('message', (job: Job) => {
  void reportOf(job).then((report) => parentPort!.postMessage(report));
});

async function reportOf({ seed, options, twice }: Job): Promise<Report> {
  try {
    const result = await simulate(seed, options);
    if (twice) {
      const again = await simulate(seed, options);
      if (again.traceHash !== result.traceHash)
        throw new Error(`two runs differ: ${result.traceHash}, ${again.traceHash}`);
    }
    return { seed, kind: 'ran', result };
  } catch (why) {
    const { message, stack } = why as Error;
    const [report, faults] = why instanceof RunFailure ? [why.report, why.faults] : [stack ?? '', []];
    return { seed, kind: 'failed', message, report, faults };
  }
}
