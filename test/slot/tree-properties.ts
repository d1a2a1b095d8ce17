/**
 * What must hold of any tree after any operations: it answers as a plain array would, keeps its invariants, and does the same when
 * every page faults at its first access. Run some hundred times by tree.test.ts, ten thousand times by tree.long.ts.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EMPTY_ROOT, type Pages, READ_AHEAD_PAGES_MAX, type TreeRoot } from '../../src/slot/tree.js';
import { OrderedTree, type TreeEntry } from '../../src/slot/tree-ordered.js';
import { PositionalTree } from '../../src/slot/tree-positional.js';
import { checkTree } from './tree-check.js';
import { PageStore } from './tree-store.js';

type Property = fc.IProperty<unknown>;

/** Small: entries of a third of a page at most, children of a sixth; then pages are well filled. */
export const SMALL_TARGETS = [96, 160] as const;
const TARGETS = [1, 8, 16, 24, 48, 100, 1024] as const;

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const prefix = Buffer.alloc(80, 'prefix-');
/** Few enough to meet again, with empty, long, and nearly equal ones; some larger than a page. */
const key = fc.oneof(
  { weight: 6, arbitrary: fc.nat(300).map((n) => Buffer.from(n.toString(7))) },
  { weight: 2, arbitrary: fc.array(fc.constantFrom(0, 1, 255), { maxLength: 3 }).map((a) => Buffer.from(a)) },
  { weight: 2, arbitrary: fc.nat(40).map((n) => Buffer.concat([prefix, Buffer.from(n.toString(2))])) },
  { weight: 1, arbitrary: fc.nat(4).map((n) => Buffer.concat([prefix.subarray(0, 40), Buffer.alloc(n)])) },
  { weight: 1, arbitrary: fc.nat(3).map((n) => Buffer.alloc(1500, n)) },
);
const value = fc.oneof(
  { weight: 6, arbitrary: bytes(6) },
  { weight: 2, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 1, arbitrary: bytes(60) },
  { weight: 1, arbitrary: fc.nat(2500).map((length) => Buffer.alloc(length, 'v')) },
);
const smallKeyOf = (n: number): Buffer => Buffer.from(n.toString(9).padStart(3, '0'));
const smallKey = fc.nat(700).map(smallKeyOf);
const smallValue = bytes(12);
/** A rank as a share of the count, both ends and beyond included. */
const share = fc.oneof(fc.constantFrom(-0.1, 0, 0.5, 1, 1.1), fc.double({ min: 0, max: 1, noNaN: true }));

/** One thing that is done to a tree and its model, with a name for the report of a failure. */
class Step<S> {
  constructor(
    private readonly name: string,
    private readonly args: readonly unknown[],
    readonly run: (subject: S) => void,
  ) {}

  [fc.toStringMethod](): string {
    return `${this.name}(${this.args.map((arg) => fc.stringify(arg)).join()})`;
  }
}

function step<S, A extends readonly unknown[]>(
  name: string,
  args: fc.Arbitrary<A>,
  run: (subject: S, ...args: A) => void,
): fc.Arbitrary<Step<S>> {
  return args.map((some) => new Step(name, some, (subject: S) => run(subject, ...some)));
}

/** A tree on a store, and the array that it must equal. */
class Subject<Tree extends { root: TreeRoot }, Row> {
  readonly store = new PageStore();
  root: TreeRoot = EMPTY_ROOT;
  rows: Row[] = [];

  constructor(
    readonly target: number,
    private readonly fill: boolean,
    private readonly treeOn: (pages: Pages, root: TreeRoot) => Tree,
    private readonly stringsOf: (row: Row) => readonly Buffer[],
    private readonly width: 1 | 2,
  ) {}

  /** Cold and warm do the same; a single operation on a cold tree is run depth + 2 times at most. */
  does<T>(operation: (tree: Tree) => T, expected: T, pagesRead: 'few' | 'many' = 'few'): void {
    const { root } = this;
    const act = (pages: Pages): { answer: T; root: TreeRoot } => {
      const tree = this.treeOn(pages, root);
      const answer = operation(tree);
      return { answer, root: tree.root };
    };
    const cold = this.store.cold(act);
    const warm = this.store.warm(act);
    assert.deepEqual(warm.result.answer, expected);
    assert.deepEqual(cold.result, warm.result);
    assert.deepEqual(cold.effects, warm.effects);
    if (pagesRead === 'few')
      assert.ok(cold.runs <= root.height + 2, `${cold.runs} runs, ${root.height} levels`);
    if (warm.written + warm.freed === 0) assert.equal(warm.result.root, root);
    this.root = warm.result.root;
    const shape = { pageBytesTarget: this.target, width: this.width };
    const facts = checkTree(this.store, this.root, shape, this.fill);
    assert.ok(sameRows(facts.rows, this.rows.map(this.stringsOf)), 'the tree holds what the model holds');
  }

  rank(part: number): number {
    return Math.floor(part * this.rows.length);
  }

  /** The rows of the ranks from `from` to `to`, as a range must give them. */
  slice(from: number, to: number): Row[] {
    return this.rows.slice(Math.max(0, from), Math.max(0, to));
  }

  deleteRange(operation: (tree: Tree, from: number, to: number) => number, a: number, b: number): void {
    const [from, to] = [this.rank(a), this.rank(b)];
    const removed = this.slice(from, to).length;
    this.rows = this.rows.filter((_, i) => i < from || i >= to);
    this.does((tree) => operation(tree, from, to), removed, 'many');
  }
}

class OrderedSubject extends Subject<OrderedTree, TreeEntry> {
  constructor(target: number, fill: boolean) {
    super(
      target,
      fill,
      (pages, root) => new OrderedTree(pages, root, target),
      (row) => [row.key, row.value],
      2,
    );
  }

  below(key: Buffer): number {
    return this.rows.filter((row) => Buffer.compare(row.key, key) < 0).length;
  }

  find(key: Buffer): Buffer | undefined {
    return this.rows.find((row) => row.key.equals(key))?.value;
  }

  keyRank(key: Buffer): { rank: number; found: boolean } {
    return { rank: this.below(key), found: this.find(key) !== undefined };
  }

  put(key: Buffer, value: Buffer): void {
    const before = this.find(key);
    this.rows.splice(this.below(key), before === undefined ? 0 : 1, { key, value });
    this.does((tree) => tree.put(key, value), before);
  }

  delete(key: Buffer): void {
    const before = this.find(key);
    if (before !== undefined) this.rows.splice(this.below(key), 1);
    this.does((tree) => tree.delete(key), before);
  }

  /** New keys above all others: each is the one before and `suffix`. */
  append(values: readonly Buffer[], suffix: Buffer): void {
    let last = this.rows.at(-1)?.key ?? Buffer.from('a');
    const added = values.map((value) => {
      last = Buffer.concat([last, suffix]);
      return { key: last, value };
    });
    this.rows.push(...added);
    this.does((tree) => tree.append(added), undefined, 'many');
  }
}

function orderedSteps(
  key: fc.Arbitrary<Buffer>,
  value: fc.Arbitrary<Buffer>,
): fc.Arbitrary<Step<OrderedSubject>> {
  type S = OrderedSubject;
  const changes = fc.oneof(
    { weight: 5, arbitrary: step('put', fc.tuple(key, value), (s: S, k, v) => s.put(k, v)) },
    { weight: 4, arbitrary: step('delete', fc.tuple(key), (s: S, k) => s.delete(k)) },
    {
      // Keys that are there, from one place on: what empties neighbouring pages.
      weight: 2,
      arbitrary: step('delete some', fc.tuple(share, fc.nat(12)), (s: S, part, times) => {
        const [first, end] = [s.rank(part), s.rank(part) + times];
        for (const row of s.slice(first, end)) s.delete(row.key);
      }),
    },
    {
      weight: 1,
      arbitrary: step('deleteRange', fc.tuple(share, share), (s: S, a, b) => {
        s.deleteRange((tree, from, to) => tree.deleteRange(from, to), a, b);
      }),
    },
  );
  const reads = fc.oneof(
    step('get, rank', fc.tuple(key), (s: S, k) => {
      s.does((tree) => tree.get(k), s.find(k));
      s.does((tree) => tree.rank(k), s.keyRank(k));
    }),
    step('at', fc.tuple(share), (s: S, part) => {
      const rank = s.rank(part);
      s.does((tree) => tree.at(rank), s.rows[rank]);
    }),
    step('countBetween, ranks', fc.tuple(key, key), (s: S, a, b) => {
      s.does((tree) => tree.countBetween(a, b), Math.max(0, s.below(b) - s.below(a)));
      const keys = [a, b, a];
      s.does(
        (tree) => tree.ranks(keys),
        keys.map((one) => s.keyRank(one)),
      );
    }),
    step('ascend, descend', fc.tuple(share, share), (s: S, a, b) => {
      const [from, to] = [s.rank(a), s.rank(b)];
      s.does((tree) => [...tree.ascend(from, to)], s.slice(from, to), 'many');
      s.does((tree) => [...tree.descend(from, to)], s.slice(from, to).reverse(), 'many');
    }),
    step('ascendFrom, descendFrom', fc.tuple(key, fc.nat(9)), (s: S, k, count) => {
      const { rank, found } = s.keyRank(k);
      s.does((tree) => take(tree.ascendFrom(k), count), s.slice(rank, rank + count), 'many');
      const down = s.slice(0, rank + (found ? 1 : 0)).reverse();
      s.does((tree) => take(tree.descendFrom(k), count), down.slice(0, count), 'many');
    }),
  );
  return fc.oneof({ weight: 3, arbitrary: changes }, { weight: 1, arbitrary: reads });
}

export function orderedProperty(): Property {
  const suffix = fc.constantFrom('\0', 'ab').map((text) => Buffer.from(text));
  const append = (maxLength: number): fc.Arbitrary<Step<OrderedSubject>> => {
    const values = fc.array(value, { maxLength, size: 'max' });
    return step('append', fc.tuple(values, suffix), (s: OrderedSubject, some, end) => s.append(some, end));
  };
  const steps = fc.oneof(
    { weight: 12, arbitrary: orderedSteps(key, value) },
    { weight: 1, arbitrary: append(20) },
  );
  return fc.property(
    fc.constantFrom(...TARGETS),
    append(100),
    fc.array(steps, { maxLength: 40, size: 'max' }),
    (target, start, more) => {
      const subject = new OrderedSubject(target, false);
      for (const step of [start, ...more]) step.run(subject);
    },
  );
}

export function smallOrderedProperty(): Property {
  return fc.property(
    fc.constantFrom(...SMALL_TARGETS),
    fc.uniqueArray(fc.nat(700), { maxLength: 200, size: 'max' }),
    fc.array(orderedSteps(smallKey, smallValue), { maxLength: 60, size: 'max' }),
    (target, start, steps) => {
      const subject = new OrderedSubject(target, true);
      const entries = start
        .sort((a, b) => a - b)
        .map((n) => ({ key: smallKeyOf(n), value: Buffer.from('value') }));
      subject.rows = [...entries];
      subject.does((tree) => tree.append(entries), undefined, 'many');
      for (const step of steps) step.run(subject);
    },
  );
}

class PositionalSubject extends Subject<PositionalTree, Buffer> {
  constructor(target: number, fill: boolean) {
    super(
      target,
      fill,
      (pages, root) => new PositionalTree(pages, root, target),
      (row) => [row],
      1,
    );
  }

  insertAt(rank: number, values: readonly Buffer[]): void {
    this.rows.splice(rank, 0, ...values);
    this.does((tree) => tree.insertAt(rank, values), undefined);
  }

  setAt(rank: number, value: Buffer): void {
    const before = this.rows[rank];
    if (before !== undefined) this.rows[rank] = value;
    this.does((tree) => tree.setAt(rank, value), before);
  }

  pushLast(values: readonly Buffer[]): void {
    this.rows.push(...values);
    this.does((tree) => tree.pushLast(values), undefined, 'many');
  }

  removeAt(rank: number): void {
    const [before] = rank < 0 ? [] : this.rows.splice(rank, 1);
    this.does((tree) => tree.removeAt(rank), before);
  }
}

function positionalSteps(value: fc.Arbitrary<Buffer>): fc.Arbitrary<Step<PositionalSubject>> {
  type S = PositionalSubject;
  const some = fc.tuple(fc.array(value, { maxLength: 30 }));
  const few = fc.array(value, { maxLength: 4 });
  const inside = fc.double({ min: 0, max: 1, noNaN: true });
  const times = fc.tuple(fc.nat(12));
  return fc.oneof(
    step('insertAt', fc.tuple(inside, few), (s: S, part, values) => s.insertAt(s.rank(part), values)),
    step('setAt', fc.tuple(share, value), (s: S, part, one) => s.setAt(s.rank(part), one)),
    step('removeAt', fc.tuple(share, fc.nat(10)), (s: S, part, more) => {
      const rank = s.rank(part);
      for (let i = 0; i <= more; i++) s.removeAt(rank);
    }),
    step('pushLast', some, (s: S, values) => s.pushLast(values)),
    step('pushFirst', some, (s: S, values) => {
      for (const one of values) s.insertAt(0, [one]);
    }),
    step('popFirst', times, (s: S, count) => {
      for (let i = 0; i < count; i++) s.does((tree) => tree.popFirst(), s.rows.shift());
    }),
    step('popLast', times, (s: S, count) => {
      for (let i = 0; i < count; i++) s.does((tree) => tree.popLast(), s.rows.pop());
    }),
    step('deleteRange', fc.tuple(share, share), (s: S, a, b) => {
      s.deleteRange((tree, from, to) => tree.deleteRange(from, to), a, b);
    }),
    step('at, ascend, descend, readAhead', fc.tuple(share, share), (s: S, a, b) => {
      const [from, to] = [s.rank(a), s.rank(b)];
      s.does((tree) => tree.at(from), s.rows[from]);
      s.does((tree) => [...tree.ascend(from, to)], s.slice(from, to), 'many');
      s.does((tree) => [...tree.descend(from, to)], s.slice(from, to).reverse(), 'many');
      readsAhead(s, from, to);
    }),
  );
}

/** A range read ahead is loaded in bounded groups, and then read without another fault. */
function readsAhead(subject: PositionalSubject, from: number, to: number): void {
  const { store, root, target } = subject;
  const read = (pages: Pages): Buffer[] => {
    const tree = new PositionalTree(pages, root, target);
    tree.readAhead(from, to);
    return [...tree.ascend(from, to)];
  };
  const { result, runs, reads } = store.cold(read);
  assert.deepEqual(result, subject.slice(from, to));
  assert.ok(
    runs <= root.height + 1 + Math.ceil(reads / READ_AHEAD_PAGES_MAX),
    `${runs} runs, ${reads} pages`,
  );
}

export function positionalProperty(): Property {
  return fc.property(
    fc.constantFrom(...TARGETS),
    fc.array(positionalSteps(value), { maxLength: 30, size: 'max' }),
    (target, steps) => {
      const subject = new PositionalSubject(target, false);
      for (const step of steps) step.run(subject);
    },
  );
}

export function smallPositionalProperty(): Property {
  return fc.property(
    fc.constantFrom(...SMALL_TARGETS),
    fc.array(smallValue, { maxLength: 300, size: 'max' }),
    fc.array(positionalSteps(smallValue), { maxLength: 40, size: 'max' }),
    (target, start, steps) => {
      const subject = new PositionalSubject(target, true);
      subject.rows = [...start];
      subject.does((tree) => tree.pushLast(start), undefined, 'many');
      for (const step of steps) step.run(subject);
    },
  );
}

function take<T>(source: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  if (count === 0) return taken;
  for (const one of source) {
    taken.push(one);
    if (taken.length === count) break;
  }
  return taken;
}

/** As deepEqual would say, at a tenth of its time. */
function sameRows(a: readonly (readonly Buffer[])[], b: readonly (readonly Buffer[])[]): boolean {
  const same = (one: readonly Buffer[], other: readonly Buffer[] | undefined): boolean =>
    other !== undefined && one.length === other.length && one.every((string, i) => string.equals(other[i]!));
  return a.length === b.length && a.every((row, i) => same(row, b[i]));
}
