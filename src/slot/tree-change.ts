/**
 * The changes that both kinds of tree make, as splices.
 */
import { type ByteList, listOf } from './byte-list.js';
import {
  aimAtRank,
  descend,
  type Pages,
  type Path,
  type Step,
  type TreeRoot,
  type TreeShape,
} from './tree.js';
import { LENGTH_BYTES } from './tree-page.js';
import { splice } from './tree-splice.js';

/** Appended in one splice, at most, or one entry that is larger: bounds the memory that it takes at a time. */
const APPEND_BYTES_MAX = 64 * 1024;
const NONE = listOf([]);

/** Replaces `removed` (0 or 1) entries at the path's end by those of `added`. */
export function replaceRow(
  pages: Pages,
  shape: TreeShape,
  root: TreeRoot,
  path: Path,
  removed: 0 | 1,
  added: ByteList,
): TreeRoot {
  return splice(pages, shape, root, path, removed === 0 ? path : pastIt(path), added);
}

/** Removes the entries of the ranks `from` to `to`, without the last. */
export function removeRange(
  pages: Pages,
  shape: TreeShape,
  root: TreeRoot,
  from: number,
  to: number,
): TreeRoot {
  const first = Math.max(0, from);
  const last = Math.min(to, root.count) - 1;
  if (first > last) return root;
  const [left, right] = descend(pages, root, [aimAtRank(first), aimAtRank(last)]);
  return splice(pages, shape, root, left!, pastIt(right!), NONE);
}

/** Entries one after the other behind the last, in splices of many. */
export function appendAll(
  pages: Pages,
  shape: TreeShape,
  root: TreeRoot,
  entries: Iterable<readonly Uint8Array[]>,
): TreeRoot {
  let grown = root;
  let batch: Uint8Array[] = [];
  let batchBytes = 0;
  const flush = (): void => {
    if (batch.length > 0) grown = insertAtRank(pages, shape, grown, grown.count, listOf(batch));
    batch = [];
    batchBytes = 0;
  };
  for (const entry of entries) {
    for (const string of entry) batchBytes += string.length + LENGTH_BYTES;
    batch.push(...entry);
    if (batchBytes >= APPEND_BYTES_MAX) flush();
  }
  flush();
  return grown;
}

export function insertAtRank(
  pages: Pages,
  shape: TreeShape,
  root: TreeRoot,
  rank: number,
  added: ByteList,
): TreeRoot {
  const [path] = descend(pages, root, [aimAtRank(rank)]);
  return replaceRow(pages, shape, root, path!, 0, added);
}

function pastIt(path: Path): Step[] {
  const last = path.at(-1)!;
  return [...path.slice(0, -1), { ...last, row: last.row + 1 }];
}
