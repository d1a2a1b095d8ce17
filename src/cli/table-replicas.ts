/**
 * `talus table replicas`: wishes for another number of replicas, and waits, if asked to, until every slot has them.
 *
 * The wish is kept by PM and the slots' leaders work towards it by themselves, so ending this command ends nothing: it only
 * watches. It can be repeated at any time.
 */
import type { Command } from 'commander';
import { silentLog } from '../env.js';
import { type AdminClient, AdminError } from '../rpc/admin-client.js';
import type { AdminSlot } from '../rpc/admin-wire.js';
import { systemEnv } from '../system-env.js';
import { addClientOptions, integerOption, withAdmin } from './client.js';

interface ReplicasOptions extends Readonly<Record<string, unknown>> {
  readonly wait?: boolean;
  readonly timeout: number;
}

const TIMEOUT_SECONDS = 600;
const POLL_MS = 500;
/** Named in the message of a wait that was too long. */
const SLOTS_NAMED_MAX = 8;

export function registerReplicas(table: Command): void {
  addClientOptions(
    table.command('replicas <name> <number>').description('give each slot of a table 1, 3, 5 or 7 replicas'),
  )
    .option('--wait', 'until every slot has exactly these')
    .option('--timeout <seconds>', 'wait no longer', integerOption('--timeout', 1), TIMEOUT_SECONDS)
    .action(change);
}

async function change(name: string, numberText: string, options: ReplicasOptions): Promise<void> {
  const replicas = integerOption('number', 1)(numberText);
  await withAdmin(options, async (client) => {
    await client.updateTable({ name, replicas });
    if (options.wait) await awaitMembers(client, name, replicas, options.timeout);
  });
  const state = options.wait ? 'every slot has them' : 'the slots are changing';
  process.stdout.write(`table ${name}: ${replicas} replicas wished, ${state}\n`);
}

/** A PM that dies meanwhile is waited for: the wish stands. */
async function awaitMembers(
  client: AdminClient,
  name: string,
  replicas: number,
  timeoutSeconds: number,
): Promise<void> {
  const env = systemEnv(silentLog);
  const deadlineMs = env.monotonicMs() + timeoutSeconds * 1000;
  for (;;) {
    const left = await client.listSlots(name).then((slots) => unsettled(slots, replicas), whenUnavailable);
    if (left === undefined) return;
    if (env.monotonicMs() >= deadlineMs)
      throw new Error(`after ${timeoutSeconds} seconds: ${left}; the wish stands`);
    await new Promise<void>((resolve) => env.after(POLL_MS, resolve));
  }
}

/** What is still to be done, in words; undefined: nothing. A PM that has not heard of the wish yet speaks of an older one. */
function unsettled(slots: readonly AdminSlot[], replicas: number): string | undefined {
  const isOpen = ({ asWished, wishedNodeIds }: AdminSlot): boolean =>
    !asWished || wishedNodeIds.length !== replicas;
  const open = slots.filter(isOpen).map(({ slot }) => slot);
  if (open.length === 0) return undefined;
  const named = open.slice(0, SLOTS_NAMED_MAX).join(', ');
  return `${open.length} slots are not as wished yet (${named}${open.length > SLOTS_NAMED_MAX ? ', ...' : ''})`;
}

function whenUnavailable(error: unknown): string {
  if (error instanceof AdminError && ['UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(error.code))
    return error.message;
  throw error;
}
