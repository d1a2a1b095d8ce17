/**
 * What rows share: where their keys stand, and the ACL categories that follow from flags.
 *
 * Redis derives `read`, `write`, `admin`, `dangerous`, `fast` and `slow` from a command's flags (setImplicitACLCategories);
 * so do we, and a row names only the category of its own.
 */
import type { KeyRange, RowBase } from './command.js';

export const ONE_KEY: KeyRange = { first: 1, last: 1, step: 1 };
export const TWO_KEYS: KeyRange = { first: 1, last: 2, step: 1 };
export const ALL_KEYS: KeyRange = { first: 1, last: -1, step: 1 };
/** key value key value ... */
export const KEY_VALUE_PAIRS: KeyRange = { first: 1, last: -1, step: 2 };

/** Flags of commands that only concern the connection: allowed at any time. */
export const CONNECTION_FLAGS = ['noscript', 'loading', 'stale'] as const;

export function traits(
  own: string | readonly string[],
  flags: readonly string[],
): Pick<RowBase, 'flags' | 'categories'> {
  const categories = new Set(typeof own === 'string' ? [own] : own);
  if (flags.includes('readonly')) categories.add('read');
  if (flags.includes('write')) categories.add('write');
  if (flags.includes('admin')) categories.add('admin').add('dangerous');
  categories.add(flags.includes('fast') ? 'fast' : 'slow');
  return { flags, categories: [...categories].sort() };
}
