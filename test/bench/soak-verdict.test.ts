/**
 * The soak's verdict finds a slow leak in a sawtooth, and takes neither the sawtooth nor the start for one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLAT_SHARE_MAX, riseOf, type Sample } from '../../bench/soak-verdict.js';

const SECONDS = 3600;

function samplesOf(valueAt: (atSeconds: number) => number): Sample[] {
  return Array.from({ length: SECONDS / 5 }, (_, at) => ({ atSeconds: at * 5, value: valueAt(at * 5) }));
}

const sawtooth = (atSeconds: number): number => 100 + (atSeconds % 45);

test('a sawtooth is flat, and so is what grew in the first half only', () => {
  assert.ok(Math.abs(riseOf(samplesOf(sawtooth))) < 0.02);
  assert.ok(riseOf(samplesOf((at) => Math.min(at, 1500))) <= FLAT_SHARE_MAX);
});

test('a leak under a sawtooth is found', () => {
  assert.ok(riseOf(samplesOf((at) => sawtooth(at) + at / 60)) > FLAT_SHARE_MAX);
});

test('what falls is not flat upwards, and a short run says nothing', () => {
  assert.ok(riseOf(samplesOf((at) => 2000 - at / 4)) < 0);
  assert.ok(Number.isNaN(riseOf(samplesOf(sawtooth).slice(0, 20))));
});
