/**
 * The state machine that a slot is given: what commands mean is not the slot's business.
 */
import type { ReadContext, Txn, View, WriteContext } from './txn.js';

export type Argv = readonly Buffer[];

export interface StateMachine<R> {
  read(view: View, argv: Argv, ctx: ReadContext): R;
  /** `failed`: the handler broke; its effects are dropped, on every replica alike, and the reply says so. */
  apply(txn: Txn, argv: Argv, ctx: WriteContext): { readonly reply: R; readonly failed: boolean };
  /** The keys that a command will touch, as far as they can be told, to be loaded together. */
  keys(argv: Argv): readonly Buffer[];
}
