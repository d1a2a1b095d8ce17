/** Trees against plain arrays, under random operations (tree-properties.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EMPTY_ROOT } from '../../src/slot/tree.js';
import { PositionalTree } from '../../src/slot/tree-positional.js';
import { checkTree } from './tree-check.js';
import {
  orderedProperty,
  positionalProperty,
  smallOrderedProperty,
  smallPositionalProperty,
} from './tree-properties.js';
import { PageStore } from './tree-store.js';

const RUNS = 200;

test('an ordered tree answers as a sorted array would, cold or warm, whatever the size of keys and values', () => {
  fc.assert(orderedProperty(), { numRuns: RUNS });
});

test('an ordered tree of small entries keeps its pages well filled', () => {
  fc.assert(smallOrderedProperty(), { numRuns: RUNS });
});

test('a positional tree answers as an array would, cold or warm, whatever the size of values', () => {
  fc.assert(positionalProperty(), { numRuns: RUNS });
});

test('a positional tree of small values keeps its pages well filled', () => {
  fc.assert(smallPositionalProperty(), { numRuns: RUNS });
});

/** A page that was left alone below its parent stayed small when the parent joined its neighbour. */
test('whatever range goes, what is left of a page finds company', () => {
  const target = 96;
  const full = new PageStore();
  const values = Array.from({ length: 200 }, (_, i) => Buffer.alloc(20, i));
  const { result: root } = full.warm((pages) => {
    const tree = new PositionalTree(pages, EMPTY_ROOT, target);
    tree.pushLast(values);
    return tree.root;
  });
  assert.ok(root.height >= 3);
  for (let from = 0; from < values.length; from++) {
    // About as many as lie below one page of the middle level.
    for (let to = from + 40; to <= Math.min(from + 75, values.length); to += 3) {
      const store = new PageStore();
      for (const [number, page] of full.pages) store.pages.set(number, page);
      store.nextPage = full.nextPage;
      const { result } = store.warm((pages) => {
        const tree = new PositionalTree(pages, root, target);
        tree.deleteRange(from, to);
        return tree.root;
      });
      const { rows } = checkTree(store, result, { pageBytesTarget: target, width: 1 }, true);
      assert.equal(rows.length, values.length - (to - from), `${from} to ${to}`);
    }
  }
});
