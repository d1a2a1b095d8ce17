/**
 * Small collections: sorted arrays, found by halving, changed by copying.
 *
 * The arrays in `root` are never changed in place: a record, a savepoint or a checkpoint may hold them. So an edit costs as much as
 * the array is long, which the bound on inline bodies keeps small. Strings compare as their bytes do, one character a byte.
 */
import { packed, unpacked } from '../bytes.js';
import type { InlineItems, InlinePairs } from './body.js';
import type { Direction, EditableItems, EditableOrdered, Pair } from './doors.js';

export class InlineOrdered implements EditableOrdered {
  readonly isInMemory = true;

  constructor(public root: InlinePairs) {}

  get count(): number {
    return this.root.keys.length;
  }

  get(key: Buffer): Buffer | undefined {
    const name = packed(key);
    const rank = this.rankOf(name);
    return this.root.keys[rank] === name ? unpacked(this.root.values[rank]!) : undefined;
  }

  at(rank: number): Pair | undefined {
    const key = this.root.keys[rank];
    return key === undefined ? undefined : { key: unpacked(key), value: unpacked(this.root.values[rank]!) };
  }

  below(key: Buffer): number {
    return this.rankOf(packed(key));
  }

  *from(rank: number, direction: Direction, most = this.count): Iterable<Pair> {
    const { keys, values } = this.root;
    for (const at of ranks(keys.length, rank, direction, most)) {
      yield { key: unpacked(keys[at]!), value: unpacked(values[at]!) };
    }
  }

  prefetch(): void {}

  prefetchRanks(): void {}

  put(key: Buffer, value: Buffer): Buffer | undefined {
    const { keys, values, bytes } = this.root;
    const name = packed(key);
    const packedValue = packed(value);
    const rank = this.rankOf(name);
    if (keys[rank] !== name) {
      this.root = {
        keys: insertAt(keys, rank, name),
        values: insertAt(values, rank, packedValue),
        bytes: bytes + name.length + packedValue.length,
      };
      return undefined;
    }
    const old = values[rank]!;
    if (old !== packedValue) {
      this.root = {
        keys,
        values: values.with(rank, packedValue),
        bytes: bytes + packedValue.length - old.length,
      };
    }
    return unpacked(old);
  }

  delete(key: Buffer): Buffer | undefined {
    const name = packed(key);
    const rank = this.rankOf(name);
    if (this.root.keys[rank] !== name) return undefined;
    const old = this.root.values[rank]!;
    this.deleteRange(rank, rank + 1);
    return unpacked(old);
  }

  deleteRange(from: number, to: number): void {
    const { keys, values, bytes } = this.root;
    const count = Math.max(0, to - from);
    this.root = {
      keys: keys.toSpliced(from, count),
      values: values.toSpliced(from, count),
      bytes: bytes - bytesOf(keys, from, to) - bytesOf(values, from, to),
    };
  }

  /** The first at or above the key. */
  private rankOf(key: string): number {
    const { keys } = this.root;
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class InlineList implements EditableItems {
  constructor(public root: InlineItems) {}

  get count(): number {
    return this.root.items.length;
  }

  at(rank: number): Buffer | undefined {
    const item = this.root.items[rank];
    return item === undefined ? undefined : unpacked(item);
  }

  *from(rank: number, direction: Direction, most = this.count): Iterable<Buffer> {
    const { items } = this.root;
    for (const at of ranks(items.length, rank, direction, most)) yield unpacked(items[at]!);
  }

  set(rank: number, item: Buffer): void {
    const { items, bytes } = this.root;
    const text = packed(item);
    this.root = {
      items: items.with(rank, text),
      bytes: bytes + text.length - items[rank]!.length,
    };
  }

  insert(rank: number, item: Buffer): void {
    const { items, bytes } = this.root;
    const text = packed(item);
    this.root = { items: insertAt(items, rank, text), bytes: bytes + text.length };
  }

  deleteRange(from: number, to: number): void {
    const { items, bytes } = this.root;
    this.root = {
      items: items.toSpliced(from, Math.max(0, to - from)),
      bytes: bytes - bytesOf(items, from, to),
    };
  }
}

function insertAt(strings: readonly string[], rank: number, added: string): readonly string[] {
  return strings.toSpliced(rank, 0, added);
}

/** Of the strings `from` to `to`, without the last. */
function bytesOf(strings: readonly string[], from: number, to: number): number {
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += strings[i]?.length ?? 0;
  return bytes;
}

function* ranks(count: number, first: number, direction: Direction, most: number): Iterable<number> {
  const step = direction === 'up' ? 1 : -1;
  for (let at = first, left = most; at >= 0 && at < count && left > 0; at += step, left--) yield at;
}
