/**
 * WAIT: until enough other replicas have this connection's last writes on their disks.
 *
 * What counts is known to the leaders (node/waits.ts); here are only Redis' words for arguments that make no sense.
 */
import { integer } from '../resp/reply.js';
import { integerArgument } from './arguments.js';
import { type Args, CommandError, type LocalRow } from './command.js';
import { traits } from './traits.js';

const wait = {
  name: 'wait',
  summary: 'Blocks until the given number of other replicas have the last writes of the connection on disk.',
  since: '3.0.0',
  group: 'generic',
  complexity: 'O(1)',
  arity: 3,
  ...traits(['blocking', 'connection'], ['blocking']),
  async local(session, args) {
    const needed = Math.min(Math.max(0, Number(integerArgument(args[1]!))), REPLICAS_MAX);
    return integer(await session.replicasWith(needed, timeoutMs(args)));
  },
} as const satisfies LocalRow;

/** More than any group has. */
const REPLICAS_MAX = 1000;

/** 0 is for ever. */
function timeoutMs(args: Args): number {
  const timeout = Number(integerArgument(args[2]!, 'ERR timeout is not an integer or out of range'));
  if (timeout < 0) throw new CommandError('ERR timeout is negative');
  return timeout === 0 ? Number.POSITIVE_INFINITY : timeout;
}

export const waitRows = [wait] as const;
