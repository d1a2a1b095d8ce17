/**
 * The store's semantics in memory: records, compares, changes to tell. No I/O. The embedded store adds a disk to it.
 */
import type { StoreChange, StoreCompare, StoreRecord, StoreView, StoreWrite } from './store.js';

export class RevisionedMap {
  private readonly records = new Map<string, StoreRecord>();
  revision: number;

  constructor(revision = 0, records: readonly StoreRecord[] = []) {
    this.revision = revision;
    for (const record of records) this.records.set(record.key, record);
  }

  get(key: string): StoreRecord | undefined {
    return this.records.get(key);
  }

  list(prefix: string): StoreView {
    const records = [...this.records.values()].filter((record) => record.key.startsWith(prefix));
    return { revision: this.revision, records: records.sort((a, b) => (a.key < b.key ? -1 : 1)) };
  }

  holds(compares: readonly StoreCompare[]): boolean {
    return compares.every(({ key, revision }) => (this.records.get(key)?.revision ?? 0) === revision);
  }

  /** What `writes` would change at the next revision; changes nothing. A delete of nothing is no change. */
  plan(writes: readonly StoreWrite[]): readonly StoreChange[] {
    const revision = this.revision + 1;
    const changes: StoreChange[] = [];
    for (const write of writes) {
      if (write.kind === 'put') {
        changes.push({ kind: 'put', record: { key: write.key, value: write.value, revision } });
      } else if (this.records.has(write.key)) {
        changes.push({ kind: 'delete', key: write.key, revision });
      }
    }
    return changes;
  }

  apply(changes: readonly StoreChange[]): void {
    for (const change of changes) {
      if (change.kind === 'put') this.records.set(change.record.key, change.record);
      else this.records.delete(change.key);
    }
    if (changes.length > 0) this.revision += 1;
  }
}

export function changedKey(change: StoreChange): string {
  return change.kind === 'put' ? change.record.key : change.key;
}
