/**
 * Who leads which slot, as nodes tell it to Redis Cluster clients.
 */
import { waitUntil } from '../../jepsen-style/processes.js';
import { type Address, RespClient } from '../../jepsen-style/resp-client.js';
import type { RespReply } from '../../jepsen-style/resp-parser.js';
import { slotOfHash } from '../../src/slot/hash.js';

const TIMEOUT_MS = 5000;
const SETTLED_POLLS = 6;
const SETTLE_POLL_MS = 500;
const SETTLE_MS_MAX = 60_000;

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

/** As leadersBySlot, once every slot has had the same leader for a while: at first the placement manager spreads them. */
export async function settledLeaders(node: Address, slots: number): Promise<(string | undefined)[]> {
  let last: (string | undefined)[] = [];
  let same = 0;
  const isSettled = async (): Promise<boolean> => {
    const now = await leadersBySlot(node, slots);
    same = !now.includes(undefined) && now.join() === last.join() ? same + 1 : 0;
    last = now;
    return same >= SETTLED_POLLS;
  };
  if (!(await waitUntil(isSettled, SETTLE_MS_MAX, SETTLE_POLL_MS)))
    throw new Error(`leaders still move after ${SETTLE_MS_MAX} ms`);
  return last;
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
