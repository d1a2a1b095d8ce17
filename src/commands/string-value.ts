/**
 * Access to string values, and the one bound on their size.
 *
 * The bound is a constant of the build and no setting: an entry's outcome may not depend on a node's own configuration.
 */
import type { StringRecord, View } from '../slot/txn.js';
import { CommandError } from './command.js';
import { TOO_LONG, WRONG_TYPE } from './errors.js';

/** The longest string value. Redis' proto-max-bulk-len plays this part there. */
export const valueBytesMax = 64 * 1024 * 1024;

/** The string at `key`; undefined where there is none; WRONGTYPE where there is something else. */
export function stringAt(view: View, key: Buffer): StringRecord | undefined {
  const record = view.get(key);
  if (record !== undefined && record.kind !== 'string') throw new CommandError(WRONG_TYPE);
  return record;
}

export function checkValueLength(lengthBytes: number): void {
  if (lengthBytes > valueBytesMax) throw new CommandError(TOO_LONG);
}
