/**
 * The entries of this leader that were appended and not yet applied, by index, each with what waits for it.
 *
 * A list and not a map: entries come and go in the order of the log, and a map that is emptied and filled again for each of them makes
 * a new table each time, among the old objects (lanes.ts).
 */
export interface Pending {
  readonly index: number;
}

export class PendingEntries<Entry extends Pending> implements Iterable<Entry> {
  /** In the order of the log. */
  private readonly entries: Entry[] = [];

  get size(): number {
    return this.entries.length;
  }

  [Symbol.iterator](): Iterator<Entry> {
    return this.entries.values();
  }

  /** No other may be there at its index. */
  put(entry: Entry): void {
    const { entries } = this;
    // What an earlier term left may stand behind it, until the log says what is there.
    let at = entries.length;
    while (at > 0 && entries[at - 1]!.index > entry.index) at--;
    if (at === entries.length) entries.push(entry);
    else entries.splice(at, 0, entry);
  }

  /** Takes out the one at `index`. */
  take(index: number): Entry | undefined {
    const { entries } = this;
    if (entries[0]?.index === index) return entries.shift();
    const at = entries.findIndex((entry) => entry.index === index);
    return at < 0 ? undefined : entries.splice(at, 1)[0];
  }

  /** Takes out all up to `index`. */
  takeUpTo(index: number): Entry[] {
    const { entries } = this;
    let count = 0;
    while (count < entries.length && entries[count]!.index <= index) count++;
    return entries.splice(0, count);
  }
}
