/** Trees against plain arrays, under random operations (tree-properties.ts). */
import { test } from 'node:test';
import fc from 'fast-check';
import {
  orderedProperty,
  positionalProperty,
  smallOrderedProperty,
  smallPositionalProperty,
} from './tree-properties.js';

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
