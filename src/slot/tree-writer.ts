/**
 * Contents become pages: cut, numbered, written; and the levels above them, up to the root.
 *
 * A page whose content did not change is not written and keeps its number; changed ones take over the numbers of those that they
 * replace, and only then new ones. What is left over is freed.
 */
import { listOf, NO_BYTES, stringAt } from './byte-list.js';
import type { Pages, TreeRoot, TreeShape } from './tree.js';
import { cutsOf, type Filling } from './tree-cut.js';
import {
  countOf,
  type InnerPage,
  joinRows,
  type PageNumber,
  type RowSlice,
  rowsOf,
  samePage,
  separatorOf,
  type TreePage,
} from './tree-page.js';

/** What a page's parent keeps of it. */
export interface Child {
  readonly number: PageNumber;
  readonly count: number;
  readonly separator: Buffer;
}

/** A content of one level on its way to become pages. */
export interface Draft {
  readonly page: TreePage;
  /** Its bound in the parent. */
  readonly separator: Buffer;
}

/** A page that this content takes the place of. */
export interface Replaced {
  readonly number: PageNumber;
  readonly page: TreePage;
}

export class PageWriter {
  private nextPage: PageNumber;

  constructor(
    private readonly pages: Pages,
    private readonly shape: TreeShape,
    root: TreeRoot,
  ) {
    this.nextPage = root.nextPage;
  }

  /** Makes pages of a content, and frees those of the replaced that it has no use for. */
  store(draft: Draft, replaced: readonly Replaced[], filling: Filling): Child[] {
    const drafts = this.cut(draft, filling);
    const spare = [...replaced];
    const kept = drafts.map(({ page }) => {
      const same = spare.findIndex((old) => samePage(old.page, page));
      return same < 0 ? undefined : spare.splice(same, 1)[0]!.number;
    });
    const children = drafts.map(({ page, separator }, i) => {
      const number = kept[i] ?? this.write(spare.shift()?.number ?? this.allocate(), page);
      return { number, count: countOf(page), separator };
    });
    for (const { number } of spare) this.pages.free(number);
    return children;
  }

  private cut({ page, separator }: Draft, filling: Filling): Draft[] {
    const cuts = cutsOf(page, this.shape.pageBytesTarget, filling);
    if (cuts.length === 1) return [{ page, separator }];
    return cuts.map((from, i) => ({
      page: joinRows(page, [rowsFrom(page, from, cuts[i + 1] ?? rowsOf(page))]),
      separator: i === 0 ? separator : separatorAtCut(page, from),
    }));
  }

  private write(number: PageNumber, page: TreePage): PageNumber {
    this.pages.write(number, page);
    return number;
  }

  private allocate(): PageNumber {
    const number = this.pages.allocate();
    this.nextPage = Math.max(this.nextPage, number + 1);
    return number;
  }

  /** The root where nothing changed that it knows of, though new pages may have come below. */
  sameTop(root: TreeRoot): TreeRoot {
    return this.nextPage === root.nextPage ? root : { ...root, nextPage: this.nextPage };
  }

  /** The top: as many levels as its content needs, and no more. */
  crown(draft: Draft, replaced: readonly Replaced[], filling: Filling, height: number): TreeRoot {
    const count = countOf(draft.page);
    if (count === 0) {
      this.store(draft, replaced, filling);
      return { page: 0, height: 0, count: 0, nextPage: this.nextPage };
    }
    if (draft.page.kind === 'inner' && rowsOf(draft.page) === 1) {
      for (const { number } of replaced) this.pages.free(number);
      return this.lowered(draft.page.children[0]!, height - 1, count);
    }
    let levels = height;
    let children = this.store(draft, replaced, filling);
    for (; children.length > 1; levels++) {
      children = this.store({ page: this.innerOf(children), separator: NO_BYTES }, [], filling);
    }
    return { page: children[0]!.number, height: levels, count, nextPage: this.nextPage };
  }

  /** The root is the first page from `top` down that is worth its level. */
  private lowered(top: PageNumber, height: number, count: number): TreeRoot {
    let number = top;
    let levels = height;
    for (;;) {
      const page = this.pages.read(number);
      if (page.kind === 'leaf' || rowsOf(page) > 1) break;
      this.pages.free(number);
      number = page.children[0]!;
      levels--;
    }
    return { page: number, height: levels, count, nextPage: this.nextPage };
  }

  /** A page of these, whose first bound is its own. */
  innerOf(children: readonly Child[]): InnerPage {
    return {
      kind: 'inner',
      children: children.map(({ number }) => number),
      counts: children.map(({ count }) => count),
      separators:
        this.shape.width === 1
          ? undefined
          : listOf(children.map(({ separator }, i) => (i === 0 ? NO_BYTES : separator))),
    };
  }
}

export function rowsFrom(page: TreePage, from: number, to: number): RowSlice {
  return { page, from, to, separator: NO_BYTES };
}

export function wholeOf({ page, separator }: Draft): RowSlice {
  return { page, from: 0, to: rowsOf(page), separator };
}

export function separatorOfRow(page: TreePage, row: number): Buffer {
  const { separators } = page as InnerPage;
  return separators === undefined ? NO_BYTES : stringAt(separators, row);
}

function separatorAtCut(page: TreePage, row: number): Buffer {
  if (page.kind === 'inner') return separatorOfRow(page, row);
  if (page.width === 1) return NO_BYTES;
  return separatorOf(stringAt(page.strings, 2 * (row - 1)), stringAt(page.strings, 2 * row));
}
