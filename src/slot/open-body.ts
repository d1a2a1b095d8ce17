/**
 * A body taken apart into its trees, to be read or edited, and put together again.
 *
 * `body()` is the very body that was opened if nothing was changed. One that has grown beyond what may be inline comes out paged.
 */
import { invariant } from '../assert.js';
import { type Body, type InlineBody, isInlineSized, type Life, type PagedBody } from './body.js';
import type { EditableItems, EditableOrdered } from './doors.js';
import { InlineList, InlineOrdered } from './inline.js';
import { PagedItems, PagedOrdered, type PageEditor, type PageReader, PagesOfLife } from './paged.js';
import { allPages, EMPTY_ROOT, type TreeRoot } from './tree.js';

/** Which of the trees are there depends on the collection's kind; asking for another one is a bug. */
export interface OpenBody {
  readonly members: EditableOrdered;
  readonly scores: EditableOrdered;
  readonly items: EditableItems;
}

export interface EditedBody extends OpenBody {
  /** As it is now. `key` is whose body it is. */
  body(key: Buffer): Body;
}

type InlineTree = InlineOrdered | InlineList;
type PagedTree = PagedOrdered | PagedItems;

export function openToRead(body: Body, isList: boolean, host: PageReader): OpenBody {
  return body.form === 'paged' ? openPaged(body, isList, host) : new OpenTrees(inlineTrees(body));
}

export function openToEdit(body: Body, isList: boolean, host: PageEditor): EditedBody {
  return body.form === 'paged' ? openPaged(body, isList, host) : new OpenInline(body, host);
}

/** The same pages, by the same numbers, under a life of their own: they never change, so two lives may share what is in them. */
export function copyPaged(body: PagedBody, key: Buffer, host: PageEditor): PagedBody {
  const life = host.newLife(key);
  const source = new PagesOfLife(host, body.life, body.roots);
  for (const root of body.roots) {
    for (const [page, content] of allPages(source, root)) host.writePage({ life, page }, content, 1);
  }
  return { ...body, life };
}

class OpenTrees<Tree extends InlineTree | PagedTree> implements OpenBody {
  constructor(readonly trees: readonly Tree[]) {}

  get members(): EditableOrdered {
    return this.ordered(0);
  }

  get scores(): EditableOrdered {
    return this.ordered(1);
  }

  get items(): EditableItems {
    const [list] = this.trees;
    invariant(list instanceof InlineList || list instanceof PagedItems, 'not a list');
    return list;
  }

  private ordered(at: number): EditableOrdered {
    const tree = this.trees[at];
    invariant(tree instanceof InlineOrdered || tree instanceof PagedOrdered, 'no such tree');
    return tree;
  }
}

class OpenInline extends OpenTrees<InlineTree> implements EditedBody {
  private readonly rootsBefore: readonly unknown[];

  constructor(
    private readonly before: InlineBody,
    private readonly host: PageEditor,
  ) {
    super(inlineTrees(before));
    this.rootsBefore = this.trees.map(({ root }) => root);
  }

  body(key: Buffer): Body {
    if (this.trees.every(({ root }, i) => root === this.rootsBefore[i])) return this.before;
    const body = inlineBody(this.trees);
    if (isInlineSized(body, this.host.limits)) return body;
    return buildPaged(this.trees, this.host.newLife(key), this.host);
  }
}

class OpenPaged extends OpenTrees<PagedTree> implements EditedBody {
  constructor(
    private readonly before: PagedBody,
    private readonly pages: PagesOfLife,
    trees: readonly PagedTree[],
  ) {
    super(trees);
  }

  body(): Body {
    return this.pages.changed ? { ...this.before, roots: this.trees.map(({ root }) => root) } : this.before;
  }
}

function openPaged(body: PagedBody, isList: boolean, host: PageReader): OpenPaged {
  const pages = new PagesOfLife(host, body.life, body.roots);
  const { pageBytesTarget } = host.limits;
  const tree = (root: TreeRoot): PagedTree =>
    isList ? new PagedItems(pages, root, pageBytesTarget) : new PagedOrdered(pages, root, pageBytesTarget);
  return new OpenPaged(body, pages, body.roots.map(tree));
}

function buildPaged(trees: readonly InlineTree[], life: Life, host: PageEditor): PagedBody {
  const pages = new PagesOfLife(host, life, []);
  const { pageBytesTarget } = host.limits;
  const roots = trees.map((tree) => {
    if (tree instanceof InlineList) {
      const built = new PagedItems(pages, EMPTY_ROOT, pageBytesTarget);
      built.append(tree.from(0, 'up', tree.count));
      return built.root;
    }
    const built = new PagedOrdered(pages, EMPTY_ROOT, pageBytesTarget);
    built.append(tree.from(0, 'up', tree.count));
    return built.root;
  });
  return { form: 'paged', life, roots };
}

function inlineTrees(body: InlineBody): readonly InlineTree[] {
  switch (body.form) {
    case 'pairs':
      return [new InlineOrdered(body.members)];
    case 'sorted':
      return [new InlineOrdered(body.members), new InlineOrdered(body.scores)];
    case 'items':
      return [new InlineList(body.list)];
  }
}

function inlineBody([first, second]: readonly InlineTree[]): InlineBody {
  if (first instanceof InlineList) return { form: 'items', list: first.root };
  const members = first!.root;
  return second instanceof InlineOrdered
    ? { form: 'sorted', members, scores: second.root }
    : { form: 'pairs', members };
}
