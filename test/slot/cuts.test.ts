/** What a former leader of an async group counts as lost: its own, once, and when that is certain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Birth, decodeBirth, encodeBirth } from '../../src/slot/birth.js';
import { type CutCount, type CutLog, Cuts } from '../../src/slot/cuts.js';
import { encodeEntry } from '../../src/slot/entry.js';
import type { BinlogEntry } from '../../src/storage/binlog.js';
import { argv, tinyMachine } from './tiny-machine.js';

function entry(index: number, term: number, ...lines: readonly string[]): BinlogEntry {
  const groups = lines.map((line) => ({ kind: 'lone' as const, commands: [argv(line)] }));
  const data = encodeEntry({ rules: 1, timeMs: 1, seedHigh: 1, seedLow: 1, groups });
  return { index, term, kind: 'command', data };
}

function logOf(...entries: readonly BinlogEntry[]): CutLog {
  return {
    uncommitted: () => entries,
    holds: (index, term) => entries.some((one) => one.index === index && one.term === term),
  };
}

class Counted {
  readonly counts: CutCount[] = [];
  readonly cuts: Cuts;

  constructor(ownTerms: readonly number[] = [3]) {
    this.cuts = new Cuts(
      ownTerms,
      (line) => tinyMachine.keys(line),
      (count) => void this.counts.push(count),
    );
  }
}

const TAIL = [entry(5, 3, 'set a 1', 'set b 1'), entry(6, 3, 'set a 2'), entry(7, 2, 'set old 1')];

test('writes are counted as commands, keys once each, and only those of own terms', () => {
  const { cuts, counts } = new Counted();
  cuts.cut(TAIL);
  cuts.decide({ index: 4, term: 3 }, logOf());
  assert.deepEqual(counts, []);
  cuts.decide({ index: 5, term: 4 }, logOf(entry(5, 4)));
  assert.deepEqual(counts, [{ writes: 3, keys: 2, doubtfulWrites: 0 }]);
  cuts.decide({ index: 9, term: 4 }, logOf());
  assert.equal(counts.length, 1);
});

test('what is cut and comes back is not lost', () => {
  const { cuts, counts } = new Counted();
  cuts.cut(TAIL);
  cuts.decide({ index: 6, term: 3 }, logOf(...TAIL));
  assert.deepEqual(counts, []);
});

test('a later term that is committed before its place decides, for terms only grow', () => {
  const { cuts, counts } = new Counted();
  cuts.cut(TAIL);
  cuts.decide({ index: 2, term: 4 }, logOf());
  assert.deepEqual(counts, [{ writes: 3, keys: 2, doubtfulWrites: 0 }]);
});

test('under a snapshot nothing can be looked up; where another entry stands all behind it is lost', () => {
  const { cuts, counts } = new Counted();
  cuts.replaced({ index: 6, term: 4 }, logOf(...TAIL));
  assert.deepEqual(counts, [{ writes: 1, keys: 1, doubtfulWrites: 2 }]);
});

test('a snapshot that the log continues cuts nothing', () => {
  const { cuts, counts } = new Counted();
  cuts.replaced({ index: 5, term: 3 }, logOf(...TAIL));
  assert.deepEqual(counts, []);
});

test('terms that matter are those that the uncommitted log still has, and the new one', () => {
  const { cuts } = new Counted([2, 3]);
  assert.deepEqual(cuts.lead(6, [entry(7, 3, 'set a 1'), entry(8, 5, 'set b 1')]), [3, 6]);
});

test('a group keeps its mode in its birth', () => {
  const birth: Birth = { groupId: 7, tableId: 1, slot: 2, memberId: 3, voters: [1, 2, 3] };
  assert.deepEqual(decodeBirth(encodeBirth(birth)), birth);
  assert.deepEqual(decodeBirth(encodeBirth({ ...birth, isAsync: true })), { ...birth, isAsync: true });
});
