/**
 * The pages of a state's large collections that are in memory: one shelf a life.
 *
 * Invariants:
 * - A shelf holds every page that the engine does not hold as it is now: `dirty` (changed since the last freeze) and frozen ones
 *   (being written by a checkpoint). Those are never evicted.
 * - A retired life has no shelf: its pages go at once, however many. A checkpoint that freezes after that leaves a reclaim row
 *   in the engine, in the batch that takes the key's record away, and no page of that life.
 * - A page that is missing here and asked for by a living key is in the engine.
 */
import { invariant } from '../assert.js';
import { DamageError } from '../storage/damage.js';
import type { Engine } from '../storage/engine.js';
import type { Life } from './body.js';
import { pageKey } from './page-keys.js';
import type { PageNumber, TreePage } from './tree.js';
import { decodePage, rowsOf, sizeOf } from './tree-page.js';

/** A new version of a page is a new cell. */
interface PageCell {
  /** undefined: freed. */
  readonly content: TreePage | undefined;
  readonly bytes: number;
  /** Read since the last look for pages to evict: it has another chance. So the upper levels of trees in use stay. */
  used: boolean;
}

/** Pages of one life. */
class Shelf {
  readonly cells = new Map<PageNumber, PageCell>();
  dirty = new Map<PageNumber, PageCell>();
  /** Dirty pages from this number on are new: what the engine holds at the next freeze does not lead to them. */
  newFrom = Number.POSITIVE_INFINITY;
  bytes = 0;
  dirtyBytes = 0;

  constructor(
    readonly life: Life,
    /** No page of the life is missing. */
    public whole: boolean,
  ) {}
}

/** Of one life, being written. */
interface FrozenShelf {
  readonly life: Life;
  readonly cells: ReadonlyMap<PageNumber, PageCell>;
  readonly newFrom: PageNumber;
}

export interface FrozenPages {
  readonly shelves: ReadonlyMap<string, FrozenShelf>;
  readonly retired: readonly Life[];
  readonly bytes: number;
}

export interface PageOfLife {
  readonly life: Life;
  readonly page: PageNumber;
}

/** What must stay in memory, by name. */
export interface Pinned {
  has(name: string): boolean;
}

/** What a map entry, a cell, and a page's objects cost beside its strings; measured, rounded up. */
const PAGE_OVERHEAD_BYTES = 480;
const ROW_OVERHEAD_BYTES = 16;

/** Under which a page is pinned; no key's name holds its first character. */
export function pinName({ life, page }: PageOfLife): string {
  return `\u{100}${life.name}/${page}`;
}

export class PagePool {
  private shelves = new Map<string, Shelf>();
  private dirtyShelves = new Set<Shelf>();
  private retired: Life[] = [];
  private frozen: FrozenPages | undefined;
  private unwrittenBytes = 0;
  private retirements = 0;
  bytes = 0;
  /** There may be reclaim rows in the engine that nobody has looked at. */
  mayReclaim = true;
  /** They are being looked at. */
  isBeingReclaimed = false;

  /** Lives that are gone may have pages in the engine, be they named there as such or not yet. */
  get mayHaveLeftovers(): boolean {
    const retired = this.retired.length + (this.frozen?.retired.length ?? 0);
    return this.mayReclaim || this.isBeingReclaimed || retired > 0;
  }

  get dirtyBytes(): number {
    return this.unwrittenBytes + (this.frozen?.bytes ?? 0);
  }

  /** What the next freeze will take. */
  get unfrozenBytes(): number {
    return this.unwrittenBytes;
  }

  get hasUnwritten(): boolean {
    return this.dirtyShelves.size > 0 || this.retired.length > 0;
  }

  /** undefined: only the engine knows. */
  find({ life, page }: PageOfLife): TreePage | undefined {
    const cell = this.shelves.get(life.name)?.cells.get(page);
    if (cell === undefined) return undefined;
    invariant(cell.content !== undefined, 'a freed page is read', { ...life, page });
    cell.used = true;
    return cell.content;
  }

  holdsAll({ name }: Life): boolean {
    return this.shelves.get(name)?.whole === true;
  }

  /** A life begins: all of its pages will come through `publish`. */
  begin(life: Life): void {
    this.shelves.set(life.name, new Shelf(life, true));
  }

  /** Publishes a change; undefined frees the page. `newFrom`: the life had no page of this number, or above, before the run. */
  publish({ life, page }: PageOfLife, content: TreePage | undefined, newFrom: PageNumber): void {
    const shelf = this.shelfOf(life);
    shelf.newFrom = Math.min(shelf.newFrom, newFrom);
    const cell = cellOf(content);
    this.put(shelf, page, cell);
    const dirtyBytes = cell.bytes - (shelf.dirty.get(page)?.bytes ?? 0);
    shelf.dirty.set(page, cell);
    shelf.dirtyBytes += dirtyBytes;
    this.unwrittenBytes += dirtyBytes;
    this.dirtyShelves.add(shelf);
  }

  /** No key holds the life any more. */
  retire(life: Life): void {
    const shelf = this.shelves.get(life.name);
    if (shelf !== undefined) {
      this.bytes -= shelf.bytes;
      this.unwrittenBytes -= shelf.dirtyBytes;
      this.dirtyShelves.delete(shelf);
      this.shelves.delete(life.name);
    }
    this.retired.push(life);
    this.retirements++;
  }

  /** The state is another one now. What is frozen stays so until it is written. */
  forget(): void {
    this.shelves = new Map();
    this.dirtyShelves = new Set();
    this.retired = [];
    this.bytes = 0;
    this.unwrittenBytes = 0;
    this.mayReclaim = true;
    this.retirements++;
  }

  freeze(): FrozenPages {
    const shelves = new Map<string, FrozenShelf>();
    for (const shelf of this.dirtyShelves) {
      shelves.set(shelf.life.name, { life: shelf.life, cells: shelf.dirty, newFrom: shelf.newFrom });
      shelf.dirty = new Map();
      shelf.newFrom = Number.POSITIVE_INFINITY;
      shelf.dirtyBytes = 0;
    }
    this.frozen = { shelves, retired: this.retired, bytes: this.unwrittenBytes };
    this.dirtyShelves = new Set();
    this.retired = [];
    this.unwrittenBytes = 0;
    return this.frozen;
  }

  /** What was frozen will never be written; `forget` follows. */
  dropFrozen(): void {
    this.frozen = undefined;
  }

  /** What was frozen is in the engine. */
  thaw(): void {
    const { frozen } = this;
    this.frozen = undefined;
    if (frozen === undefined) return;
    if (frozen.retired.length > 0) this.mayReclaim = true;
    for (const [name, { cells }] of frozen.shelves) {
      const shelf = this.shelves.get(name);
      if (shelf === undefined) continue;
      // A freed page's number is never asked for again.
      for (const [page, cell] of cells) {
        if (cell.content === undefined && shelf.cells.get(page) === cell) this.drop(shelf, page, cell);
      }
    }
  }

  /**
   * Brings pages into memory and answers how many bytes; one that came meanwhile stays. `still`: whether what was read may yet be
   * taken for the newest.
   */
  async load(
    engine: Engine,
    stateId: number,
    needs: readonly PageOfLife[],
    still: () => boolean,
  ): Promise<number> {
    const { retirements } = this;
    const missing = needs.filter(({ life, page }) => !this.shelves.get(life.name)?.cells.has(page));
    const rows = await engine.getMany(missing.map(({ life, page }) => pageKey(stateId, life, page)));
    if (!still()) return 0;
    const before = this.bytes;
    missing.forEach(({ life, page }, i) => {
      const bytes = rows[i];
      // What died meanwhile needs no page; a living key's page that is nowhere would be asked for again for ever.
      if (bytes === undefined && retirements !== this.retirements) return;
      if (bytes === undefined)
        throw new DamageError(`engine: page ${page} of life ${life.name} of state ${stateId} is nowhere`);
      const shelf = this.shelfOf(life);
      if (!shelf.cells.has(page)) this.put(shelf, page, cellOf(decodePage(bytes)));
    });
    return this.bytes - before;
  }

  /**
   * Drops clean pages, oldest life first, until at most `bytes` are held, or `most` are dropped: answers how many; those not read
   * lately before the others.
   */
  evict(bytes: number, pinned: Pinned, most: number): number {
    const first = this.evictFrom(bytes, pinned, most, true);
    return first + this.evictFrom(bytes, pinned, most - first, false);
  }

  private evictFrom(bytes: number, pinned: Pinned, most: number, sparesUsed: boolean): number {
    let dropped = 0;
    for (const [name, shelf] of this.shelves) {
      const writing = this.frozen?.shelves.get(name)?.cells;
      for (const [page, cell] of shelf.cells) {
        if (this.bytes <= bytes || dropped >= most) return dropped;
        if (shelf.dirty.get(page) === cell || writing?.get(page) === cell) continue;
        if (sparesUsed && cell.used) {
          cell.used = false;
          continue;
        }
        if (pinned.has(pinName({ life: shelf.life, page }))) continue;
        this.drop(shelf, page, cell);
        dropped++;
        shelf.whole = false;
      }
      if (shelf.cells.size === 0) this.shelves.delete(name);
    }
    return dropped;
  }

  private shelfOf(life: Life): Shelf {
    const name = life.name;
    let shelf = this.shelves.get(name);
    if (shelf === undefined) {
      shelf = new Shelf(life, false);
      this.shelves.set(name, shelf);
    }
    return shelf;
  }

  private put(shelf: Shelf, page: PageNumber, cell: PageCell): void {
    const more = cell.bytes - (shelf.cells.get(page)?.bytes ?? 0);
    shelf.cells.set(page, cell);
    shelf.bytes += more;
    this.bytes += more;
  }

  private drop(shelf: Shelf, page: PageNumber, cell: PageCell): void {
    shelf.cells.delete(page);
    shelf.bytes -= cell.bytes;
    this.bytes -= cell.bytes;
  }
}

function cellOf(content: TreePage | undefined): PageCell {
  const bytes = content === undefined ? 0 : sizeOf(content) + rowsOf(content) * ROW_OVERHEAD_BYTES;
  return { content, bytes: bytes + PAGE_OVERHEAD_BYTES, used: false };
}
