/**
 * The one way a tree changes: the entries between two places are replaced by others (none, one, many).
 *
 * From the leaves up, each level makes one content of what is kept left of the change, what the level below came to, and what is
 * kept right of it; cuts it into pages (tree-cut.ts); and hands the level above what those pages are. So insertion, removal and
 * the removal of a long range, whose two ends meet in one content, are the same few lines.
 *
 * - A content that shrank below a third of a page takes in a neighbour: one with which it fits in a page, or else one with which it
 *   is cut in halves. Only children of one parent are neighbours.
 * - Where a leaf is cut around an entry that fills most of a page, the small pieces at its ends join the neighbours, if they fit:
 *   what comes next to such an entry time and again would else make a page each time.
 * - What comes at either end of the tree fills its pages to the brim, also when it comes one by one. So the last page of a level
 *   may be small while it grows; only a content that shrank is in need of company.
 * - A page whose content did not change is not written, and keeps its number. Where a page comes to what it was, the rest of
 *   the way up is left alone.
 * - A content may be left alone below a parent that itself joins its neighbour: only then it has company. So what was stranded in
 *   that way is visited once more, from the new root.
 * - Everything that will be read is named ahead: the neighbours of all levels that may need them, in one prefetch.
 */
import { type ByteList, listOf, NO_BYTES } from './byte-list.js';
import {
  aimAtRank,
  descend,
  freeAll,
  type Pages,
  type Path,
  prefetchAll,
  rankOf,
  type Step,
  type TreeRoot,
  type TreeShape,
} from './tree.js';
import { cutsOf, type Filling, fits, isSlim, soleRows } from './tree-cut.js';
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
  wholeOf,
} from './tree-writer.js';

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
  const change = new Splice(pages, shape, root, left, right);
  let top = change.run(entries);
  let { stranded } = change;
  // One level finds company with each visit.
  for (let left = root.height; left > 0 && stranded !== undefined; left--) {
    const path = descend(pages, top, [aimAtRank(stranded)])[0]!;
    const visit = new Splice(pages, shape, top, path, path, true);
    top = visit.run(listOf([]));
    stranded = visit.stranded;
  }
  return top;
}

const SIDES = ['left', 'right'] as const;
type Side = (typeof SIDES)[number];

interface Neighbour extends Replaced, Draft {}

class Splice {
  private readonly writer: PageWriter;
  /** The children of the level above that the content stands for, first and last. */
  private firstRow = 0;
  private lastRow = 0;
  /** The rank of the first entry of a content that is in need of company and has no neighbour. */
  private lonely: number | undefined;
  /** The same, once its parent has joined another page. */
  stranded: number | undefined;

  constructor(
    private readonly pages: Pages,
    private readonly shape: TreeShape,
    private readonly root: TreeRoot,
    private readonly left: Path,
    private readonly right: Path,
    /** Nothing changes but that underfull pages find company. */
    private readonly visits = false,
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
      if (recounted === this.left[depth - 1]!.page && !this.visits) return this.writer.sameTop(this.root);
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
      wholeOf({ page: this.writer.innerOf(children), separator: children[0]?.separator ?? NO_BYTES }),
      rowsFrom(right, this.lastRow + 1, rowsOf(right)),
    ]);
  }

  /** Makes a level's content pages, with its neighbours where it needs company. */
  private settle(depth: number, draft: Draft): Child[] {
    this.firstRow = this.left[depth - 1]!.row;
    this.lastRow = this.right[depth - 1]!.row;
    const replaced = this.replacedAt(depth);
    const wantsCompany = this.wantsCompany(depth, draft.page);
    const company = wantsCompany
      ? this.takeCompany(depth, draft, replaced)
      : this.joinEnds(depth, draft, replaced);
    if (company !== draft) this.stranded ??= this.lonely;
    else if (wantsCompany && rowsOf(draft.page) > 0) this.lonely ??= rankOf(this.left.slice(0, depth));
    return this.writer.store(company, replaced, company === draft ? this.fillingAt(depth) : 'even');
  }

  private takeCompany(depth: number, draft: Draft, replaced: Replaced[]): Draft {
    let company = draft;
    for (const mustFit of [true, false]) {
      for (const side of SIDES) {
        const other = this.isUnderfull(company.page) ? this.neighbour(side, depth) : undefined;
        if (other === undefined) continue;
        const helps = mustFit ? this.fitTogether(side, company, other) : rowsOf(other.page) > 1;
        if (helps) company = this.takeIn(side, company, other, replaced);
      }
    }
    return company;
  }

  private joinEnds(depth: number, draft: Draft, replaced: Replaced[]): Draft {
    let company = draft;
    for (const [side, end] of this.smallEnds(depth, draft.page)) {
      const other = this.neighbour(side, depth);
      if (other === undefined || sizeOf(other.page) + end > this.shape.pageBytesTarget) continue;
      company = this.takeIn(side, company, other, replaced);
    }
    return company;
  }

  /** The sizes of the outer pieces that a leaf's content will be cut into, where they are underfull. */
  private smallEnds(depth: number, page: TreePage): [side: Side, sizeBytes: number][] {
    const target = this.shape.pageBytesTarget;
    if (depth !== this.leafDepth || fits(page, 0, rowsOf(page), target)) return [];
    const cuts = cutsOf(page, target, this.fillingAt(depth));
    const first = sizeOfRows(page, 0, cuts[1]!);
    const last = sizeOfRows(page, cuts.at(-1)!, rowsOf(page));
    const ends: [Side, number][] = [
      ['left', first],
      ['right', last],
    ];
    return ends.filter(([, sizeBytes]) => isSlim('leaf', 1, sizeBytes, target));
  }

  /** The page beside the content, below the same parent; undefined where there is none, or it was taken in. */
  private neighbour(side: Side, depth: number): Neighbour | undefined {
    const { parent, row, number } = this.beside(side, depth);
    const isTaken = side === 'left' ? this.firstRow <= row : this.lastRow >= row;
    if (isTaken || number === undefined) return undefined;
    return { number, page: this.pages.read(number), separator: separatorOfRow(parent, row) };
  }

  private beside(
    side: Side,
    depth: number,
  ): { readonly parent: InnerPage; readonly row: number; readonly number: PageNumber | undefined } {
    const step = side === 'left' ? this.left[depth - 1]! : this.right[depth - 1]!;
    const parent = step.page as InnerPage;
    const row = side === 'left' ? step.row - 1 : step.row + 1;
    return { parent, row, number: parent.children[row] };
  }

  private fitTogether(side: Side, draft: Draft, other: Neighbour): boolean {
    const rows = rowsOf(draft.page) + rowsOf(other.page);
    const bound = side === 'left' ? draft.separator : other.separator;
    const sizeBytes =
      sizeOf(draft.page) + sizeOf(other.page) + (draft.page.kind === 'leaf' ? 0 : bound.length);
    return rows <= soleRows(draft.page) || sizeBytes <= this.shape.pageBytesTarget;
  }

  private takeIn(side: Side, draft: Draft, other: Neighbour, replaced: Replaced[]): Draft {
    replaced.push(other);
    if (side === 'left') this.firstRow--;
    else this.lastRow++;
    const [first, second] = side === 'left' ? [other, draft] : [draft, other];
    // As it is where nothing joins it: it may be large, and then is not to be written either.
    const page =
      rowsOf(draft.page) === 0 ? other.page : joinRows(draft.page, [wholeOf(first), wholeOf(second)]);
    return { page, separator: first.separator };
  }

  private wantsCompany(depth: number, page: TreePage): boolean {
    const left = this.left[depth]!;
    const shrank = left.number !== this.right[depth]!.number || sizeOf(page) < sizeOf(left.page);
    return (shrank || this.visits) && this.isUnderfull(page);
  }

  private isUnderfull(page: TreePage): boolean {
    return isSlim(page.kind, rowsOf(page), sizeOf(page), this.shape.pageBytesTarget);
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

  /** Loads all neighbours that may be read: of the levels above the leaves, where they may be left with too few rows. */
  private nameNeighbours({ page }: Draft): void {
    const depthOfLeaf = this.leafDepth;
    if (depthOfLeaf === 0) return;
    const sides = this.wantsCompany(depthOfLeaf, page)
      ? SIDES
      : this.smallEnds(depthOfLeaf, page).map(([side]) => side);
    const wanted = sides.map((side) => this.beside(side, depthOfLeaf).number);
    let loses = sides.length > 0 || this.isParted(depthOfLeaf);
    for (let depth = depthOfLeaf - 1; depth > 0 && loses; depth--) {
      const maySlim = this.maySlim(depth);
      if (maySlim) wanted.push(...SIDES.map((side) => this.beside(side, depth).number));
      loses = maySlim || this.isParted(depth);
    }
    const there = wanted.filter((number) => number !== undefined);
    if (there.length > 0) prefetchAll(this.pages, there);
  }

  /** Judged by the rows that are kept whatever happens below: the child taken, and its neighbours, may all go. */
  private maySlim(depth: number): boolean {
    const left = this.left[depth]!;
    const right = this.right[depth]!;
    const rowsLeft = Math.max(0, left.row - 1);
    const rowsRight = Math.max(0, rowsOf(right.page) - right.row - 2);
    const end = rowsOf(right.page);
    const sizeBytes = sizeOfRows(left.page, 0, rowsLeft) + sizeOfRows(right.page, end - rowsRight, end);
    return isSlim('inner', rowsLeft + rowsRight, sizeBytes, this.shape.pageBytesTarget);
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
