/**
 * Who leads and who serves, asked of the nodes themselves in Redis Cluster's words: that works with the placement manager dead.
 */
import { type Address, RespClient } from './resp-client.js';
import type { RespReply } from './resp-parser.js';

const TIMEOUT_MS = 2000;

/** Hash slots led of a table, by the port that each leader advertises, from the first of `nodes` that answers. */
export async function leadersOf(nodes: readonly Address[], table: string): Promise<Map<number, number>> {
  for (const node of nodes) {
    const reply = await ask(node, ['SELECT', table], ['CLUSTER', 'SLOTS']);
    if (reply?.kind === 'array' && reply.items.length > 0) return countLeaders(reply.items);
  }
  return new Map();
}

/** True when the node executes commands; one that is still loading answers too, with an error. */
export async function serves(node: Address): Promise<boolean> {
  return (await ask(node, ['GET', 'jepsen-probe'])) !== undefined;
}

export async function knowsTable(node: Address, name: string): Promise<boolean> {
  return (await ask(node, ['SELECT', name])) !== undefined;
}

/** The last command's reply; undefined unless all were done. */
async function ask(node: Address, ...commands: (readonly string[])[]): Promise<RespReply | undefined> {
  try {
    const client = await RespClient.connect(node, TIMEOUT_MS);
    const outcomes = await Promise.all(commands.map((words) => client.call(...words)));
    client.close();
    const last = outcomes.at(-1);
    return last?.kind === 'ok' && outcomes.every(({ kind }) => kind === 'ok') ? last.reply : undefined;
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
