/**
 * What both kinds of tree share: the root, and what is asked by rank alone.
 */
import { PAGE_BYTES_TARGET, type Pages, readAhead, type TreeRoot, type TreeShape } from './tree.js';
import { removeRange } from './tree-change.js';

export abstract class CountedTree {
  protected readonly shape: TreeShape;

  /** `width`: strings an entry. */
  protected constructor(
    protected readonly pages: Pages,
    public root: TreeRoot,
    width: TreeShape['width'],
    pageBytesTarget = PAGE_BYTES_TARGET,
  ) {
    this.shape = { pageBytesTarget, width };
  }

  get count(): number {
    return this.root.count;
  }

  /** Loads the pages of these ranks: for a run that will read them all. */
  readAhead(from: number, to: number): void {
    readAhead(this.pages, this.root, Math.max(0, from), Math.min(to, this.count));
  }

  /** Answers how many went. */
  deleteRange(from: number, to: number): number {
    const before = this.count;
    this.root = removeRange(this.pages, this.shape, this.root, from, to);
    return before - this.count;
  }
}
