/**
 * What one turn of the pump has to save, in order, and what waits for which moment of it.
 *
 * Synced at once, unless every record of it may wait: those are the entries of groups whose leader answers before the disk has
 * them. What nobody has thought of is synced.
 */
import type { Ready } from '../raft/ready.js';
import type { BinlogRecord } from '../storage/binlog.js';

type Then = () => void;

export class SaveBatch {
  readonly records: BinlogRecord[] = [];
  /** When the records are in the file; a crash of the machine may still take them. */
  readonly afterWrite: Then[] = [];
  /** When they are durable. */
  readonly afterSave: Then[] = [];
  /** Without a record in this batch: when those before it are durable that were synced at once. Never held up by the unhurried. */
  readonly afterEarlier: Then[] = [];
  private unhurried = 0;

  /** Records that may wait for a later sync. */
  addUnhurried(records: readonly BinlogRecord[]): void {
    this.records.push(...records);
    this.unhurried += records.length;
  }

  get isEmpty(): boolean {
    return this.records.length === 0;
  }

  get needsSync(): boolean {
    return this.records.length > this.unhurried;
  }
}

/** What the core wants saved. A hard state that may wait goes with the next entries. */
export function recordsOf({ entries, hardState, mustSync }: Ready, replicaId: number): BinlogRecord[] {
  const records: BinlogRecord[] = [];
  if (entries.length > 0) records.push({ kind: 'entries', replicaId, entries });
  if (hardState !== undefined && (mustSync || entries.length > 0)) {
    records.push({ kind: 'hardState', replicaId, ...hardState });
  }
  return records;
}
