/**
 * Names of fields and members, kept in hash order: `u32 hash32 | name`.
 *
 * So a walk's cursor is a position in hash order, as SCAN's is: it means the same on every replica and survives any change in
 * between. And a tree's separators are short, however long the names' common beginnings.
 */
import type { EditableFields, EditableOrdered, FieldPage, Fields, Ordered, Pair } from './doors.js';
import { hash32 } from './keys.js';

const HASH_BYTES = 4;

export function fieldKey(name: Buffer): Buffer {
  const out = Buffer.allocUnsafe(HASH_BYTES + name.length);
  out.writeUInt32BE(hash32(name), 0);
  name.copy(out, HASH_BYTES);
  return out;
}

/** A member's place in the order of scores: `score | name`; all of one character a byte. */
export function scoreKey(memberKey: string, score: string): string {
  return score + memberKey.slice(HASH_BYTES);
}

function named({ key, value }: Pair): Pair {
  return { key: key.subarray(HASH_BYTES), value };
}

export class HashOrder implements Fields {
  constructor(private readonly pairs: Ordered) {}

  get count(): number {
    return this.pairs.count;
  }

  get(name: Buffer): Buffer | undefined {
    return this.pairs.get(fieldKey(name));
  }

  atAll(ranks: readonly number[]): Pair[] {
    this.pairs.prefetchRanks(ranks);
    return ranks.map((rank) => named(this.pairs.at(rank)!));
  }

  prefetch(names: readonly Buffer[]): void {
    if (!this.pairs.isInMemory) this.pairs.prefetch(names.map(fieldKey));
  }

  *all(): Iterable<Pair> {
    for (const pair of this.pairs.from(0, 'up', this.count)) yield named(pair);
  }

  scan(position: number, count: number): FieldPage {
    const start = Buffer.allocUnsafe(HASH_BYTES);
    start.writeUInt32BE(position);
    const pairs: Pair[] = [];
    let previous = -1;
    for (const pair of this.pairs.from(this.pairs.below(start), 'up')) {
      const hash = pair.key.readUInt32BE(0);
      if (pairs.length >= count && hash !== previous) return { pairs, next: hash };
      previous = hash;
      pairs.push(named(pair));
    }
    return { pairs, next: undefined };
  }
}

export class EditableHashOrder extends HashOrder implements EditableFields {
  constructor(private readonly editable: EditableOrdered) {
    super(editable);
  }

  put(name: Buffer, value: Buffer): Buffer | undefined {
    return this.editable.put(fieldKey(name), value);
  }

  delete(name: Buffer): Buffer | undefined {
    return this.editable.delete(fieldKey(name));
  }
}
