/**
 * A slot in memory with faults on demand: the View and Txn that handlers are tried on.
 *
 * It keeps the contract of slot/txn.ts (hash order, death by slot time, effects that count only once committed) and
 * nothing of the real slot: no pool, no log. A run gets fresh effects over the committed state; a forced fault throws
 * PageFault at the chosen access, once, as memory does that lacks something.
 */
import { seededRandom } from '../../src/random.js';
import { hash14 } from '../../src/slot/hash.js';
import { isDue } from '../../src/slot/keyspace.js';
import {
  type KeyRecord,
  PageFault,
  type ScanPage,
  type ScanPosition,
  type Txn,
  type WriteContext,
} from '../../src/slot/txn.js';
import { WithDoors } from '../slot/with-doors.js';

export class FakeSlot {
  /** By key in latin1; records as committed, dead ones included until a write replaces them. */
  private records: ReadonlyMap<string, KeyRecord> = new Map();
  nowMs: number;
  /** Faults that runs met so far. */
  faults = 0;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  begin(faultAt?: number): FakeTxn {
    return new FakeTxn(this.records, this.nowMs, (access, key) => {
      if (access !== faultAt) return;
      this.faults++;
      throw new PageFault([{ kind: 'record', key }]);
    });
  }

  commit(txn: FakeTxn): void {
    this.records = txn.result();
  }

  context(): WriteContext {
    return { nowMs: this.nowMs, random: seededRandom(7, 7), index: 42 };
  }

  /** Live keys with their records, in key order: what two states are compared by. */
  contents(): readonly (readonly [string, KeyRecord])[] {
    return [...this.records]
      .filter(([, record]) => !isDue(record.expireAtMs, this.nowMs))
      .sort(([one], [other]) => (one < other ? -1 : 1));
  }
}

export class FakeTxn extends WithDoors implements Txn {
  private readonly records: Map<string, KeyRecord>;
  private accesses = 0;

  constructor(
    committed: ReadonlyMap<string, KeyRecord>,
    private readonly nowMs: number,
    private readonly onAccess: (access: number, key: Buffer) => void,
  ) {
    super();
    this.records = new Map(committed);
  }

  result(): ReadonlyMap<string, KeyRecord> {
    return new Map(this.records);
  }

  get(key: Buffer): KeyRecord | undefined {
    this.access(key);
    return this.live(key);
  }

  prefetch(keys: readonly Buffer[]): void {
    this.access(keys[0]!);
  }

  size(): number {
    return this.ordered().length;
  }

  scan(from: ScanPosition, count: number): ScanPage {
    this.access(Buffer.alloc(0));
    const rest = this.ordered().filter(({ position }) => position >= from);
    let end = Math.min(count, rest.length);
    while (end > 0 && end < rest.length && rest[end]!.position === rest[end - 1]!.position) end++;
    return { keys: rest.slice(0, end), next: rest[end]?.position };
  }

  put(key: Buffer, record: KeyRecord): void {
    this.access(key);
    this.records.set(key.toString('latin1'), record);
  }

  delete(key: Buffer): boolean {
    this.access(key);
    const found = this.live(key) !== undefined;
    this.records.delete(key.toString('latin1'));
    return found;
  }

  clear(): void {
    this.access(Buffer.alloc(0));
    this.records.clear();
  }

  private live(key: Buffer): KeyRecord | undefined {
    const record = this.records.get(key.toString('latin1'));
    return isDue(record?.expireAtMs, this.nowMs) ? undefined : record;
  }

  private ordered() {
    return [...this.records]
      .filter(([, record]) => !isDue(record.expireAtMs, this.nowMs))
      .map(([name, { kind }]) => ({ key: Buffer.from(name, 'latin1'), kind }))
      .map((entry) => ({ ...entry, position: positionOf(entry.key) }))
      .sort((one, other) => one.position - other.position || Buffer.compare(one.key, other.key));
  }

  private access(key: Buffer): void {
    this.onAccess(this.accesses++, key);
  }
}

/** Any 32-bit hash will do behind hash14 (this one is FNV-1a). */
export function positionOf(key: Buffer): ScanPosition {
  let hash = 0x811c9dc5;
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash14(key) * 4294967296 + (hash >>> 0);
}
