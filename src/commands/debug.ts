/**
 * DEBUG: what only a test would do to a node. Refused unless the node is started with `enable-debug-command`, in Redis' words.
 *
 * SLEEP is the one subcommand: it blocks the whole process, as Redis does, so that its clients, its leases and its elections meet
 * a leader whose event loop stood still.
 */
import { error, OK, type Reply } from '../resp/reply.js';
import { isWord } from './arguments.js';
import { type Args, CommandError, type LocalRow } from './command.js';
import { NOT_A_FLOAT, quoted } from './errors.js';
import type { Session } from './session.js';
import { helpReply } from './text.js';
import { CONNECTION_FLAGS, traits } from './traits.js';

const SLEEP_SECONDS_MAX = 3600;

const NOT_ALLOWED =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local ' +
  'connection, otherwise you need to set this option in the configuration file, and then restart the server.';

export const debugRow = {
  name: 'debug',
  summary: 'A container for debugging commands.',
  since: '1.0.0',
  group: 'server',
  complexity: 'Depends on subcommand.',
  arity: -2,
  ...traits([], ['admin', ...CONNECTION_FLAGS]),
  local: runDebug,
} as const satisfies LocalRow;

function runDebug(session: Session, args: Args): Reply {
  const { debugCommand } = session.node;
  const mayAsk = debugCommand === 'yes' || (debugCommand === 'local' && session.fromLoopback);
  if (!mayAsk) return error(NOT_ALLOWED);
  if (isWord(args[1]!, 'help') && args.length === 2) {
    return helpReply('debug', ['SLEEP <seconds>', '    Stop the server for <seconds>. Decimals allowed.']);
  }
  if (!isWord(args[1]!, 'sleep') || args.length !== 3) {
    const word = quoted(args[1]!);
    return error(`ERR unknown subcommand or wrong number of arguments for '${word}'. Try DEBUG HELP.`);
  }
  session.node.block(sleepSeconds(args[2]!) * 1000);
  return OK;
}

/** Redis takes anything here, and takes words for 0; a test that misspells its pause had better hear of it. */
function sleepSeconds(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(seconds)) throw new CommandError(NOT_A_FLOAT);
  return Math.min(seconds, SLEEP_SECONDS_MAX);
}
