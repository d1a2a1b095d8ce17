/** Runs seeds 1, 2, ... of the program that it was compiled with, each once, and ends at the first that fails: `found SEED WORDS`. */
import { jobsOf, runBatch } from './batch.js';

await runBatch({
  jobs: jobsOf(1, Number(process.argv[2]), { form: 'long' }, false),
  workers: 1,
  take: (report) => {
    if (report.kind === 'ran') return false;
    console.log(`found ${report.seed} ${report.message.split('\n')[0]}`);
    return true;
  },
});
