/**
 * What a command is: one row of data that the gate, the router, COMMAND, the docs and the log all read.
 *
 * A row has exactly one of `read`, `write` and `local`. `read` and `write` are synchronous functions of one slot
 * (slot/txn.ts says what may happen to them); `local` runs on the node that the client is connected to.
 * Arguments are argv with the command's name first, as Redis counts arity and key positions.
 */
import type { Reply } from '../resp/reply.js';
import type { ReadContext, Txn, View, WriteContext } from '../slot/txn.js';
import type { Session } from './session.js';

export type Args = readonly Buffer[];

/** Redis' own words (`COMMAND DOCS`, key specs of the "range" kind). `last` < 0 counts from the end. */
export interface KeyRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** Redis' command tips: how a command over many slots is split, and how its parts are merged. */
export interface Policy {
  readonly request: 'multi_shard' | 'all_shards' | 'special';
  /** `concat`: Redis' default, one array of all the parts (for multi_shard in the order of the keys). */
  readonly response: 'concat' | 'agg_sum' | 'all_succeeded' | 'special';
}

export interface RowBase {
  /** Lower case; a subcommand's full name is `config|get`. */
  readonly name: string;
  readonly summary: string;
  readonly since: string;
  readonly group:
    | 'string'
    | 'hash'
    | 'set'
    | 'sorted-set'
    | 'list'
    | 'generic'
    | 'connection'
    | 'server'
    | 'cluster'
    | 'transactions';
  readonly complexity: string;
  /** As Redis: the count with the name; negative: at least. */
  readonly arity: number;
  readonly flags: readonly string[];
  readonly categories: readonly string[];
  readonly keys?: KeyRange;
  readonly policy?: Policy;
  readonly subcommands?: readonly CommandRow[];
}

export interface ReadRow extends RowBase {
  /** Throws CommandError on arguments that Redis would refuse. Run at the gate, before anything is logged. */
  parse?(args: Args): void;
  read(view: View, args: Args, ctx: ReadContext): Reply;
}

export interface WriteRow extends RowBase {
  parse?(args: Args): void;
  write(txn: Txn, args: Args, ctx: WriteContext): Reply;
}

export interface LocalRow extends RowBase {
  parse?(args: Args): void;
  /** A promise only where the answer needs the world (password check, cluster-wide figures). */
  local(session: Session, args: Args): Reply | Promise<Reply>;
}

export type CommandRow = ReadRow | WriteRow | LocalRow;

/** The user's mistake, as a reply. The only exception that a handler or a `parse` may throw on purpose. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
