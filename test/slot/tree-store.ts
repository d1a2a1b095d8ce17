/**
 * Pages for trees under test: a store that holds what was committed, and runs over it that see nothing until it was loaded.
 *
 * A run judges what it is told: a page is written only if it is the collection's and its content differs, freed once, and numbers
 * are never given twice.
 */
import assert from 'node:assert/strict';
import { type Pages, READ_AHEAD_PAGES_MAX } from '../../src/slot/tree.js';
import { encodePage, type PageNumber, samePage, type TreePage } from '../../src/slot/tree-page.js';

/** What a run lacks; the tree must let it pass. */
class Fault {
  constructor(readonly needs: readonly PageNumber[]) {}
}

export interface Outcome<T> {
  readonly result: T;
  /** How often the operation was begun. */
  readonly runs: number;
  /** Pages that a cold operation had loaded. */
  readonly loaded: number;
  /** Distinct pages read, written and freed by the run that ended. */
  readonly reads: number;
  readonly written: number;
  readonly freed: number;
  /** Everything that the run did to the store, comparable. */
  readonly effects: unknown;
}

export class PageStore {
  readonly pages = new Map<PageNumber, TreePage>();
  nextPage = 1;

  /** Runs with everything in memory and keeps the effects. */
  warm<T>(operation: (pages: Pages) => T): Outcome<T> {
    const run = new Run(this, undefined);
    const result = operation(run);
    const outcome = run.outcome(result, 1);
    run.commit();
    return outcome;
  }

  /** Runs with nothing in memory, again after each fault, and drops the effects. */
  cold<T>(operation: (pages: Pages) => T): Outcome<T> {
    const loaded = new Set<PageNumber>();
    for (let runs = 1; ; runs++) {
      const run = new Run(this, loaded);
      try {
        return run.outcome(operation(run), runs);
      } catch (why) {
        if (!(why instanceof Fault)) throw why;
        assert.ok(why.needs.length > 0 && why.needs.length <= READ_AHEAD_PAGES_MAX, 'a fault names a group');
        for (const page of why.needs) loaded.add(page);
      }
    }
  }
}

class Run implements Pages {
  private readonly wasRead = new Set<PageNumber>();
  private readonly written = new Map<PageNumber, TreePage>();
  private readonly freed = new Set<PageNumber>();
  private readonly born = new Set<PageNumber>();
  private next: PageNumber;

  constructor(
    private readonly store: PageStore,
    private readonly loaded: Set<PageNumber> | undefined,
  ) {
    this.next = store.nextPage;
  }

  read(page: PageNumber): TreePage {
    const content = this.contentOf(page);
    if (this.lacks(page)) throw new Fault([page]);
    this.wasRead.add(page);
    return content;
  }

  write(page: PageNumber, content: TreePage): void {
    if (!this.born.has(page) || this.written.has(page)) {
      assert.ok(!samePage(this.contentOf(page), content), `page ${page} is written as it was`);
    }
    this.written.set(page, content);
  }

  allocate(): PageNumber {
    this.born.add(this.next);
    return this.next++;
  }

  free(page: PageNumber): void {
    assert.ok(!this.freed.has(page), `page ${page} is freed twice`);
    assert.ok(
      this.written.has(page) || this.store.pages.has(page),
      `page ${page} is freed and was never there`,
    );
    this.freed.add(page);
  }

  prefetch(pages: readonly PageNumber[]): void {
    for (const page of pages) this.contentOf(page);
    const missing = pages.filter((page) => this.lacks(page));
    if (missing.length > 0) throw new Fault(missing);
  }

  commit(): void {
    for (const [page, content] of this.written) this.store.pages.set(page, content);
    for (const page of this.freed) this.store.pages.delete(page);
    this.store.nextPage = this.next;
  }

  outcome<T>(result: T, runs: number): Outcome<T> {
    const writes = [...this.written].map(([page, content]) => [page, encodePage(content).toString('latin1')]);
    const effects = { writes, freed: [...this.freed], next: this.next };
    const { size: reads } = this.wasRead;
    const loaded = this.loaded?.size ?? 0;
    return { result, runs, loaded, reads, written: this.written.size, freed: this.freed.size, effects };
  }

  private lacks(page: PageNumber): boolean {
    return this.loaded !== undefined && !this.loaded.has(page) && !this.written.has(page);
  }

  private contentOf(page: PageNumber): TreePage {
    assert.ok(!this.freed.has(page), `page ${page} is used after it was freed`);
    const content = this.written.get(page) ?? this.store.pages.get(page);
    assert.ok(content !== undefined, `page ${page} does not exist`);
    return content;
  }
}
