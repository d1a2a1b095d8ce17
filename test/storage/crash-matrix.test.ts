/** A crash at every effect on a disk, of one machine and of all, at every failpoint there is (crash-matrix.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashMatrix, linesOf, type MatrixPart, uncrashed } from './crash-matrix.js';

/** The rest is left to crash-matrix.long.ts. */
const PARTS: readonly MatrixPart[] = [
  { who: 'one', mode: 'torn', every: 1 },
  { who: 'all', mode: 'drop', every: 2 },
];

for (const part of PARTS) {
  test(`a crash of ${part.who} at one effect in ${part.every}: ${part.mode}`, async (context) => {
    const tallies = await crashMatrix(part);
    for (const line of linesOf(tallies)) context.diagnostic(line);
    if (part.every === 1) assert.deepEqual(uncrashed(tallies), []);
  });
}
