/**
 * Are the replicas of a cluster alike? Each node is asked for what its own replicas hold (READONLY), key by key.
 *
 * A node answers such a read only when its replica has applied all that was committed when it was asked, so with nobody
 * writing there is one right answer, and it is every node's. What nobody asks for is seen on the disks, when the nodes are stopped.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { digestsAt } from './engine-digests.js';
import { type CheckResult, fail, pass } from './report.js';
import { type Address, RespClient } from './resp-client.js';
import type { RespReply } from './resp-parser.js';

const TIMEOUT_MS = 10_000;
const ANSWER_MS_MAX = 60_000;
const PAUSE_MS = 200;
const PIPELINE = 500;

/** One line for each difference, a bounded number of them; empty when all hold the same. */
export async function differences(nodes: readonly Address[], keys: readonly string[]): Promise<string[]> {
  const held = await Promise.all(nodes.map((node) => readOwn(node, keys)));
  const found: string[] = [];
  for (const [at, key] of keys.entries()) {
    const values = held.map((values) => values[at]);
    if (values.some((value) => value !== values[0])) found.push(`${key}: ${values.join(' | ')}`);
    if (found.length === DIFFERENCES_SHOWN) break;
  }
  return found;
}

const DIFFERENCES_SHOWN = 20;
/** As tables are made when nobody says otherwise. */
const REPLICAS = 3;

/** What the engines of stopped nodes hold: as many equal copies of each slot as it has replicas. */
export async function compareDisks(engines: readonly string[]): Promise<CheckResult> {
  const replicas = Math.min(REPLICAS, engines.length);
  const held = await Promise.all(engines.map((path) => digestsAt(path)));
  const copies = new Map<string, number>();
  for (const digest of held.flat()) copies.set(digest, (copies.get(digest) ?? 0) + 1);
  const slots = held.flat().length / replicas;
  const isAlike = slots > 0 && [...copies.values()].every((count) => count % replicas === 0);
  if (isAlike) return pass('disks', `${slots} slots, ${replicas} replicas each with equal digests`);
  const lines = held.map((digests, at) => `node ${at + 1}: ${[...digests].sort().join(' ')}`);
  return fail('disks', 'the digests of the stopped nodes differ', lines.join('\n'));
}

/** What the node's own replicas hold, one text a key. */
async function readOwn(node: Address, keys: readonly string[]): Promise<string[]> {
  const deadlineMs = performance.now() + ANSWER_MS_MAX;
  for (;;) {
    try {
      return await readAll(node, keys);
    } catch (why) {
      if (performance.now() > deadlineMs) throw why;
      await sleep(PAUSE_MS);
    }
  }
}

async function readAll(node: Address, keys: readonly string[]): Promise<string[]> {
  const client = await RespClient.connect(node, TIMEOUT_MS);
  try {
    must(await client.call('READONLY'));
    const values: string[] = [];
    for (let at = 0; at < keys.length; at += PIPELINE) {
      const replies = keys.slice(at, at + PIPELINE).map((key) => client.call('GET', key));
      for (const outcome of await Promise.all(replies)) values.push(textOf(must(outcome)));
    }
    return values;
  } finally {
    client.close();
  }
}

function must(outcome: Awaited<ReturnType<RespClient['call']>>): RespReply {
  if (outcome.kind !== 'ok') throw new Error(`a replica does not answer: ${outcome.error}`);
  return outcome.reply;
}

function textOf(reply: RespReply): string {
  return reply.kind === 'bulk' ? JSON.stringify(reply.text) : reply.kind;
}
