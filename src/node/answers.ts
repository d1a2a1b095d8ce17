/**
 * What a client is told when its command was not simply done: the words, in one place.
 *
 * A definite error means that nothing happened and nothing will; `UNCERTAIN` that nobody knows. No other word may stand
 * between them: clients decide by it whether to send again.
 */
import { error, type Reply } from '../resp/reply.js';
import { DEFAULT_TABLE_ID } from '../rpc/topology.js';
import type { RouteOutcome } from './router.js';

export const NOT_AUTHENTICATED = error('NOAUTH Authentication required.');
export const WRONG_PASSWORD = error('WRONGPASS invalid username-password pair or user is disabled.');
export const NO_PASSWORD_SET = error(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);
export const CROSS_SLOT = error("CROSSSLOT Keys in request don't hash to the same slot");
export const NO_TABLE = error('ERR DB index is out of range');
export const STARTING = error('LOADING the node has not learned the cluster topology yet');
const UNCERTAIN = error('UNCERTAIN the command may or may not have been executed');
const DROPPED = error('ERR the table of this connection was dropped: SELECT another');

const REFUSALS: Readonly<Record<(RouteOutcome & { kind: 'refused' })['why'], Reply>> = {
  noLeader: error('CLUSTERDOWN Hash slot not served'),
  notLeader: error('CLUSTERDOWN Hash slot not served'),
  busy: error('TRYAGAIN too many requests wait for this slot'),
  timeout: error('TRYAGAIN the command waited too long and was not executed'),
  tooLarge: error('ERR the command is larger than proposal-bytes-max'),
  replyTooLarge: error('ERR the reply is larger than client-output-buffer-max'),
  diskFull: error('MISCONF the disk is nearly full: commands that may need more room are refused'),
};

/** What a command is told whose connection has no table. */
export function withoutTable(tableId: number): Reply {
  return tableId === DEFAULT_TABLE_ID ? STARTING : DROPPED;
}

export function replyTo(outcome: RouteOutcome): Reply {
  if (outcome.kind === 'done') return outcome.replies[0]!;
  return outcome.kind === 'unknown' ? UNCERTAIN : REFUSALS[outcome.why];
}
