/** The properties of tree.test.ts, ten thousand times each. */
import { test } from 'node:test';
import fc from 'fast-check';
import {
  orderedProperty,
  positionalProperty,
  smallOrderedProperty,
  smallPositionalProperty,
} from './tree-properties.js';

const RUNS = 10_000;

for (const [name, property] of [
  ['ordered', orderedProperty],
  ['ordered, small entries', smallOrderedProperty],
  ['positional', positionalProperty],
  ['positional, small values', smallPositionalProperty],
] as const) {
  test(`${RUNS} random lives of a tree: ${name}`, () => {
    fc.assert(property(), { numRuns: RUNS });
  });
}
