/** What operations on large trees touch: pages read, written, freed and loaded; how full pages are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvariantError } from '../../src/assert.js';
import { seededRandom } from '../../src/random.js';
import { EMPTY_ROOT, PAGE_BYTES_TARGET, READ_AHEAD_PAGES_MAX, type TreeRoot } from '../../src/slot/tree.js';
import { OrderedTree, type TreeEntry } from '../../src/slot/tree-ordered.js';
import { PositionalTree } from '../../src/slot/tree-positional.js';
import { checkTree, type TreeFacts } from './tree-check.js';
import { type Outcome, PageStore } from './tree-store.js';

const ENTRIES = 30_000;
const keyOf = (n: number): Buffer => Buffer.from(`member:${String(n).padStart(7, '0')}`);
const entryOf = (n: number): TreeEntry => ({ key: keyOf(n), value: Buffer.from('12345678') });

class Ordered {
  readonly store = new PageStore();
  root: TreeRoot = EMPTY_ROOT;

  does<T>(operation: (tree: OrderedTree) => T): Outcome<T> {
    return this.store.warm((pages) => {
      const tree = new OrderedTree(pages, this.root);
      const result = operation(tree);
      this.root = tree.root;
      return result;
    });
  }

  cold<T>(operation: (tree: OrderedTree) => T): Outcome<T> {
    return this.store.cold((pages) => operation(new OrderedTree(pages, this.root)));
  }

  check(): TreeFacts {
    return checkTree(this.store, this.root, { pageBytesTarget: PAGE_BYTES_TARGET, width: 2 }, true);
  }
}

class Positional {
  readonly store = new PageStore();
  root: TreeRoot = EMPTY_ROOT;

  constructor(readonly target = PAGE_BYTES_TARGET) {}

  does<T>(operation: (tree: PositionalTree) => T): Outcome<T> {
    return this.store.warm((pages) => {
      const tree = new PositionalTree(pages, this.root, this.target);
      const result = operation(tree);
      this.root = tree.root;
      return result;
    });
  }

  check(fill = true): TreeFacts {
    return checkTree(this.store, this.root, { pageBytesTarget: this.target, width: 1 }, fill);
  }
}

function large(): Ordered {
  const tree = new Ordered();
  tree.does((one) => one.append(Array.from({ length: ENTRIES }, (_, n) => entryOf(n))));
  return tree;
}

/** Leaves at their fullest. */
function leastLeaves({ leafBytes }: TreeFacts): number {
  return Math.ceil(leafBytes / PAGE_BYTES_TARGET);
}

test('a tree that is built in order has full pages, and few writes', () => {
  const tree = new Ordered();
  const entries = Array.from({ length: ENTRIES }, (_, n) => entryOf(n));
  const built = tree.does((one) => one.append(entries));
  const facts = tree.check();
  assert.deepEqual(
    facts.rows,
    entries.map(({ key, value }) => [key, value]),
  );
  assert.ok(facts.leaves <= 1.05 * leastLeaves(facts), `${facts.leaves} leaves`);
  assert.equal(built.written, tree.store.pages.size);
});

test('keys that come in ascending or descending order fill their pages one by one', () => {
  for (const direction of [1, -1]) {
    const tree = new Ordered();
    for (let n = 0; n < 5000; n++)
      tree.does((one) => one.put(keyOf(50_000 + direction * n), Buffer.alloc(8)));
    const facts = tree.check();
    assert.ok(facts.leaves <= 1.05 * leastLeaves(facts) + 1, `${facts.leaves} leaves`);
  }
});

test('keys that come in random order leave pages about two thirds full', () => {
  const tree = new Ordered();
  const random = seededRandom(3);
  for (let n = 0; n < 20_000; n++) tree.does((one) => one.put(keyOf(random.below(ENTRIES)), Buffer.alloc(8)));
  const facts = tree.check();
  assert.ok(facts.leaves <= 1.6 * leastLeaves(facts), `${facts.leaves} leaves`);
});

test('one key costs its way down; a change writes no more than that, an overwrite one page, the same value none', () => {
  const tree = large();
  const { height } = tree.root;
  assert.equal(tree.does((one) => one.get(keyOf(777))).reads, height);
  assert.equal(tree.does((one) => one.rank(keyOf(777))).reads, height);
  assert.equal(tree.does((one) => one.at(17_777)).reads, height);
  assert.ok(tree.does((one) => one.countBetween(keyOf(5), keyOf(28_000))).reads <= 2 * height);
  assert.equal(tree.does((one) => one.put(keyOf(777), Buffer.from('other'))).written, 1);
  assert.equal(tree.does((one) => one.put(keyOf(777), Buffer.from('other'))).written, 0);
  assert.equal(tree.does((one) => one.delete(keyOf(778))).written, height);
  assert.equal(tree.does((one) => one.put(keyOf(778), Buffer.from('again'))).written, height);
  assert.equal(tree.does((one) => one.delete(Buffer.from('nobody'))).written, 0);
  tree.check();
});

test('ten of the middle cost the way down and the pages that they lie in, read upwards or downwards', () => {
  const tree = large();
  const bound = tree.root.height + 2;
  assert.ok(tree.does((one) => [...one.ascend(15_000, 15_010)]).reads <= bound);
  assert.ok(tree.does((one) => [...one.descend(15_000, 15_010)]).reads <= bound);
  const cold = tree.cold((one) => [...one.ascend(15_000, 15_010)]);
  assert.equal(cold.result.length, 10);
  assert.ok(cold.loaded <= bound && cold.runs <= bound, `${cold.loaded} pages, ${cold.runs} runs`);
});

test('a reader without an end that stops early has loaded a window, not the tree', () => {
  const tree = large();
  for (const read of [
    (one: OrderedTree) => one.ascendFrom(keyOf(15_000)),
    (one: OrderedTree) => one.descendFrom(keyOf(15_000)),
  ]) {
    const { loaded } = tree.cold((one) => {
      let left = 100;
      for (const _ of read(one)) if (--left === 0) break;
    });
    assert.ok(loaded <= tree.root.height + 20, `${loaded} pages`);
  }
});

test('a long range on a cold tree is loaded in groups: level by level when asked for, else in growing windows', () => {
  const tree = large();
  const { height } = tree.root;
  const pages = tree.store.pages.size;
  const ahead = tree.cold((one) => {
    one.readAhead(0, one.count);
    return [...one.ascend()].length;
  });
  assert.equal(ahead.result, ENTRIES);
  assert.ok(ahead.runs <= height + 1 + Math.ceil(pages / READ_AHEAD_PAGES_MAX), `${ahead.runs} runs`);
  for (const read of [(one: OrderedTree) => one.ascend(), (one: OrderedTree) => one.descend()]) {
    const windows = tree.cold((one) => [...read(one)].length);
    assert.equal(windows.result, ENTRIES);
    // A window ends with its parent: as many as there are inner pages, those of the levels, and the first small ones.
    assert.ok(windows.runs <= height + 8 + pages / 25, `${windows.runs} runs, ${pages} pages`);
  }
});

test('many keys of a cold tree are loaded together', () => {
  const tree = large();
  const random = seededRandom(9);
  const keys = Array.from({ length: 100 }, () => keyOf(random.below(ENTRIES)));
  const { runs, result } = tree.cold((one) => {
    one.prefetch(keys);
    return keys.map((key) => one.get(key)?.toString());
  });
  assert.equal(new Set(result).size, 1);
  assert.ok(runs <= tree.root.height + 1, `${runs} runs`);
});

test('a long range is removed without reading the leaves that go, and loads what it must in groups', () => {
  const tree = large();
  const { height } = tree.root;
  const leaves = tree.check().leaves;
  const inners = tree.store.pages.size - leaves;
  const remove = (one: OrderedTree): number => one.deleteRange(10, 29_000);
  const cold = tree.cold(remove);
  const groups = Math.ceil(inners / READ_AHEAD_PAGES_MAX) + height;
  assert.ok(cold.runs <= height + 2 + groups, `${cold.runs} runs`);
  const { result, reads, written, freed } = tree.does(remove);
  assert.equal(result, 28_990);
  assert.ok(reads <= inners + 4 * height, `${reads} reads, ${inners} inner pages`);
  assert.ok(written <= 3 * height, `${written} written`);
  assert.ok(freed > 0.9 * leaves);
  assert.deepEqual(
    tree.check().rows.map(([key]) => key),
    Array.from({ length: ENTRIES }, (_, n) => keyOf(n)).filter((_, n) => n < 10 || n >= 29_000),
  );
});

test('a list that is pushed to at either end has full pages', () => {
  for (const push of ['pushLast', 'pushFirst'] as const) {
    const list = new Positional();
    for (let n = 0; n < 5000; n++) list.does((one) => one[push]([keyOf(n)]));
    const facts = list.check();
    assert.ok(facts.leaves <= 1.05 * leastLeaves(facts) + 1, `${push}: ${facts.leaves} leaves`);
  }
});

test('a queue writes little more than its way down, keeps no page that ran empty, and stays flat', () => {
  for (const [push, pop] of [
    ['pushLast', 'popFirst'],
    ['pushFirst', 'popLast'],
  ] as const) {
    const list = new Positional();
    list.does((one) => one.pushLast(Array.from({ length: 5000 }, (_, n) => keyOf(n))));
    const { size } = list.store.pages;
    let written = 0;
    for (let n = 0; n < 10_000; n++) {
      written += list.does((one) => one[push]([keyOf(n)])).written;
      written += list.does((one) => one[pop]()).written;
    }
    assert.ok(written / 20_000 <= list.root.height + 0.1, `${written / 20_000} pages a change`);
    assert.ok(list.store.pages.size <= size + 4, `${list.store.pages.size} pages, ${size} before`);
    list.check();
  }
});

test('a tree that was popped down to a few entries is as low as one that was never high', () => {
  const list = new Positional();
  list.does((one) => one.pushLast(Array.from({ length: 3000 }, (_, n) => keyOf(n))));
  while (list.root.count > 0) {
    list.does((one) => (one.count % 2 === 0 ? one.popFirst() : one.popLast()));
    if (list.root.count <= 20) assert.ok(list.root.height <= 1, `${list.root.height} levels`);
  }
  assert.deepEqual({ ...list.root, nextPage: 1 }, EMPTY_ROOT);
  assert.equal(list.store.pages.size, 0);
});

test('an entry larger than a page stands alone: its neighbours change without it', () => {
  const tree = new Ordered();
  for (let n = 0; n < 20; n++) tree.does((one) => one.put(keyOf(n), Buffer.alloc(8)));
  const vast = Buffer.alloc(8 << 20, 'v');
  tree.does((one) => one.put(keyOf(10), vast));
  for (const n of [9, 11]) {
    const { effects } = tree.does((one) => one.put(keyOf(n), Buffer.from('changed')));
    assert.ok(JSON.stringify(effects).length < 10_000);
  }
  assert.equal(tree.does((one) => one.get(keyOf(10))).result?.equals(vast), true);
  assert.equal(tree.does((one) => one.delete(keyOf(10))).result?.equals(vast), true);
  assert.equal(tree.store.pages.size, 1, 'what they parted is one page again');
});

test('pages that large entries parted come together when those shrink', () => {
  const list = new Positional();
  const large = Buffer.alloc(2000);
  list.does((one) => one.pushLast(Array.from({ length: 400 }, (_, n) => (n % 2 === 0 ? large : keyOf(n)))));
  assert.equal(list.check(false).leaves, 400);
  for (let n = 0; n < 400; n += 2) list.does((one) => one.setAt(n, keyOf(n)));
  const facts = list.check(false);
  assert.ok(facts.leaves <= 3 * leastLeaves(facts) + 2, `${facts.leaves} leaves`);
});

test('what is put next to a large entry time and again shares pages', () => {
  for (const largeBytes of [900, 5000]) {
    for (const offset of [0, 1]) {
      const list = new Positional();
      list.does((one) => one.pushLast(Array.from({ length: 300 }, (_, n) => keyOf(n))));
      list.does((one) => one.insertAt(150, [Buffer.alloc(largeBytes)]));
      for (let n = 0; n < 1000; n++) {
        const rank = offset === 1 ? 151 : 150 + n;
        list.does((one) => one.insertAt(rank, [keyOf(n)]));
      }
      const facts = list.check(false);
      assert.ok(facts.leaves <= 3 * leastLeaves(facts), `${facts.leaves} leaves, ${largeBytes} bytes`);
    }
  }
});

test('a page that came without a change of any count is known to the root all the same', () => {
  // A leaf splits and its parent has room: above it nothing changes, and the number given must not be given again.
  const list = new Positional(16);
  list.does((one) => one.pushLast(Array.from({ length: 40 }, () => Buffer.from('four'))));
  list.does((one) => one.setAt(20, Buffer.alloc(100)));
  assert.equal(list.root.nextPage, list.store.nextPage);
  list.check(false);
});

test('two trees of one key share their pages', () => {
  const store = new PageStore();
  let scores = EMPTY_ROOT;
  let members = EMPTY_ROOT;
  for (let n = 0; n < 300; n++) {
    store.warm((pages) => {
      const byMember = new OrderedTree(pages, members, 64);
      const byScore = new OrderedTree(pages, scores, 64);
      byMember.put(keyOf(n), Buffer.from([n % 7]));
      byScore.put(Buffer.concat([Buffer.from([n % 7]), keyOf(n)]), Buffer.alloc(0));
      members = byMember.root;
      scores = byScore.root;
    });
    assert.equal(Math.max(scores.nextPage, members.nextPage), store.nextPage);
  }
  store.warm((pages) => {
    assert.deepEqual(
      [...new OrderedTree(pages, members, 64).ascend()].map(({ key }) => key),
      Array.from({ length: 300 }, (_, n) => keyOf(n)),
    );
    assert.equal(new OrderedTree(pages, scores, 64).deleteRange(0, 300), 300);
  });
  checkTree(store, members, { pageBytesTarget: 64, width: 2 });
});

test('what breaks the rules stops the run', () => {
  const tree = large();
  const changedUnderReader = (one: OrderedTree): void => {
    for (const { key } of one.ascend()) one.delete(key);
  };
  assert.throws(() => tree.cold(changedUnderReader), InvariantError);
  assert.throws(() => tree.cold((one) => one.append([entryOf(5)])), InvariantError);
  const list = new Positional();
  assert.throws(() => list.does((one) => one.insertAt(1, [keyOf(1)])), InvariantError);
});
