/**
 * The one way a tree changes: the entries between two places are replaced by others (none, one, many).
 *
 * From the leaves up, each level makes one content of what is kept left of the change, what the level below came to, and what is
 * kept right of it; cuts it into pages (tree-cut.ts); and hands the level above what those pages are. So insertion, removal and
 * the removal of a long range, whose two ends meet in one content, are the same few lines.
 *
 * - A content that shrank below a third of a page takes in a neighbour: one with which it fits in a page, or else one with which it
 *   is cut in halves. Only children of one parent are neighbours.
 * - A leaf at either end of the tree is let run empty instead, as long as its parent has two more children: a queue would else pay
 *   for company that is about to leave as well.
 * - What is appended at the end of the tree fills its pages to the brim, also when it comes one by one.
 * - A page whose content did not change is not written, and keeps its number. Where a page comes to what it was, the rest of
 *   the way up is left alone.
 * - Everything that will be read is named ahead: the neighbours of all levels that may need them, in one prefetch.
 */
import { type ByteList, NO_BYTES } from './byte-list.js';
import {
  freeAll,
  type Pages,
  type Path,
  prefetchAll,
  type Step,
  type TreeRoot,
  type TreeShape,
} from './tree.js';
import { type Filling, fits } from './tree-cut.js';
import {
  type InnerPage,
  joinRows,
  type LeafPage,
  type PageNumber,
  rowsOf,
  sizeOf,
  sizeOfRows,
  type TreePage,
} from './tree-page.js';
import {
  type Child,
  type Draft,
  PageWriter,
  type Replaced,
  rowsFrom,
  separatorOfRow,
} from './tree-writer.js';

/** A page is in need of company when it is less than this part of the target. */
const UNDERFULL_SHARE = 1 / 3;

/**
 * Replaces the entries from the one that `left` leads to up to the one that `right` leads to, without that one. Both paths
 * are empty in an empty tree; `right` never leads to a leaf's first row unless `left` leads to the same leaf.
 */
export function splice(
  pages: Pages,
  shape: TreeShape,
  root: TreeRoot,
  left: Path,
  right: Path,
  entries: ByteList,
): TreeRoot {
  return new Splice(pages, shape, root, left, right).run(entries);
}

class Splice {
  private readonly writer: PageWriter;
  /** The children of the level above that the content stands for, first and last. */
  private firstRow = 0;
  private lastRow = 0;

  constructor(
    private readonly pages: Pages,
    private readonly shape: TreeShape,
    private readonly root: TreeRoot,
    private readonly left: Path,
    private readonly right: Path,
  ) {
    this.writer = new PageWriter(pages, shape, root);
  }

  run(entries: ByteList): TreeRoot {
    const added: LeafPage = { kind: 'leaf', width: this.shape.width, strings: entries };
    if (this.left.length === 0)
      return this.writer.crown({ page: added, separator: NO_BYTES }, [], 'first', 1);
    let draft = this.leafDraft(added);
    this.nameNeighbours(draft);
    this.freeBetween();
    for (let depth = this.leafDepth; depth > 0; depth--) {
      const children = this.settle(depth, draft);
      const recounted = this.recounted(depth - 1, children);
      if (recounted === this.left[depth - 1]!.page) return this.writer.sameTop(this.root);
      const separator = this.separatorAt(depth - 1);
      draft = { page: recounted ?? this.innerPage(depth - 1, children), separator };
    }
    return this.writer.crown(draft, this.replacedAt(0), this.fillingAt(0), this.root.height);
  }

  private get leafDepth(): number {
    return this.left.length - 1;
  }

  private leafDraft(added: LeafPage): Draft {
    const left = this.left[this.leafDepth]!;
    const right = this.right[this.leafDepth]!;
    const page = joinRows(added, [
      rowsFrom(left.page, 0, left.row),
      rowsFrom(added, 0, rowsOf(added)),
      rowsFrom(right.page, right.row, rowsOf(right.page)),
    ]);
    return { page, separator: this.separatorAt(this.leafDepth) };
  }

  /** The usual case, without taking the page apart: one child, the same as before, and only its count may differ. */
  private recounted(depth: number, children: readonly Child[]): TreePage | undefined {
    const { page, number } = this.left[depth]!;
    const child = children[0];
    const { firstRow: row, lastRow } = this;
    if (page.kind === 'leaf' || number !== this.right[depth]!.number || row !== lastRow) return undefined;
    if (child === undefined || children.length > 1 || child.number !== page.children[row]) return undefined;
    if (child.count === page.counts[row]) return page;
    return { ...page, counts: page.counts.with(row, child.count) };
  }

  private innerPage(depth: number, children: readonly Child[]): TreePage {
    const left = this.left[depth]!.page;
    const right = this.right[depth]!.page;
    return joinRows(left, [
      rowsFrom(left, 0, this.firstRow),
      {
        ...rowsFrom(this.writer.innerOf(children), 0, children.length),
        separator: children[0]?.separator ?? NO_BYTES,
      },
      rowsFrom(right, this.lastRow + 1, rowsOf(right)),
    ]);
  }

  /** Makes a level's content pages, with its neighbours where it needs company. */
  private settle(depth: number, draft: Draft): Child[] {
    this.firstRow = this.left[depth - 1]!.row;
    this.lastRow = this.right[depth - 1]!.row;
    const replaced = this.replacedAt(depth);
    if (!this.wantsCompany(depth, draft.page))
      return this.writer.store(draft, replaced, this.fillingAt(depth));
    let company = draft;
    for (const mustFit of [true, false]) {
      for (const side of ['left', 'right'] as const) {
        if (this.isUnderfull(company.page)) company = this.takeIn(side, depth, company, replaced, mustFit);
      }
    }
    return this.writer.store(company, replaced, 'even');
  }

  /** The content with its neighbour on that side, once; without it where there is none or it must fit and does not. */
  private takeIn(
    side: 'left' | 'right',
    depth: number,
    draft: Draft,
    replaced: Replaced[],
    mustFit: boolean,
  ): Draft {
    const step = side === 'left' ? this.left[depth - 1]! : this.right[depth - 1]!;
    const isTaken = side === 'left' ? this.firstRow < step.row : this.lastRow > step.row;
    const row = side === 'left' ? step.row - 1 : step.row + 1;
    const number = (step.page as InnerPage).children[row];
    if (isTaken || number === undefined) return draft;
    const neighbour = this.pages.read(number);
    const separator = separatorOfRow(step.page, row);
    const own = { ...rowsFrom(draft.page, 0, rowsOf(draft.page)), separator: draft.separator };
    const other = { ...rowsFrom(neighbour, 0, rowsOf(neighbour)), separator };
    const page = joinRows(draft.page, side === 'left' ? [other, own] : [own, other]);
    if (mustFit && !fits(page, 0, rowsOf(page), this.shape.pageBytesTarget)) return draft;
    replaced.push({ number, page: neighbour });
    if (side === 'left') this.firstRow--;
    else this.lastRow++;
    return { page, separator: side === 'left' ? separator : draft.separator };
  }

  private wantsCompany(depth: number, page: TreePage): boolean {
    const left = this.left[depth]!;
    const shrank = left.number !== this.right[depth]!.number || sizeOf(page) < sizeOf(left.page);
    return shrank && this.isUnderfull(page) && !this.mayRunEmpty(depth);
  }

  private isUnderfull(page: TreePage): boolean {
    return this.isSlim(page.kind, rowsOf(page), sizeOf(page));
  }

  private isSlim(kind: TreePage['kind'], rows: number, sizeBytes: number): boolean {
    return (kind === 'inner' && rows < 2) || sizeBytes < this.shape.pageBytesTarget * UNDERFULL_SHARE;
  }

  /** A leaf at the tree's edge whose parent keeps two children beside it. */
  private mayRunEmpty(depth: number): boolean {
    if (depth !== this.leafDepth) return false;
    if (!this.isAtStart(depth - 1) && !this.isAtEnd(depth - 1)) return false;
    const { page, row } = this.right[depth - 1]!;
    return this.left[depth - 1]!.row + rowsOf(page) - 1 - row >= 2;
  }

  private fillingAt(depth: number): Filling {
    if (this.isAtEnd(depth)) return 'first';
    return this.isAtStart(depth) ? 'last' : 'even';
  }

  private isAtStart(depth: number): boolean {
    for (let at = 0; at <= depth; at++) if (this.left[at]!.row > 0) return false;
    return true;
  }

  private isAtEnd(depth: number): boolean {
    for (let at = 0; at <= depth; at++) {
      const { page, row } = this.right[at]!;
      if (row < rowsOf(page) - (page.kind === 'inner' ? 1 : 0)) return false;
    }
    return true;
  }

  /** Loads all that takeIn may read: of the levels above the leaves, where they may be left with too few rows. */
  private nameNeighbours({ page }: Draft): void {
    const wanted: PageNumber[] = [];
    const wantsCompany = this.leafDepth > 0 && this.wantsCompany(this.leafDepth, page);
    if (wantsCompany) wanted.push(...this.neighboursAt(this.leafDepth));
    let loses = wantsCompany || rowsOf(page) === 0 || this.isParted(this.leafDepth);
    for (let depth = this.leafDepth - 1; depth > 0 && loses; depth--) {
      const maySlim = this.maySlim(depth);
      if (maySlim) wanted.push(...this.neighboursAt(depth));
      loses = maySlim || this.isParted(depth);
    }
    if (wanted.length > 0) prefetchAll(this.pages, wanted);
  }

  /** Judged by the rows that are kept whatever happens below: the child taken, and its neighbours, may all go. */
  private maySlim(depth: number): boolean {
    const left = this.left[depth]!;
    const right = this.right[depth]!;
    const rowsLeft = Math.max(0, left.row - 1);
    const rowsRight = Math.max(0, rowsOf(right.page) - right.row - 2);
    const end = rowsOf(right.page);
    const sizeBytes = sizeOfRows(left.page, 0, rowsLeft) + sizeOfRows(right.page, end - rowsRight, end);
    return this.isSlim('inner', rowsLeft + rowsRight, sizeBytes);
  }

  private neighboursAt(depth: number): PageNumber[] {
    const left = this.left[depth - 1]! as Step & { page: InnerPage };
    const right = this.right[depth - 1]! as Step & { page: InnerPage };
    const numbers = [left.page.children[left.row - 1], right.page.children[right.row + 1]];
    return numbers.filter((number) => number !== undefined);
  }

  private isParted(depth: number): boolean {
    return this.left[depth]!.number !== this.right[depth]!.number;
  }

  /** What lies wholly between the two paths. */
  private freeBetween(): void {
    if (!this.isParted(this.leafDepth)) return;
    for (let depth = 0; depth < this.leafDepth; depth++) {
      const left = this.left[depth]! as Step & { page: InnerPage };
      const right = this.right[depth]! as Step & { page: InnerPage };
      const tops = this.isParted(depth)
        ? [...left.page.children.slice(left.row + 1), ...right.page.children.slice(0, right.row)]
        : left.page.children.slice(left.row + 1, right.row);
      freeAll(this.pages, tops, this.leafDepth - depth);
    }
  }

  private replacedAt(depth: number): Replaced[] {
    const left = this.left[depth]!;
    return this.isParted(depth) ? [left, this.right[depth]!] : [left];
  }

  private separatorAt(depth: number): Buffer {
    const parent = this.left[depth - 1];
    return parent === undefined ? NO_BYTES : separatorOfRow(parent.page, parent.row);
  }
}
