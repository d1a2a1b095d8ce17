/**
 * The generator as a process of its own: a plan on standard input, a result on standard output, both JSON. On its own, so that what
 * it costs can be told from what it measures.
 */
import { text } from 'node:stream/consumers';
import { runEtcdLoad } from './etcd-load.js';
import type { LoadPlan } from './plan.js';
import { Recorder } from './recorder.js';
import { runRespLoad } from './resp-load.js';

const plan = JSON.parse(await text(process.stdin)) as LoadPlan;
const recorder = new Recorder(plan);
try {
  await (plan.protocol === 'etcd' ? runEtcdLoad(plan, recorder) : runRespLoad(plan, recorder));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
const seconds = plan.mix === 'fill' ? (performance.now() - recorder.startMs) / 1000 : plan.seconds;
process.stdout.write(JSON.stringify(recorder.result(seconds)), () => process.exit(0));
