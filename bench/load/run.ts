/** Runs a load in the generator's process, to its end. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { LoadPlan, LoadResult } from './plan.js';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
/** Beyond the planned time: connecting, and the last answers. */
const PATIENCE_MS = 60_000;

/** Rejects with the generator's own words when a connection breaks. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const child = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'pipe'] });
  const timeoutMs = (plan.warmSeconds + plan.seconds) * 1000 + PATIENCE_MS;
  const deadline = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  child.stdin.end(JSON.stringify(plan));
  const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  clearTimeout(deadline);
  if (said === '')
    throw new Error(`load ${plan.mix}: ${complaint.trim() || `no result after ${timeoutMs} ms`}`);
  return JSON.parse(said) as LoadResult;
}
