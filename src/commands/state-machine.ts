/**
 * The two functions that a slot is given: how commands read and change its keys.
 *
 * How a run ends, and what the slot does then:
 *   a reply                   effects stand
 *   CommandError              the user's mistake: an error reply, `failed`, effects dropped
 *   anything else thrown      ours: `ERR internal error`, `failed`, effects dropped, alike on every replica, so that no
 *                             entry kills its group at every restart
 *   PageFault                 let through: the slot loads what is missing and runs again
 *   InvariantError            let through: the process stops
 * `failed` says only that effects must go; it says nothing of whether the command may be sent again.
 *
 * Commands are checked again here although the gate has seen them: an entry may have been written by another version.
 */
import { InvariantError } from '../assert.js';
import { error, type Reply } from '../resp/reply.js';
import { PageFault, type ReadContext, type Txn, type View, type WriteContext } from '../slot/txn.js';
import { type Args, CommandError } from './command.js';
import { INTERNAL_ERROR } from './errors.js';
import { findRow, gate, isRead, isWrite, keysOf } from './table.js';

export interface Outcome {
  readonly reply: Reply;
  /** The run threw: its effects must be dropped. */
  readonly failed: boolean;
}

export interface CommandStateMachine {
  read(view: View, argv: Args, ctx: ReadContext): Reply;
  /** Reads are welcome, too: a MULTI/EXEC group holds both. */
  apply(txn: Txn, argv: Args, ctx: WriteContext): Outcome;
  /** The keys that a command will touch, to be loaded together before it runs; none where it is not understood. */
  keys(argv: Args): readonly Buffer[];
}

/** May it need more room than it frees? Redis' own list: what it denies where memory is short. */
export function takesRoom(argv: Args): boolean {
  return findRow(argv)?.flags.includes('denyoom') ?? true;
}

export const stateMachine: CommandStateMachine = { read, apply, keys };

function read(view: View, argv: Args, ctx: ReadContext): Reply {
  const gated = gate(argv);
  if (gated.kind === 'refused') return gated.reply;
  const { row } = gated;
  if (!isRead(row)) return error(INTERNAL_ERROR);
  try {
    row.parse?.(argv);
    return row.read(view, argv, ctx);
  } catch (thrown) {
    return failure(thrown);
  }
}

function apply(txn: Txn, argv: Args, ctx: WriteContext): Outcome {
  const gated = gate(argv);
  if (gated.kind === 'refused') return { reply: gated.reply, failed: true };
  const { row } = gated;
  if (!isWrite(row) && !isRead(row)) return { reply: error(INTERNAL_ERROR), failed: true };
  try {
    row.parse?.(argv);
    return { reply: isWrite(row) ? row.write(txn, argv, ctx) : row.read(txn, argv, ctx), failed: false };
  } catch (thrown) {
    return { reply: failure(thrown), failed: true };
  }
}

function keys(argv: Args): readonly Buffer[] {
  const row = findRow(argv);
  return row === undefined ? [] : keysOf(row, argv);
}

function failure(thrown: unknown): Reply {
  if (thrown instanceof PageFault || thrown instanceof InvariantError) throw thrown;
  return error(thrown instanceof CommandError ? thrown.message : INTERNAL_ERROR);
}
