/**
 * Are the replicas of a cluster alike? Each node is asked for what its own replicas hold (READONLY), key by key.
 *
 * A node answers such a read only when its replica has applied all that was committed when it was asked, so with nobody
 * writing there is one right answer, and it is every node's. Left out: keys that nobody asks for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
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
