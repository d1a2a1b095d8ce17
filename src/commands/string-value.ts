/**
 * Access to string values, and the one bound on their size.
 *
 * The bound is a constant of the build and no setting: an entry's outcome may not depend on a node's own configuration.
 */
import type { EditableText, StringRecord, Text, Txn, View } from '../slot/txn.js';
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

/** Its bytes behind a door, which reads no more than is asked for. */
export function textAt(view: View, key: Buffer): Text | undefined {
  return stringAt(view, key) && view.text(key);
}

export function editTextAt(txn: Txn, key: Buffer): EditableText {
  stringAt(txn, key);
  return txn.editText(key);
}

/** All of its bytes. */
export function bytesAt(view: View, key: Buffer): Buffer | undefined {
  const record = stringAt(view, key);
  if (record === undefined) return undefined;
  return wholeString(view, key, record);
}

/** All bytes of the string that is at the key. */
export function wholeString(view: View, key: Buffer, { value }: StringRecord): Buffer {
  if (Buffer.isBuffer(value)) return value;
  const text = view.text(key);
  return text.slice(0, text.length);
}

/** The bytes of a string that may be a number; of one that is too long for that none, which is no number either. */
export function numberText({ value }: StringRecord): Buffer {
  return Buffer.isBuffer(value) ? value : NO_NUMBER;
}

const NO_NUMBER = Buffer.alloc(0);

export function checkValueLength(lengthBytes: number): void {
  if (lengthBytes > valueBytesMax) throw new CommandError(TOO_LONG);
}
