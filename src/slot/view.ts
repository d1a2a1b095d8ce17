/**
 * What a View and a Txn (write-txn.ts) share over one slot's state, and the View.
 *
 * Keys past their time are dead to both: a Txn removes what it meets, a View asks for a clock entry first, unless an entry of that
 * time or later is applied already; so that a key seen dead stays dead on every replica.
 */

import type { Engine } from '../storage/engine.js';
import type { BodyLimits, Life } from './body.js';
import { type Cell, expiryOf, given, type KeptRecord, kindOf, placeOfCell, textOf } from './cell.js';
import type { Fields, Items, Sorted, Text } from './doors.js';
import { readFields, readItems, readSorted } from './editors.js';
import { keyOf, nameOf, parseRecordKey, positionOf, recordRangeEnd, recordRangeStart } from './keys.js';
import type { PageOfLife } from './page-pool.js';
import type { PageReader } from './paged.js';
import { decodeRecord } from './record.js';
import type { SlotState } from './state.js';
import { pagesOfTexts, readText } from './text.js';
import type { PageNumber, TreePage } from './tree.js';
import { type KeyRecord, PageFault, type PageNeed, type ScanPage, type View } from './txn.js';

/** A page of the engine's records. */
export interface LoadedRange {
  readonly generation: number;
  readonly stateId: number;
  readonly rows: readonly { readonly position: number; readonly key: Buffer; readonly record: KeyRecord }[];
  /** Records before this position are all in `rows`; undefined: to the state's end. */
  readonly next: number | undefined;
}

/** What was loaded for one run. Most runs load none: a map for each would be made for nothing. */
export class RangeCache {
  private ranges: Map<string, LoadedRange> | undefined;

  get(name: string): LoadedRange | undefined {
    return this.ranges?.get(name);
  }

  set(name: string, range: LoadedRange): void {
    this.ranges ??= new Map();
    this.ranges.set(name, range);
  }
}

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

export abstract class BaseView implements View, PageReader {
  constructor(
    protected readonly state: SlotState,
    protected readonly nowMs: number,
    private readonly ranges: Pick<RangeCache, 'get'>,
  ) {}

  abstract get(key: Buffer): KeyRecord | undefined;
  abstract size(): number;
  protected abstract overlay(): Iterable<Cell> | undefined;
  /** Nothing of the state is seen, only the overlay: the run cleared the slot. */
  protected abstract readonly hidesStored: boolean;
  /** A key whose time has come was met. */
  protected abstract metDead(key: Buffer, record: KeptRecord): void;

  shortText(_key: Buffer): string | undefined {
    return undefined;
  }

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

  text(key: Buffer): Text {
    return readText(this, key);
  }

  prefetchTexts(keys: readonly Buffer[]): void {
    const missing = pagesOfTexts(this, keys).filter((at) => this.pageAt(at) === undefined);
    if (missing.length > 0) throw new PageFault(missing.map((at) => ({ kind: 'page', ...at })));
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

  get limits(): BodyLimits {
    return this.state.limits;
  }

  readPage(at: PageOfLife): TreePage {
    const page = this.pageAt(at);
    if (page === undefined) throw new PageFault([{ kind: 'page', ...at }]);
    return page;
  }

  holdsAll(life: Life): boolean {
    return this.state.pages.holdsAll(life);
  }

  prefetchPages(life: Life, pages: readonly PageNumber[]): void {
    const missing = pages.filter((page) => this.pageAt({ life, page }) === undefined);
    if (missing.length > 0) throw new PageFault(missing.map((page) => ({ kind: 'page', life, page })));
  }

  /** undefined where memory lacks it. */
  protected pageAt(at: PageOfLife): TreePage | undefined {
    return this.state.pages.find(at);
  }

  protected unknown(key: Buffer): boolean {
    return this.state.find(nameOf(key)) === undefined;
  }

  protected stored(key: Buffer, name: string): KeptRecord | undefined {
    const cell = this.state.find(name);
    if (cell === undefined) throw new PageFault([{ kind: 'record', key }]);
    return cell === 'absent' ? undefined : cell.record;
  }

  protected isDead(record: KeptRecord): boolean {
    const expireAtMs = expiryOf(record);
    return expireAtMs !== undefined && expireAtMs <= this.nowMs;
  }

  /** What the engine's page holds, under what memory knows better. */
  private merge(range: LoadedRange, from: number): Found[] {
    const found = new Map<string, Found>();
    for (const row of this.hidesStored ? [] : range.rows) found.set(nameOf(row.key), row);
    const lay = (cell: Cell): void => {
      const position = positionOf(placeOfCell(cell));
      if (position < from || (range.next !== undefined && position >= range.next)) return;
      if (cell.record === undefined) found.delete(cell.name);
      else found.set(cell.name, { position, key: keyOf(cell.name), record: cell.record });
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
      if (this.isDead(record)) this.metDead(key, record);
      else keys.push({ key, kind: kindOf(record) });
    }
    return { keys, next: rangeNext };
  }
}

interface Found {
  readonly position: number;
  readonly key: Buffer;
  readonly record: KeptRecord;
}

export class ReadView extends BaseView {
  protected override readonly hidesStored = false;

  /** `stampedMs`: of the last entry applied. What was due by then is dead for everyone, removed or not. */
  constructor(
    state: SlotState,
    nowMs: number,
    ranges: Pick<RangeCache, 'get'>,
    private readonly stampedMs: number,
  ) {
    super(state, nowMs, ranges);
  }

  get(key: Buffer): KeyRecord | undefined {
    const record = this.live(key);
    return record === undefined ? undefined : given(record);
  }

  override shortText(key: Buffer): string | undefined {
    const record = this.live(key);
    return record === undefined ? undefined : textOf(record);
  }

  private live(key: Buffer): KeptRecord | undefined {
    const record = this.stored(key, nameOf(key));
    if (record === undefined || !this.isDead(record)) return record;
    this.metDead(key, record);
    return undefined;
  }

  size(): number {
    if (this.state.expiry.nextMs <= this.nowMs) {
      this.state.expiry.tidy(this.state.judgeDue);
      if (this.state.expiry.nextMs <= this.nowMs) this.wantClock();
    }
    return this.state.keys;
  }

  protected override overlay(): undefined {
    return undefined;
  }

  protected override metDead(_key: Buffer, record: KeptRecord): void {
    if (expiryOf(record)! > this.stampedMs) this.wantClock();
  }

  private wantClock(): never {
    throw new PageFault([{ kind: 'clock', untilMs: this.nowMs }]);
  }
}
