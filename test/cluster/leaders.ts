/**
 * Who leads which slot, as nodes tell it to Redis Cluster clients.
 */
import { type Address, RespClient } from '../../jepsen-style/resp-client.js';
import type { RespReply } from '../../jepsen-style/resp-parser.js';
import { slotOfHash } from '../../src/slot/hash.js';

const TIMEOUT_MS = 5000;

/** By slot, the leader's advertised address as `host:clusterPort`; undefined while `node` knows none. */
export async function leadersBySlot(node: Address, slots: number): Promise<(string | undefined)[]> {
  const client = await RespClient.connect(node, TIMEOUT_MS);
  const outcome = await client.call('CLUSTER', 'SLOTS');
  client.close();
  const leaders = new Array<string | undefined>(slots).fill(undefined);
  if (outcome.kind !== 'ok' || outcome.reply.kind !== 'array') return leaders;
  for (const range of outcome.reply.items) {
    const [first, , leader] = range.kind === 'array' ? range.items : [];
    if (first?.kind === 'integer') leaders[slotOfHash(first.value, slots)] = addressOf(leader);
  }
  return leaders;
}

function addressOf(reply: RespReply | undefined): string | undefined {
  const [host, port] = reply?.kind === 'array' ? reply.items : [];
  return host?.kind === 'bulk' && port?.kind === 'integer' ? `${host.text}:${port.value}` : undefined;
}

/** The node that leads most, the first among equals; `addresses` as leaders are told. */
export function busiestOf(leaders: readonly (string | undefined)[], addresses: readonly string[]): number {
  const led = addresses.map((address) => leaders.filter((leader) => leader === address).length);
  return 1 + led.indexOf(Math.max(...led));
}

export function slotsLedBy(address: string, leaders: readonly (string | undefined)[]): number[] {
  return leaders.flatMap((leader, slot) => (leader === address ? [slot] : []));
}
