/**
 * Large collections: the doors of doors.ts over trees of pages.
 *
 * A run sees pages through its host, which knows what the run has changed and what memory lacks. The trees of one body share the
 * numbers of its pages.
 */
import type { BodyLimits, Life } from './body.js';
import type { Direction, EditableItems, EditableOrdered, Pair } from './doors.js';
import type { PageOfLife } from './page-pool.js';
import { aimAtRank, descend, type PageNumber, type Pages, type TreePage, type TreeRoot } from './tree.js';
import { OrderedTree } from './tree-ordered.js';
import { PositionalTree } from './tree-positional.js';

/** Pages as a run sees them. */
export interface PageReader {
  readonly limits: BodyLimits;
  /** Throws PageFault where memory lacks it. */
  readPage(at: PageOfLife): TreePage;
  /** No page of the life is missing in memory: there is nothing to load ahead. */
  holdsAll(life: Life): boolean;
  /** Throws PageFault, naming all that memory lacks. */
  prefetchPages(life: Life, pages: readonly PageNumber[]): void;
}

export interface PageEditor extends PageReader {
  /** undefined frees the page. `newFrom`: the body that is edited had no page of this number, or above. */
  writePage(at: PageOfLife, content: TreePage | undefined, newFrom: PageNumber): void;
  /** For a key that has got large. */
  newLife(key: Buffer): Life;
}

/** Reads of this many entries or fewer are left to the reader's own pace. */
const READ_AHEAD_ENTRIES_MIN = 64;

/** The pages of one life. */
export class PagesOfLife implements Pages {
  /** Whether anything was written or freed. */
  changed = false;
  private nextPage: PageNumber;
  private readonly newFrom: PageNumber;

  constructor(
    private readonly host: PageReader | PageEditor,
    private readonly life: Life,
    roots: readonly TreeRoot[],
  ) {
    this.newFrom = roots.reduce((next, root) => Math.max(next, root.nextPage), 1);
    this.nextPage = this.newFrom;
  }

  read(page: PageNumber): TreePage {
    return this.host.readPage({ life: this.life, page });
  }

  get allInMemory(): boolean {
    return this.host.holdsAll(this.life);
  }

  prefetch(pages: readonly PageNumber[]): void {
    this.host.prefetchPages(this.life, pages);
  }

  write(page: PageNumber, content: TreePage): void {
    this.put(page, content);
  }

  allocate(): PageNumber {
    return this.nextPage++;
  }

  free(page: PageNumber): void {
    this.put(page, undefined);
  }

  private put(page: PageNumber, content: TreePage | undefined): void {
    this.changed = true;
    (this.host as PageEditor).writePage({ life: this.life, page }, content, this.newFrom);
  }
}

export class PagedOrdered implements EditableOrdered {
  private readonly tree: OrderedTree;

  constructor(
    private readonly pages: PagesOfLife,
    root: TreeRoot,
    pageBytesTarget: number,
  ) {
    this.tree = new OrderedTree(pages, root, pageBytesTarget);
  }

  get root(): TreeRoot {
    return this.tree.root;
  }

  get count(): number {
    return this.tree.count;
  }

  get(key: Buffer): Buffer | undefined {
    return this.tree.get(key);
  }

  at(rank: number): Pair | undefined {
    return this.tree.at(rank);
  }

  below(key: Buffer): number {
    return this.tree.rank(key).rank;
  }

  from(rank: number, direction: Direction, most = Number.POSITIVE_INFINITY): Iterable<Pair> {
    const { from, to } = rangeOf(rank, direction, most, this.count);
    if (isLong(most)) this.tree.readAhead(from, to);
    return direction === 'up' ? this.tree.ascend(from, to) : this.tree.descend(from, to);
  }

  get isInMemory(): boolean {
    return this.pages.allInMemory;
  }

  prefetch(keys: readonly Buffer[]): void {
    if (!this.isInMemory) this.tree.prefetch(keys);
  }

  prefetchRanks(ranks: readonly number[]): void {
    if (!this.isInMemory) descend(this.pages, this.root, ranks.map(aimAtRank));
  }

  put(key: Buffer, value: Buffer): Buffer | undefined {
    return this.tree.put(key, value);
  }

  delete(key: Buffer): Buffer | undefined {
    return this.tree.delete(key);
  }

  deleteRange(from: number, to: number): void {
    this.tree.deleteRange(from, to);
  }

  /** In order, all above what is there. */
  append(pairs: Iterable<Pair>): void {
    this.tree.append(pairs);
  }
}

export class PagedItems implements EditableItems {
  private readonly tree: PositionalTree;

  constructor(pages: Pages, root: TreeRoot, pageBytesTarget: number) {
    this.tree = new PositionalTree(pages, root, pageBytesTarget);
  }

  get root(): TreeRoot {
    return this.tree.root;
  }

  get count(): number {
    return this.tree.count;
  }

  at(rank: number): Buffer | undefined {
    return this.tree.at(rank);
  }

  from(rank: number, direction: Direction, most = Number.POSITIVE_INFINITY): Iterable<Buffer> {
    const { from, to } = rangeOf(rank, direction, most, this.count);
    if (isLong(most)) this.tree.readAhead(from, to);
    return direction === 'up' ? this.tree.ascend(from, to) : this.tree.descend(from, to);
  }

  set(rank: number, item: Buffer): void {
    this.tree.setAt(rank, item);
  }

  insert(rank: number, item: Buffer): void {
    this.tree.insertAt(rank, [item]);
  }

  deleteRange(from: number, to: number): void {
    this.tree.deleteRange(from, to);
  }

  append(items: Iterable<Buffer>): void {
    this.tree.pushLast(items);
  }
}

/** Where all that will be read is known to be much, it is loaded together. */
function isLong(most: number): boolean {
  return most > READ_AHEAD_ENTRIES_MIN && most < Number.POSITIVE_INFINITY;
}

/** The ranks that are read, without the last. */
function rangeOf(
  rank: number,
  direction: Direction,
  most: number,
  count: number,
): { readonly from: number; readonly to: number } {
  if (rank < 0 || rank >= count) return { from: 0, to: 0 };
  return direction === 'up'
    ? { from: rank, to: Math.min(count, rank + most) }
    : { from: Math.max(0, rank + 1 - most), to: rank + 1 };
}
