/**
 * A map whose entries come and go all the time, a few of them at once.
 *
 * V8's own map makes a new table whenever its table is used up, by entries that are gone too, and each table leads to the next one, for
 * iterators' sake. Young objects that an old one leads to are kept, be that one in use or not: so once a table has grown old, so
 * do all that come after it, with whatever each held when it was used up, and only a full collection takes them: requests to other
 * nodes, for one (docs/performance.md). This one begins a table that none leads to before the last is used up.
 */
const DELETIONS_MIN = 16;

export class ChurnMap<Key, Value> implements Iterable<readonly [Key, Value]> {
  private map = new Map<Key, Value>();
  /** Of this table. */
  private deletions = 0;

  get size(): number {
    return this.map.size;
  }

  get(key: Key): Value | undefined {
    return this.map.get(key);
  }

  has(key: Key): boolean {
    return this.map.has(key);
  }

  set(key: Key, value: Value): void {
    this.map.set(key, value);
  }

  /** False where it was not there. */
  delete(key: Key): boolean {
    if (!this.map.delete(key)) return false;
    const { size } = this.map;
    if (size > 0 && ++this.deletions < Math.max(DELETIONS_MIN, size / 2)) return true;
    this.map = size === 0 ? new Map() : new Map(this.map);
    this.deletions = 0;
    return true;
  }

  clear(): void {
    this.map = new Map();
    this.deletions = 0;
  }

  /** As they are now: what comes or goes during the walk may or may not be met. */
  [Symbol.iterator](): Iterator<readonly [Key, Value]> {
    return this.map[Symbol.iterator]();
  }
}
