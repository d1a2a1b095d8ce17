/**
 * Lives of a tree on the real pool and an engine: random operations on cold pages and warm ones, checkpoints left half done, evictions,
 * power cuts, kills and reloads; held against a plain array all the way. Used by tree-lives.test.ts.
 *
 * The rule: an operation answers as the array does, whatever lies in memory; and after any end the tree is that of the last finished
 * checkpoint, or of the one that was under way, with every invariant of tree-check.ts, and not a page in the engine that it doesn't have.
 */
import assert from 'node:assert/strict';
import { type Random, seededRandom } from '../../src/random.js';
import { BODY_LIMITS, type Life, lifeOfNumbers } from '../../src/slot/body.js';
import { keyInState, stateRange } from '../../src/slot/keys.js';
import { type PageOfLife, PagePool } from '../../src/slot/page-pool.js';
import { pageWrites } from '../../src/slot/page-writes.js';
import { type PageEditor, PagesOfLife } from '../../src/slot/paged.js';
import { EMPTY_ROOT, type Pages, type TreePage, type TreeRoot } from '../../src/slot/tree.js';
import { OrderedTree } from '../../src/slot/tree-ordered.js';
import { decodePage } from '../../src/slot/tree-page.js';
import { PositionalTree } from '../../src/slot/tree-positional.js';
import type { Engine, EngineWrite } from '../../src/storage/engine.js';
import { checkTree } from './tree-check.js';
import { PageStore } from './tree-store.js';

/** An engine that can end badly. A test lives on one after the other. */
export interface LifeDisk {
  readonly engine: Engine;
  /** Writes are asked for and not done until `release`, as far as the engine lets itself be held up. */
  hold(): void;
  release(): void;
  /** What is in `engine` then is what the end left. */
  end(random: Random): Promise<void>;
}

/** Strings of a row: a value, or a key and its value. */
type Row = readonly Buffer[];

interface Kind<Tree extends { root: TreeRoot }> {
  readonly width: 1 | 2;
  tree(pages: Pages, root: TreeRoot, target: number): Tree;
  all(tree: Tree): Row[];
  /** Changes the rows and answers what the same operation on the tree must give. */
  step(rows: Row[], random: Random): Step<Tree>;
}

interface Step<Tree> {
  readonly rows: Row[];
  readonly run: (tree: Tree) => unknown;
  readonly expected: unknown;
}

/** Bytes a page: down to two entries, and one. */
const TARGETS = [1, 8, 16, 24, 48, 100, 1024];
const STEPS = 40;
const LOADS_MAX = 2000;
const ROOT_AREA = Buffer.from([0xf0, 0]);

export function lifeOfTree(kind: 'ordered' | 'positional', seed: number, disk: LifeDisk): Promise<void> {
  return kind === 'ordered'
    ? new TreeLife(ORDERED, seed, disk).run()
    : new TreeLife(POSITIONAL, seed, disk).run();
}

interface Saved {
  readonly number: number;
  readonly root: TreeRoot;
  readonly rows: Row[];
}

class TreeLife<Tree extends { root: TreeRoot }> {
  private readonly random: Random;
  private readonly target: number;
  private readonly life: Life;
  private pool = new PagePool();
  private root: TreeRoot = EMPTY_ROOT;
  private rows: Row[] = [];
  private saved: Saved = { number: 0, root: EMPTY_ROOT, rows: [] };
  private saving: (Saved & { readonly done: Promise<void> }) | undefined;

  constructor(
    private readonly kind: Kind<Tree>,
    private readonly seed: number,
    private readonly disk: LifeDisk,
  ) {
    this.random = seededRandom(seed, kind.width);
    this.target = TARGETS[this.random.below(TARGETS.length)]!;
    this.life = lifeOfNumbers(1, 0, this.random.below(100));
  }

  async run(): Promise<void> {
    try {
      for (let step = 0; step < STEPS; step++) await this.step();
      await this.save();
      await this.finish();
      await this.end();
      await this.clear();
    } catch (why) {
      throw new Error(`seed ${this.seed}: ${String(why)}`, { cause: why });
    }
  }

  private async step(): Promise<void> {
    const dice = this.random.below(20);
    if (dice < 14) await this.operate();
    else if (dice < 16)
      this.pool.evict(this.random.below(this.pool.bytes + 1), new Set(), Number.POSITIVE_INFINITY);
    else if (dice < 17) await this.save();
    else if (dice < 19) await this.finish();
    else await this.end();
  }

  private async operate(): Promise<void> {
    const { rows, run, expected } = this.kind.step(this.rows, this.random);
    assert.deepEqual(await this.does(run), expected);
    this.rows = rows;
    assert.equal(this.root.count, rows.length);
  }

  /** As a slot does it: run, and run again on fresh effects once what was lacking is there. */
  private async does(operation: (tree: Tree) => unknown): Promise<unknown> {
    for (let loads = 0; loads < LOADS_MAX; loads++) {
      const run = new PoolRun(this.pool);
      try {
        const tree = this.kind.tree(new PagesOfLife(run, this.life, [this.root]), this.root, this.target);
        const answer = operation(tree);
        this.root = tree.root;
        run.commit();
        return answer;
      } catch (thrown) {
        if (!(thrown instanceof Lacks)) throw thrown;
        await this.pool.load(this.disk.engine, this.seed, thrown.needs, () => true);
      }
    }
    throw new Error(`more than ${LOADS_MAX} loads`);
  }

  /** A checkpoint begins; one at a time. It is done when `finish` says so. */
  private async save(): Promise<void> {
    await this.finish();
    const { root, rows, seed } = this;
    const number = this.saved.number + 1;
    const batch: EngineWrite[] = [...pageWrites(seed, this.pool.freeze(), false)];
    batch.push({ kind: 'put', key: rootKey(seed), value: Buffer.from(JSON.stringify({ number, root })) });
    this.disk.hold();
    this.saving = { number, root, rows, done: this.disk.engine.write(batch, { sync: true }) };
  }

  private async finish(): Promise<void> {
    const { saving } = this;
    if (saving === undefined) return;
    this.disk.release();
    await saving.done;
    this.pool.thaw();
    this.saved = saving;
    this.saving = undefined;
  }

  /** The process ends; another one opens what is there. */
  private async end(): Promise<void> {
    await this.disk.end(this.random);
    const bytes = await this.disk.engine.get(rootKey(this.seed));
    const found =
      bytes === undefined ? { number: 0, root: EMPTY_ROOT } : (JSON.parse(bytes.toString()) as Saved);
    const which = [this.saved, this.saving].find((one) => one?.number === found.number);
    assert.ok(which !== undefined, `checkpoint ${found.number}; finished is ${this.saved.number}`);
    assert.deepEqual(found.root, which.root);
    this.saved = { number: which.number, root: which.root, rows: which.rows };
    this.saving = undefined;
    this.pool = new PagePool();
    this.root = which.root;
    this.rows = which.rows;
    await this.check();
  }

  /** Every page that is stored, and nothing else; then all of it, through an empty pool. */
  private async check(): Promise<void> {
    const store = new PageStore();
    for (const [key, value] of await this.stored())
      if (key.readUInt16BE(4) < 0x8000) store.pages.set(key.readUInt32BE(18), decodePage(value));
    const facts = checkTree(store, this.root, { pageBytesTarget: this.target, width: this.kind.width });
    assert.deepEqual(facts.rows, this.rows);
    assert.deepEqual(await this.does((tree) => this.kind.all(tree)), this.rows);
  }

  private async stored(): Promise<readonly (readonly [Buffer, Buffer])[]> {
    const cursor = this.disk.engine.iterate(stateRange(this.seed));
    const rows = await cursor.next(100_000);
    await cursor.close();
    return rows;
  }

  /** Others live on the same disk. */
  private async clear(): Promise<void> {
    const batch = (await this.stored()).map(([key]): EngineWrite => ({ kind: 'delete', key }));
    await this.disk.engine.write(batch, { sync: false });
  }
}

function rootKey(stateId: number): Buffer {
  return keyInState(stateId, ROOT_AREA);
}

class Lacks {
  constructor(readonly needs: readonly PageOfLife[]) {}
}

/** What one run sees and changes. */
class PoolRun implements PageEditor {
  readonly limits = BODY_LIMITS;
  private readonly written = new Map<
    string,
    { readonly at: PageOfLife; readonly content: TreePage | undefined }
  >();

  constructor(private readonly pool: PagePool) {}

  readPage(at: PageOfLife): TreePage {
    const page = this.find(at);
    if (page === undefined) throw new Lacks([at]);
    return page;
  }

  holdsAll(life: Life): boolean {
    return this.pool.holdsAll(life);
  }

  prefetchPages(life: Life, pages: readonly number[]): void {
    const needs = pages.map((page) => ({ life, page })).filter((at) => this.find(at) === undefined);
    if (needs.length > 0) throw new Lacks(needs);
  }

  writePage(at: PageOfLife, content: TreePage | undefined): void {
    this.written.set(String(at.page), { at, content });
  }

  newLife(): Life {
    throw new Error('one life is enough');
  }

  commit(): void {
    for (const { at, content } of this.written.values())
      this.pool.publish(at, content, Number.POSITIVE_INFINITY);
  }

  private find(at: PageOfLife): TreePage | undefined {
    return this.written.get(String(at.page))?.content ?? this.pool.find(at);
  }
}

const valueFrom = (random: Random): Buffer =>
  Buffer.alloc(random.below(random.below(8) === 0 ? 120 : 9), random.below(256));
const rankIn = (rows: readonly Row[], random: Random): number => random.below(rows.length + 1);

const ORDERED: Kind<OrderedTree> = {
  width: 2,
  tree: (pages, root, target) => new OrderedTree(pages, root, target),
  all: (tree) => [...tree.ascend(0, tree.count)].map(({ key, value }) => [key, value]),
  step(rows, random) {
    const key = Buffer.from(random.below(120).toString(5).padStart(random.below(6), '0'));
    const below = rows.filter((row) => Buffer.compare(row[0]!, key) < 0).length;
    const before = rows[below]?.[0]?.equals(key) ? rows[below]?.[1] : undefined;
    const dice = random.below(12);
    if (dice < 6) {
      const value = valueFrom(random);
      return {
        rows: rows.toSpliced(below, before === undefined ? 0 : 1, [key, value]),
        run: (tree) => tree.put(key, value),
        expected: before,
      };
    }
    if (dice < 9) {
      const after = before === undefined ? rows : rows.toSpliced(below, 1);
      return { rows: after, run: (tree) => tree.delete(key), expected: before };
    }
    if (dice === 9) return deletedRange(rows, random);
    if (dice === 10) {
      const found = before !== undefined;
      return { rows, run: (tree) => tree.rank(key), expected: { rank: below, found } };
    }
    const from = rankIn(rows, random);
    const expected = rows.slice(from, from + 20).map(([k, value]) => ({ key: k, value }));
    return { rows, run: (tree) => [...tree.ascend(from, Math.min(from + 20, tree.count))], expected };
  },
};

const POSITIONAL: Kind<PositionalTree> = {
  width: 1,
  tree: (pages, root, target) => new PositionalTree(pages, root, target),
  all: (tree) => [...tree.ascend(0, tree.count)].map((value) => [value]),
  step(rows, random) {
    const rank = rankIn(rows, random);
    const values = Array.from({ length: 1 + random.below(6) }, () => valueFrom(random));
    const added = values.map((value) => [value]);
    const dice = random.below(12);
    if (dice < 3) {
      return {
        rows: rows.toSpliced(rank, 0, ...added),
        run: (tree) => tree.insertAt(rank, values),
        expected: undefined,
      };
    }
    if (dice < 6)
      return { rows: [...rows, ...added], run: (tree) => tree.pushLast(values), expected: undefined };
    if (dice < 8) {
      const before = rows[rank]?.[0];
      const after = before === undefined ? rows : rows.toSpliced(rank, 1);
      return { rows: after, run: (tree) => tree.removeAt(rank), expected: before };
    }
    if (dice < 10) {
      const before = rows[rank]?.[0];
      const after = before === undefined ? rows : rows.with(rank, [values[0]!]);
      return { rows: after, run: (tree) => tree.setAt(rank, values[0]!), expected: before };
    }
    if (dice === 10) return deletedRange(rows, random);
    const expected = rows.slice(rank, rank + 20).map(([value]) => value);
    return { rows, run: (tree) => [...tree.ascend(rank, Math.min(rank + 20, tree.count))], expected };
  },
};

function deletedRange<Tree extends { deleteRange(from: number, to: number): number }>(
  rows: Row[],
  random: Random,
): Step<Tree> {
  const from = rankIn(rows, random);
  const to = Math.min(rows.length, from + random.below(30));
  return {
    rows: rows.toSpliced(from, to - from),
    run: (tree) => tree.deleteRange(from, to),
    expected: to - from,
  };
}
