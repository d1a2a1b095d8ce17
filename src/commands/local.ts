/** Runs a row that the client's own node answers; the user's mistake becomes a reply, thrown or rejected alike. */
import { error, type Reply } from '../resp/reply.js';
import { type Args, CommandError, type LocalRow } from './command.js';
import type { Session } from './session.js';

export function runLocal(row: LocalRow, session: Session, args: Args): Reply | Promise<Reply> {
  try {
    row.parse?.(args);
    const reply = row.local(session, args);
    return reply instanceof Promise ? reply.catch(mistake) : reply;
  } catch (thrown) {
    return mistake(thrown);
  }
}

function mistake(thrown: unknown): Reply {
  if (thrown instanceof CommandError) return error(thrown.message);
  throw thrown;
}
