/** Which reads a leader that slept could have answered falsely, and which say nothing of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkWakeReads } from '../../jepsen-style/checkers/wake-reads.js';
import { type HistoryEvent, historyOf, NEMESIS_PROCESS } from '../../jepsen-style/history.js';

type Step = readonly [what: 'strike' | 'woke' | 'invoke' | 'ok', f?: string, process?: number, node?: number];

/** Node 1 is the one that sleeps; everything is about one key. */
function check(...steps: readonly Step[]) {
  const events = steps.map(([what, f = '', process = 0, node = 1], seq): HistoryEvent => {
    const common = { seq, t: seq, node, value: null };
    if (what === 'strike' || what === 'woke') {
      return { ...common, process: NEMESIS_PROCESS, f: what, key: null, type: 'info' };
    }
    return { ...common, process, f, key: 'k', type: what };
  });
  return checkWakeReads(historyOf(events));
}

const overwrite: readonly Step[] = [
  ['invoke', 'write', 1, 2],
  ['ok', 'write', 1, 2],
];

test('a read that waited while its key was written through another node', () => {
  const [result] = check(['strike'], ...overwrite, ['invoke', 'read'], ['woke'], ['ok', 'read']);
  assert.equal(result?.verdict, 'pass');
});

test('a read sent before the write, to another node, or answered before the awakening shows nothing', () => {
  const early = check(['strike'], ['invoke', 'read'], ...overwrite, ['woke'], ['ok', 'read']);
  const elsewhere = check(['strike'], ...overwrite, ['invoke', 'read', 0, 3], ['woke'], ['ok', 'read', 0, 3]);
  const answered = check(['strike'], ...overwrite, ['invoke', 'read'], ['ok', 'read'], ['woke']);
  const written = check(...overwrite, ['strike'], ['invoke', 'read'], ['woke'], ['ok', 'read']);
  for (const [result] of [early, elsewhere, answered, written]) assert.equal(result?.verdict, 'invalid');
});

test('of a run in which nobody slept there is nothing to say', () => {
  assert.deepEqual(check(['strike'], ...overwrite, ['strike']), []);
});
