/**
 * Who leads and who serves, asked of the nodes themselves in Redis Cluster's words: that works with the placement manager dead.
 */
import { type Address, RespClient } from './resp-client.js';
import type { RespReply } from './resp-parser.js';

const TIMEOUT_MS = 2000;

/** Hash slots led, by the port that each leader advertises, from the first of `nodes` that answers. */
export async function leadersOf(nodes: readonly Address[]): Promise<Map<number, number>> {
  for (const node of nodes) {
    const reply = await ask(node, 'CLUSTER', 'SLOTS');
    if (reply?.kind === 'array' && reply.items.length > 0) return countLeaders(reply.items);
  }
  return new Map();
}

/** True when the node executes commands; one that is still loading answers too, with an error. */
export async function serves(node: Address): Promise<boolean> {
  return (await ask(node, 'GET', 'jepsen-probe')) !== undefined;
}

export async function knowsTable(node: Address, name: string): Promise<boolean> {
  return (await ask(node, 'SELECT', name)) !== undefined;
}

async function ask(node: Address, ...args: string[]): Promise<RespReply | undefined> {
  try {
    const client = await RespClient.connect(node, TIMEOUT_MS);
    const outcome = await client.call(...args);
    client.close();
    return outcome.kind === 'ok' ? outcome.reply : undefined;
  } catch {
    return undefined;
  }
}

/** Each item: first slot, last slot, then [host, port, ...] of the leader and of the replicas. */
export function countLeaders(ranges: readonly RespReply[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const range of ranges) {
    if (range.kind !== 'array') continue;
    const [first, last, leader] = range.items;
    const port = leader?.kind === 'array' ? leader.items[1] : undefined;
    if (first?.kind !== 'integer' || last?.kind !== 'integer' || port?.kind !== 'integer') continue;
    counts.set(port.value, (counts.get(port.value) ?? 0) + last.value - first.value + 1);
  }
  return counts;
}
