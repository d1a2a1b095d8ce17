/** Lists of strings in one piece of memory, be it a string or a Buffer: nothing shows which. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type ByteList,
  bytesOf,
  closed,
  compareAt,
  compareWithin,
  joinLists,
  listOf,
  opened,
  sameList,
  stringAt,
} from '../../src/slot/byte-list.js';

/** Every byte there is, and beginnings in common that are longer than what is compared byte by byte. */
const string = fc
  .tuple(fc.constantFrom(0, 31, 32, 33, 200), fc.uint8Array({ maxLength: 300 }))
  .map(([common, rest]) => Buffer.concat([Buffer.alloc(common, 0xe9), rest]));
/** Together on either side of what a list keeps as a string. */
const strings = fc.array(string, { minLength: 1, maxLength: 30 });

const stringsOf = (list: ByteList): Buffer[] => list.ends.map((_, i) => stringAt(list, i));

test('a list gives back what was put into it, one by one and all together', () => {
  fc.assert(
    fc.property(strings, (given) => {
      const list = listOf(given);
      assert.deepEqual(stringsOf(list), given);
      assert.deepEqual(stringsOf(opened(list)), given);
      assert.deepEqual(bytesOf(list), Buffer.concat(given));
      assert.ok(sameList(closed(opened(list)), list));
    }),
  );
});

test('strings are compared as their bytes are', () => {
  fc.assert(
    fc.property(strings, string, (given, other) => {
      const list = listOf(given);
      given.forEach((one, i) => {
        for (const key of [other, ...given])
          assert.equal(Math.sign(compareAt(list, i, key)), Buffer.compare(one, key));
        assert.equal(Math.sign(compareWithin(opened(list), i, 0)), Buffer.compare(one, given[0]!));
      });
    }),
    { numRuns: 50 },
  );
});

test('a list of others’ parts is the list of their strings, and keeps none of them', () => {
  fc.assert(
    fc.property(strings, strings, fc.nat(30), fc.nat(30), (a, b, from, to) => {
      const [first, second] = [Math.min(from, a.length), Math.min(to, b.length)];
      const slices = [
        { list: listOf(a), from: first, to: a.length },
        { list: listOf(b), from: 0, to: second },
      ];
      const wanted = [...a.slice(first), ...b.slice(0, second)];
      const joined = joinLists(slices);
      assert.deepEqual(stringsOf(joined), wanted);
      assert.ok(sameList(joined, listOf(wanted)), 'alike however it came about');
      for (const { list } of slices) {
        if (typeof joined.bytes !== 'string') assert.notEqual(joined.bytes.buffer, opened(list).bytes.buffer);
      }
    }),
  );
});

test('what is small does not keep the memory that it came in', () => {
  const large = Buffer.alloc(1024 * 1024, 'x');
  for (const length of [10, 100_000]) {
    const kept = bytesOf(closed({ bytes: large.subarray(0, length), ends: [length] }));
    assert.ok(kept.buffer.byteLength <= 2 * Math.max(length, Buffer.poolSize), `${length}`);
  }
});
