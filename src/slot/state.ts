/**
 * One slot's state in memory, over its part of the engine: the buffer pool of records and of large collections' pages.
 *
 * Invariants:
 * - `cells` holds every key that the engine does not hold as it is now: `dirty` (changed since the last freeze) and
 *   `frozen` (being written by a checkpoint) are subsets of it. Those are never evicted.
 * - `complete`: a key without a cell does not exist. True of an empty state, until something is evicted.
 * - `keys`, `expiry` and the cells change together, and only between the runs of handlers (see view.ts).
 * - A cleared state moves to a new stateId in memory at once; the engine follows with the next checkpoint, in whose
 *   batch the pointer flips. The old id becomes garbage, cleared in the background (checkpoint.ts).
 */
import { invariant } from '../assert.js';
import { ownBytes } from '../bytes.js';
import type { Engine, EngineWrite } from '../storage/engine.js';
import { BODY_LIMITS, type BodyLimits, type Life } from './body.js';
import { type Cell, cellBytes, expiryOf, type KeptRecord, keep, makeCell, placeOfCell } from './cell.js';
import { DirtyCells } from './dirty.js';
import { type Due, type DueVerdict, EXPIRIES_KEPT, ExpiryWindow } from './expiry.js';
import { loadExpiry, readExpiries } from './expiry-index.js';
import { expiryKey, keyOf, nameOf, placeOf, recordKey } from './keys.js';
import { type FrozenPages, type PageOfLife, PagePool, type Pinned } from './page-pool.js';
import { decodeRecord, encodeRecord } from './record.js';
import type { KeyRecord } from './txn.js';

/** What one checkpoint writes of this state. */
export interface FrozenState {
  readonly stateId: number;
  /** Ids that this checkpoint leaves behind. */
  readonly abandonedStateIds: readonly number[];
  readonly cells: DirtyCells;
  readonly pages: FrozenPages;
}

/** How many were dropped. */
export interface Evicted {
  readonly records: number;
  readonly pages: number;
}

export class SlotState {
  readonly pages = new PagePool();
  private readonly cells = new Map<string, Cell>();
  private dirty = new DirtyCells();
  private frozen: FrozenState | undefined;
  private abandoned: number[] = [];
  expiry: ExpiryWindow;
  private complete: boolean;
  keys: number;
  private cellsBytes = 0;
  /** Changes whenever the engine's content may have changed under a range that was loaded. */
  generation = 0;

  constructor(
    private readonly engine: Engine,
    private readonly newStateId: () => number,
    public stateId: number,
    existing: { readonly keys: number } | undefined,
    readonly limits: BodyLimits = BODY_LIMITS,
    /** Expiries in memory; how many changes no outcome. */
    private readonly expiriesKept = EXPIRIES_KEPT,
  ) {
    this.expiry = new ExpiryWindow(true, expiriesKept);
    this.complete = existing === undefined || existing.keys === 0;
    this.keys = existing?.keys ?? 0;
  }

  get dirtyBytes(): number {
    return this.dirty.bytes + (this.frozen?.cells.bytes ?? 0) + this.pages.dirtyBytes;
  }

  /** What the next freeze will take: bounded by the size of a checkpoint's batch. */
  get unfrozenBytes(): number {
    return this.dirty.bytes + this.pages.unfrozenBytes;
  }

  /** What is in memory. */
  get poolBytes(): number {
    return this.cellsBytes + this.pages.bytes;
  }

  /** Every key that exists has a cell: nothing needs to be loaded. */
  get holdsAll(): boolean {
    return this.complete;
  }

  get hasUnwritten(): boolean {
    return this.dirty.size > 0 || this.abandoned.length > 0 || this.pages.hasUnwritten;
  }

  /** Loads the first of the expiry index; once, before anything else. */
  async open(): Promise<void> {
    this.expiry = await loadExpiry(this.engine, this.stateId, this.expiriesKept);
  }

  /** State ids that the engine may still point to or hold, once this state is replaced. */
  get leftBehind(): readonly number[] {
    const { frozen } = this;
    const ofFrozen = frozen === undefined ? [] : [...frozen.abandonedStateIds, frozen.stateId];
    return [...new Set([...ofFrozen, ...this.abandoned, this.stateId])];
  }

  /** An id for a state that begins empty. */
  freshId(): number {
    return this.newStateId();
  }

  /** The engine's state is another one now, or an older one than memory's: nothing that memory holds is true any more. */
  replace(stateId: number, keys: number, expiry: ExpiryWindow): void {
    invariant(this.frozen === undefined, 'a frozen state is replaced', { stateId });
    this.forget();
    this.abandoned = [];
    this.stateId = stateId;
    this.keys = keys;
    this.complete = keys === 0;
    this.expiry = expiry;
  }

  /** The cell, `absent` where the key is known not to exist, undefined where only the engine knows. */
  find(name: string): Cell | 'absent' | undefined {
    const cell = this.cells.get(name);
    if (cell !== undefined) return cell.record === undefined ? 'absent' : cell;
    return this.complete ? 'absent' : undefined;
  }

  /**
   * Publishes a change. The key's presence must be known (see find). A life that was the key's is over, unless the same run
   * gave it to another key: then it is in `kept`.
   */
  publish(name: string, record: KeyRecord | undefined, kept: ReadonlySet<string> = NO_NAMES): void {
    const before = this.cells.get(name);
    invariant(before !== undefined || this.complete, 'published over an unknown record', { name });
    if (before?.record === undefined && record === undefined) return;
    const life = lifeOf(before?.record);
    if (life !== undefined && !kept.has(life.name)) this.pages.retire(life);
    const cell = makeCell(before?.name ?? name, record && keep(record), before?.storedExpireAtMs, before);
    this.keys += (record === undefined ? 0 : 1) - (before?.record === undefined ? 0 : 1);
    if (record?.expireAtMs !== undefined) this.expiry.added(dueOf(record.expireAtMs, name));
    this.cellsBytes += cellBytes(cell) - (before ? cellBytes(before) : 0);
    this.cells.set(name, cell);
    this.dirty.put(cell, before);
  }

  /** Removes every key at once; what is on disk goes later. */
  clear(): void {
    this.abandoned.push(this.stateId);
    this.stateId = this.newStateId();
    this.forget();
    this.keys = 0;
    this.complete = true;
    this.expiry.clear();
  }

  /** Is this expiry the key's own now? */
  judgeDue = (due: Due): DueVerdict => {
    const cell = this.cells.get(nameOf(due.key));
    if (cell === undefined) return this.complete ? 'stale' : 'unknown';
    return expiryOf(cell.record) === due.expireAtMs ? 'due' : 'stale';
  };

  /** Brings records into memory; a key that got a cell meanwhile keeps it. */
  async load(keys: readonly Buffer[]): Promise<void> {
    const stateId = this.stateId;
    const generation = this.generation;
    const missing = keys.filter((key) => !this.cells.has(nameOf(key)));
    const engineKeys = missing.map((key) => recordKey(stateId, placeOf(key), key));
    const values = await this.engine.getMany(engineKeys);
    // Evicted and changed meanwhile: what was read may be older than what was written.
    if (stateId !== this.stateId || generation !== this.generation) return;
    missing.forEach((key, i) => {
      const name = nameOf(key);
      if (this.cells.has(name)) return;
      const bytes = values[i];
      const record = bytes && decodeRecord(bytes);
      this.install(name, record && keep(record), record?.expireAtMs);
    });
  }

  /** As `load`, for pages; answers how many bytes came. */
  loadPages(needs: readonly PageOfLife[]): Promise<number> {
    const { stateId, generation } = this;
    const still = (): boolean => stateId === this.stateId && generation === this.generation;
    return this.pages.load(this.engine, stateId, needs, still);
  }

  /** Brings the next part of the expiry index into memory. */
  async loadExpiries(): Promise<void> {
    const { stateId, generation, expiry } = this;
    const { horizon } = expiry;
    if (horizon === undefined) return;
    const { part, next } = await readExpiries(this.engine, stateId, horizon, expiry.kept);
    // Written meanwhile: it is in neither. And a horizon that moved is another question.
    if (stateId !== this.stateId || generation !== this.generation || horizon !== expiry.horizon) return;
    expiry.extend(part, next, this.unwrittenExpiries());
  }

  private *unwrittenExpiries(): Iterable<Due> {
    for (const { name, record } of this.unwritten(0)) {
      const expireAtMs = expiryOf(record);
      if (expireAtMs !== undefined) yield dueOf(expireAtMs, name);
    }
  }

  /** Takes what is dirty as one unit to be written. */
  freeze(): FrozenState {
    invariant(this.frozen === undefined, 'two freezes of one state');
    const { stateId, abandoned: abandonedStateIds, dirty: cells } = this;
    this.frozen = { stateId, abandonedStateIds, cells, pages: this.pages.freeze() };
    this.dirty = new DirtyCells();
    this.abandoned = [];
    return this.frozen;
  }

  /** The frozen unit will never be written: another state takes the place of this one. */
  dropFrozen(): void {
    this.frozen = undefined;
    this.pages.dropFrozen();
  }

  /** The frozen unit is in the engine, synced. */
  thaw(): void {
    const { frozen } = this;
    invariant(frozen !== undefined, 'thaw without freeze');
    this.frozen = undefined;
    this.generation++;
    this.pages.thaw();
    if (frozen.stateId !== this.stateId) return;
    for (const written of frozen.cells) {
      const current = this.cells.get(written.name);
      if (current === undefined) continue;
      current.storedExpireAtMs = expiryOf(written.record);
      // The dead are forgotten where their absence is known anyway.
      if (current === written && written.record === undefined && this.complete) this.drop(current);
    }
  }

  /** Drops clean cells and pages, each in their measure, oldest first, until the pool holds at most `bytes` or `most` are dropped. */
  evict(bytes: number, pinned: Pinned = NO_NAMES, most = Number.POSITIVE_INFINITY): Evicted {
    if (this.poolBytes <= bytes) return { records: 0, pages: 0 };
    const pages = this.pages.evict(Math.floor((this.pages.bytes * bytes) / this.poolBytes), pinned, most);
    let records = 0;
    let left = this.cells.size;
    for (const cell of this.cells.values()) {
      // Nothing left but what may not go: looking for more at each load would cost as much as all there is.
      const clean = this.cellsBytes - this.unwrittenCellBytes;
      if (this.poolBytes <= bytes || pages + records >= most || clean <= 0 || left-- === 0) break;
      if (pinned.has(cell.name) || this.dirty.has(cell) || this.frozen?.cells.has(cell)) {
        // Behind the others, so that the next look does not meet it again.
        this.cells.delete(cell.name);
        this.cells.set(cell.name, cell);
        continue;
      }
      this.drop(cell);
      records++;
      if (cell.record !== undefined) this.complete = false;
    }
    return { records, pages };
  }

  private get unwrittenCellBytes(): number {
    return this.dirty.bytes + (this.frozen?.cells.bytes ?? 0);
  }

  /** Every cell that the engine does not hold yet, newest version, with a place at or after `position`. */
  *unwritten(position: number): Iterable<Cell> {
    if (this.frozen?.stateId === this.stateId) {
      for (const cell of this.frozen.cells.from(position)) if (this.cells.get(cell.name) === cell) yield cell;
    }
    yield* this.dirty.from(position);
  }

  private forget(): void {
    this.cells.clear();
    this.dirty = new DirtyCells();
    this.cellsBytes = 0;
    this.pages.forget();
    this.generation++;
  }

  private install(name: string, record: KeptRecord | undefined, stored: number | undefined): void {
    if (this.complete && record === undefined) return;
    const cell = makeCell(name, record, stored);
    this.cells.set(name, cell);
    this.cellsBytes += cellBytes(cell);
  }

  private drop(cell: Cell): void {
    this.cells.delete(cell.name);
    this.cellsBytes -= cellBytes(cell);
  }
}

/** The life that a record's pages belong to. */
export function lifeOf(record: KeptRecord | undefined): Life | undefined {
  if (record === undefined || typeof record === 'string' || record.kind === 'text') return undefined;
  if (record.kind === 'string') return Buffer.isBuffer(record.value) ? undefined : record.value.life;
  return record.body.form === 'paged' ? record.body.life : undefined;
}

/** To be kept for long, so in memory of its own. */
function dueOf(expireAtMs: number, name: string): Due {
  return { expireAtMs, key: ownBytes(keyOf(name)) };
}

/** The engine writes of one dirty cell of state `stateId`. */
export function writesOf(stateId: number, cell: Cell): EngineWrite[] {
  const key = keyOf(cell.name);
  const row = recordKey(stateId, placeOfCell(cell), key);
  const writes: EngineWrite[] = [];
  const { record, storedExpireAtMs } = cell;
  const expireAtMs = expiryOf(record);
  if (storedExpireAtMs !== undefined && storedExpireAtMs !== expireAtMs) {
    writes.push({ kind: 'delete', key: expiryKey(stateId, storedExpireAtMs, key) });
  }
  if (record === undefined) return [...writes, { kind: 'delete', key: row }];
  if (expireAtMs !== undefined && expireAtMs !== storedExpireAtMs) {
    writes.push({ kind: 'put', key: expiryKey(stateId, expireAtMs, key), value: EMPTY });
  }
  writes.push({ kind: 'put', key: row, value: encodeRecord(record) });
  return writes;
}

const EMPTY = Buffer.alloc(0);
const NO_NAMES: ReadonlySet<string> = new Set();
