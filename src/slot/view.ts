/**
 * The View and the Txn that handlers get, over one slot's state.
 *
 * A run's effects live in an overlay until `commit`; a run that threw is dropped with its overlay, so a page fault or a
 * failing handler leaves no trace. Keys past their time are dead to both: a Txn removes what it meets, a View asks for a
 * clock entry first, so that a key seen dead stays dead on every replica.
 */

import type { Engine } from '../storage/engine.js';
import type { Cell } from './cell.js';
import type { EditableFields, EditableItems, EditableSorted, Fields, Items, Sorted } from './doors.js';
import { editFields, editItems, editSorted, readFields, readItems, readSorted } from './editors.js';
import { nameOf, parseRecordKey, placeOf, positionOf, recordRangeEnd, recordRangeStart } from './keys.js';
import { decodeRecord } from './record.js';
import type { SlotState } from './state.js';
import { type KeyRecord, PageFault, type PageNeed, type ScanPage, type Txn, type View } from './txn.js';

/** A page of the engine's records, loaded for one run. */
export interface LoadedRange {
  readonly generation: number;
  readonly stateId: number;
  readonly rows: readonly { readonly position: number; readonly key: Buffer; readonly record: KeyRecord }[];
  /** Records before this position are all in `rows`; undefined: to the state's end. */
  readonly next: number | undefined;
}

export type RangeCache = Map<string, LoadedRange>;

const rangeName = (from: number, count: number): string => `${from}/${count}`;

/** Reads one page of records in hash order, ending between positions. */
export async function loadRange(
  engine: Engine,
  state: SlotState,
  need: { readonly from: number; readonly count: number },
  ranges: RangeCache,
): Promise<void> {
  const { generation, stateId } = state;
  const cursor = engine.iterate({ from: recordRangeStart(stateId, need.from), to: recordRangeEnd(stateId) });
  // One more than asked tells whether there is more; a shared position is read to its end.
  let pairs = [...(await cursor.next(need.count + 1))];
  const positionAt = (i: number): number => positionOf(parseRecordKey(pairs[i]![0]).place);
  while (pairs.length > need.count && positionAt(0) === positionAt(pairs.length - 1)) {
    const more = await cursor.next(need.count);
    if (more.length === 0) break;
    pairs = pairs.concat(more);
  }
  await cursor.close();
  const next =
    pairs.length > need.count && positionAt(0) !== positionAt(pairs.length - 1)
      ? positionAt(pairs.length - 1)
      : undefined;
  const rows = pairs.map(([bytes, value]) => {
    const { key, place } = parseRecordKey(bytes);
    return { position: positionOf(place), key, record: decodeRecord(value) };
  });
  const kept = next === undefined ? rows : rows.filter((row) => row.position < next);
  ranges.set(rangeName(need.from, need.count), { generation, stateId, rows: kept, next });
}

abstract class BaseView implements View {
  constructor(
    protected readonly state: SlotState,
    protected readonly nowMs: number,
    private readonly ranges: RangeCache,
  ) {}

  abstract get(key: Buffer): KeyRecord | undefined;
  abstract size(): number;
  protected abstract overlay(): Iterable<Cell> | undefined;
  /** Nothing of the state is seen, only the overlay: the run cleared the slot. */
  protected abstract readonly hidesStored: boolean;
  /** A key whose time has come was met. */
  protected abstract metDead(key: Buffer, name: string): void;

  prefetch(keys: readonly Buffer[]): void {
    const needs: PageNeed[] = [];
    for (const key of keys) if (this.unknown(key)) needs.push({ kind: 'record', key });
    if (needs.length > 0) throw new PageFault(needs);
  }

  scan(from: number, count: number): ScanPage {
    const range = this.ranges.get(rangeName(from, count));
    if (
      range === undefined ||
      range.generation !== this.state.generation ||
      range.stateId !== this.state.stateId
    ) {
      throw new PageFault([{ kind: 'range', from, count }]);
    }
    return this.pageOf(this.merge(range, from), range.next, count);
  }

  fields(key: Buffer): Fields {
    return readFields(this, key);
  }

  sorted(key: Buffer): Sorted {
    return readSorted(this, key);
  }

  items(key: Buffer): Items {
    return readItems(this, key);
  }

  protected unknown(key: Buffer): boolean {
    return this.state.find(nameOf(key)) === undefined;
  }

  protected stored(key: Buffer, name: string): KeyRecord | undefined {
    const cell = this.state.find(name);
    if (cell === undefined) throw new PageFault([{ kind: 'record', key }]);
    return cell === 'absent' ? undefined : cell.record;
  }

  protected isDead(record: KeyRecord): boolean {
    return record.expireAtMs !== undefined && record.expireAtMs <= this.nowMs;
  }

  /** What the engine's page holds, under what memory knows better. */
  private merge(range: LoadedRange, from: number): Found[] {
    const found = new Map<string, Found>();
    for (const row of this.hidesStored ? [] : range.rows) found.set(nameOf(row.key), row);
    const lay = (cell: Cell): void => {
      const position = positionOf(cell.place!);
      if (position < from || (range.next !== undefined && position >= range.next)) return;
      if (cell.record === undefined) found.delete(cell.name);
      else found.set(cell.name, { position, key: cell.key, record: cell.record });
    };
    for (const cell of this.hidesStored ? [] : this.state.unwritten(from)) lay(cell);
    for (const cell of this.overlay() ?? []) lay(cell);
    return [...found.values()].sort((a, b) => a.position - b.position || Buffer.compare(a.key, b.key));
  }

  private pageOf(found: readonly Found[], rangeNext: number | undefined, count: number): ScanPage {
    const keys: { key: Buffer; kind: KeyRecord['kind'] }[] = [];
    let previous = -1;
    for (const { key, record, position } of found) {
      if (keys.length >= count && position !== previous) return { keys, next: position };
      previous = position;
      if (this.isDead(record)) this.metDead(key, nameOf(key));
      else keys.push({ key, kind: record.kind });
    }
    return { keys, next: rangeNext };
  }
}

interface Found {
  readonly position: number;
  readonly key: Buffer;
  readonly record: KeyRecord;
}

export class ReadView extends BaseView {
  protected override readonly hidesStored = false;

  get(key: Buffer): KeyRecord | undefined {
    const name = nameOf(key);
    const record = this.stored(key, name);
    if (record === undefined || !this.isDead(record)) return record;
    return this.metDead();
  }

  size(): number {
    if (this.state.expiry.nextMs <= this.nowMs) {
      this.state.expiry.tidy(this.state.judgeDue);
      if (this.state.expiry.nextMs <= this.nowMs) this.metDead();
    }
    return this.state.keys;
  }

  protected override overlay(): undefined {
    return undefined;
  }

  protected override metDead(): never {
    throw new PageFault([{ kind: 'clock', untilMs: this.nowMs }]);
  }
}

/** The writes of one lone command, or of all the commands of an atomic group. */
export class WriteTxn extends BaseView implements Txn {
  private effects = new Map<string, Effect>();
  private cleared = false;
  private sizeChange = 0;

  protected override get hidesStored(): boolean {
    return this.cleared;
  }

  get(key: Buffer): KeyRecord | undefined {
    const name = nameOf(key);
    const record = this.current(key, name);
    if (record === undefined || !this.isDead(record)) return record;
    this.metDead(key, name);
    return undefined;
  }

  put(key: Buffer, record: KeyRecord): void {
    const name = nameOf(key);
    if (this.get(key) === undefined) this.sizeChange++;
    this.effects.set(name, { key, record });
  }

  delete(key: Buffer): boolean {
    if (this.get(key) === undefined) return false;
    this.remove(key, nameOf(key));
    return true;
  }

  editFields(key: Buffer, kind: 'hash' | 'set'): EditableFields {
    return editFields(this, key, kind);
  }

  editSorted(key: Buffer): EditableSorted {
    return editSorted(this, key);
  }

  editItems(key: Buffer): EditableItems {
    return editItems(this, key);
  }

  clear(): void {
    this.effects = new Map();
    this.cleared = true;
    this.sizeChange = -this.state.keys;
  }

  size(): number {
    return this.state.keys + this.sizeChange;
  }

  /** Where to go back to should the next command fail. */
  savepoint(): () => void {
    const { cleared, sizeChange } = this;
    const effects = new Map(this.effects);
    return () => Object.assign(this, { cleared, sizeChange, effects });
  }

  /** Publishes the run's effects. */
  commit(): void {
    if (this.cleared) this.state.clear();
    for (const [name, { key, record }] of this.effects) this.state.publish(key, name, record);
  }

  protected override *overlay(): Iterable<Cell> {
    for (const [name, { key, record }] of this.effects) {
      yield { key, name, record, place: placeOf(key), storedExpireAtMs: undefined };
    }
  }

  protected override unknown(key: Buffer): boolean {
    return !this.cleared && !this.effects.has(nameOf(key)) && super.unknown(key);
  }

  protected override metDead(key: Buffer, name: string): void {
    // A scan meets keys that only the engine's page knows; a removal is published over a known record only.
    if (this.unknown(key)) throw new PageFault([{ kind: 'record', key }]);
    this.remove(key, name);
  }

  private current(key: Buffer, name: string): KeyRecord | undefined {
    const effect = this.effects.get(name);
    if (effect !== undefined) return effect.record;
    return this.cleared ? undefined : this.stored(key, name);
  }

  private remove(key: Buffer, name: string): void {
    this.effects.set(name, { key, record: undefined });
    this.sizeChange--;
  }
}

interface Effect {
  readonly key: Buffer;
  readonly record: KeyRecord | undefined;
}
