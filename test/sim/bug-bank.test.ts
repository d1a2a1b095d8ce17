/** The bank of bugs is kept with the code: each still fits its place. That each is found is a long test (bug-bank.long.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { misfits, parseBug, readBugs } from './bug-bank.js';

/** Fewer, and somebody emptied the bank. */
const BUGS_MIN = 25;

test('a bug is read as what it is and what it changes', () => {
  const text = 'What it is.\n\n@@ src/a.ts\n stays\n-goes\n+comes\n\n@@ src/b.ts\n+new\n';
  assert.deepEqual(parseBug('name', text), {
    name: 'name',
    what: 'What it is.',
    edits: [
      { path: 'src/a.ts', from: 'stays\ngoes\n', to: 'stays\ncomes\n' },
      { path: 'src/b.ts', from: '', to: 'new\n' },
    ],
  });
});

test('each bug of the bank still has its place in the source, exactly one', () => {
  const bugs = readBugs();
  assert.ok(bugs.length >= BUGS_MIN, `only ${bugs.length} bugs`);
  assert.deepEqual(bugs.flatMap(misfits), []);
  for (const { name, what, edits } of bugs) assert.ok(what.endsWith('.') && edits.length > 0, name);
});
