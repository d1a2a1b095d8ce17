/**
 * A body taken apart into its trees, to be read or edited, and put together again.
 *
 * `body()` is the very body that was opened if nothing was changed.
 */
import { invariant } from '../assert.js';
import type { Body } from './body.js';
import type { EditableItems, EditableOrdered } from './doors.js';
import { InlineList, InlineOrdered } from './inline.js';

/** Which of the trees are there depends on the collection's kind; asking for another one is a bug. */
export interface OpenBody {
  readonly members: EditableOrdered;
  readonly scores: EditableOrdered;
  readonly items: EditableItems;
  body(): Body;
}

export function openBody(body: Body): OpenBody {
  return new OpenInline(body);
}

class OpenInline implements OpenBody {
  private readonly trees: readonly (InlineOrdered | InlineList)[];

  constructor(private readonly before: Body) {
    this.trees = treesOf(before);
  }

  get members(): EditableOrdered {
    return this.ordered(0);
  }

  get scores(): EditableOrdered {
    return this.ordered(1);
  }

  get items(): EditableItems {
    const [list] = this.trees;
    invariant(list instanceof InlineList, 'not a list');
    return list;
  }

  body(): Body {
    const { before, trees } = this;
    if (treesOf(before).every(({ root }, i) => root === trees[i]!.root)) return before;
    const [first, second] = trees;
    if (first instanceof InlineList) return { form: 'items', list: first.root };
    const members = first!.root;
    return second instanceof InlineOrdered
      ? { form: 'sorted', members, scores: second.root }
      : { form: 'pairs', members };
  }

  private ordered(at: number): InlineOrdered {
    const tree = this.trees[at];
    invariant(tree instanceof InlineOrdered, 'no such tree');
    return tree;
  }
}

function treesOf(body: Body): readonly (InlineOrdered | InlineList)[] {
  switch (body.form) {
    case 'pairs':
      return [new InlineOrdered(body.members)];
    case 'sorted':
      return [new InlineOrdered(body.members), new InlineOrdered(body.scores)];
    case 'items':
      return [new InlineList(body.list)];
  }
}
