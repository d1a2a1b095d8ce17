/**
 * What a workload is, and the part that all share: reading every key back through every node.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../src/random.js';
import type { History } from '../history.js';
import { PinnedClient, readRequest } from '../pinned-client.js';
import type { Recorder } from '../recorder.js';
import { type CheckResult, fail, pass } from '../report.js';
import type { Address } from '../resp-client.js';

export interface WorkloadContext {
  readonly recorder: Recorder;
  /** The clients' way to node 1, 2, ... */
  readonly nodes: readonly Address[];
  readonly random: Random;
  readonly clients: number;
  readonly timeoutMs: number;
  /** Before every key, so that a server with other data can be used. */
  readonly prefix: string;
  readonly onAnomaly: (text: string) => void;
}

export interface Workload {
  readonly name: string;
  /** Keeps the clients busy until `isOver`; no operation is under way when it resolves. */
  drive(context: WorkloadContext, isOver: () => boolean): Promise<void>;
  /** Every key that was ever written to. */
  keys(): readonly string[];
  judge(history: History): CheckResult[];
  /** In async mode, made beforehand; undefined: the default one. */
  readonly table?: { readonly name: string; readonly slots: number };
  /** Called when everything is healed, after reading back. */
  conclude?(context: WorkloadContext): Promise<CheckResult[]>;
}

export function clientOf(context: WorkloadContext, node: number, table?: string): PinnedClient {
  const { recorder, nodes, timeoutMs, onAnomaly } = context;
  return new PinnedClient(recorder, node, nodes[node - 1]!, timeoutMs, onAnomaly, table);
}

const READ_BACK_LANES = 64;
const READ_BACK_MS_MAX = 60_000;
const RETRY_PAUSE_MS = 200;

/** A cluster whose faults are healed must answer for all it holds; what it says is judged with the history. */
export async function readBack(context: WorkloadContext, keys: readonly string[]): Promise<CheckResult> {
  const deadlineMs = performance.now() + READ_BACK_MS_MAX;
  const unread = await Promise.all(
    context.nodes.map((_, index) => readAllThrough(context, index + 1, keys, deadlineMs)),
  );
  const missing = unread.reduce((sum, count) => sum + count, 0);
  const summary = `${keys.length} keys through ${context.nodes.length} nodes`;
  if (missing === 0) return pass('read-back', summary);
  return fail(
    'read-back',
    `${missing} reads never answered after healing: ${summary}, by node ${unread.join(', ')}`,
  );
}

async function readAllThrough(
  context: WorkloadContext,
  node: number,
  keys: readonly string[],
  deadlineMs: number,
): Promise<number> {
  const client = clientOf(context, node);
  const queue = [...keys];
  let unread = 0;
  const drain = async (): Promise<void> => {
    const lane = client.lane();
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const request = readRequest(key);
      while ((await client.perform(lane, request)).kind !== 'ok') {
        if (performance.now() > deadlineMs) {
          unread++;
          break;
        }
        await sleep(RETRY_PAUSE_MS);
      }
    }
  };
  await Promise.all(Array.from({ length: READ_BACK_LANES }, drain));
  client.close();
  return unread;
}
