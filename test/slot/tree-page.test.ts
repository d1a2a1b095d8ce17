/** Pages on disk: what was written is read, the format is pinned, and anything else is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FormatError } from '../../src/bytes.js';
import { compareAt, listOf } from '../../src/slot/byte-list.js';
import {
  childOfKey,
  decodePage,
  encodePage,
  type InnerPage,
  rowOfKey,
  rowsOf,
  samePage,
  separatorOf,
  type TreePage,
} from '../../src/slot/tree-page.js';

const string = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const ascending = (strings: Buffer[]): Buffer[] => strings.sort(Buffer.compare);
const distinct = (minLength: number): fc.Arbitrary<Buffer[]> =>
  fc.uniqueArray(string, { minLength, maxLength: 30, selector: (one) => one.toString('hex') }).map(ascending);
const rows = { minLength: 1, maxLength: 30 } as const;

const leafOfValues = fc
  .array(string, rows)
  .map((values): TreePage => ({ kind: 'leaf', width: 1, strings: listOf(values) }));
const leafOfKeys = distinct(1).map((keys): TreePage => {
  return { kind: 'leaf', width: 2, strings: listOf(keys.flatMap((key, i) => [key, Buffer.alloc(i, 'v')])) };
});
const child = fc.tuple(fc.integer({ min: 1, max: 0xffffffff }), fc.integer({ min: 1, max: 2 ** 40 }));
const inner = fc
  .tuple(fc.array(child, rows), fc.option(distinct(30), { nil: undefined }))
  .map(([children, bounds]): TreePage => {
    const separators = bounds?.slice(0, children.length).map((one, i) => (i === 0 ? Buffer.alloc(0) : one));
    return {
      kind: 'inner',
      children: children.map(([number]) => number),
      counts: children.map(([, count]) => count),
      separators: separators && listOf(separators),
    };
  });
const page = fc.oneof(leafOfValues, leafOfKeys, inner);

test('a page comes back as it was written', () => {
  fc.assert(
    fc.property(page, (one) => {
      const bytes = encodePage(one);
      assert.ok(samePage(decodePage(bytes), one));
      assert.deepEqual(encodePage(decodePage(bytes)), bytes);
    }),
    { numRuns: 500 },
  );
});

test('the format is part of what is on disk', () => {
  const bytes = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));
  const pages: [TreePage, string][] = [
    [{ kind: 'leaf', width: 1, strings: listOf(bytes('ab', '')) }, '010002' + '0200' + '6162'],
    [{ kind: 'leaf', width: 2, strings: listOf(bytes('a', 'x', 'b', '')) }, '010102' + '01010100' + '617862'],
    [
      { kind: 'inner', children: [7, 300], counts: [1, 128], separators: undefined },
      '010202' + '0701' + 'ac028001',
    ],
    [
      { kind: 'inner', children: [7, 9], counts: [1, 2], separators: listOf(bytes('', 'm')) },
      '010302' + '0701' + '0902' + '0001' + '6d',
    ],
  ];
  for (const [one, hex] of pages) assert.equal(encodePage(one).toString('hex'), hex);
});

test('a page that was cut, prolonged, or is of another version or kind is refused', () => {
  fc.assert(
    fc.property(page, (one) => {
      const bytes = encodePage(one);
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodePage(bytes.subarray(0, length)), FormatError);
      }
      assert.throws(() => decodePage(Buffer.concat([bytes, Buffer.from([0])])), FormatError);
      assert.throws(() => decodePage(Buffer.concat([Buffer.from([2]), bytes.subarray(1)])), FormatError);
      assert.throws(() => decodePage(Buffer.concat([Buffer.from([1, 4]), bytes.subarray(2)])), FormatError);
    }),
    { numRuns: 50 },
  );
});

test('what contradicts itself is refused', () => {
  const leaf = (...keys: string[]): TreePage => {
    return {
      kind: 'leaf',
      width: 2,
      strings: listOf(keys.flatMap((k) => [Buffer.from(k), Buffer.alloc(0)])),
    };
  };
  const innerOf = (part: Partial<InnerPage>): TreePage => {
    const separators = listOf([Buffer.alloc(0), Buffer.from('m')]);
    return { kind: 'inner', children: [1, 2], counts: [1, 1], separators, ...part };
  };
  const wrong: Record<string, TreePage> = {
    'no rows': leaf(),
    'keys out of order': leaf('b', 'a'),
    'a key twice': leaf('a', 'a'),
    'no children': innerOf({ children: [], counts: [], separators: undefined }),
    'page 0': innerOf({ children: [0, 2] }),
    'a page number beyond 32 bits': innerOf({ children: [2 ** 32, 2] }),
    'a child without entries': innerOf({ counts: [1, 0] }),
    'too many entries': innerOf({ counts: [Number.MAX_SAFE_INTEGER, 1] }),
    'a bound before the first child': innerOf({ separators: listOf([Buffer.from('a'), Buffer.from('m')]) }),
    'a separator that is empty': innerOf({ separators: listOf([Buffer.alloc(0), Buffer.alloc(0)]) }),
  };
  for (const [name, one] of Object.entries(wrong)) {
    assert.throws(() => decodePage(encodePage(one)), FormatError, name);
  }
  assert.doesNotThrow(() => decodePage(encodePage(innerOf({}))));
});

test('mutated bytes and noise are read as a page that means the same when written again, or refused', () => {
  const changes = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 4 });
  const mutated = fc.tuple(page, changes).map(([one, edits]) => {
    const bytes = encodePage(one);
    for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
    return bytes;
  });
  const noise = fc
    .tuple(fc.nat(3), fc.uint8Array({ maxLength: 60 }))
    .map(([kind, bytes]) => Buffer.from([1, kind, ...bytes]));
  fc.assert(
    fc.property(fc.oneof(mutated, noise), (bytes) => {
      let one: TreePage;
      try {
        one = decodePage(bytes);
      } catch (why) {
        assert.ok(why instanceof FormatError, String(why));
        return;
      }
      assert.ok(rowsOf(one) > 0);
      assert.ok(samePage(decodePage(encodePage(one)), one));
    }),
    { numRuns: 3000 },
  );
});

test('a count from a damaged source costs nothing', () => {
  const vast = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
  for (const kind of [0, 1, 2, 3]) {
    assert.throws(() => decodePage(Buffer.concat([Buffer.from([1, kind]), vast])), FormatError);
    assert.throws(() => decodePage(Buffer.concat([Buffer.from([1, kind, 1]), vast])), FormatError);
  }
});

test('strings compare bytewise, short ones, long ones, and those that differ late', () => {
  const tail = fc.uint8Array({ maxLength: 4 });
  const prefixLength = fc.constantFrom(0, 1, 29, 30, 31, 32, 33, 64);
  const near = fc
    .tuple(prefixLength, tail)
    .map(([length, end]) => Buffer.from([...Buffer.alloc(length), ...end]));
  fc.assert(
    fc.property(fc.oneof(near, string), fc.oneof(near, string), (a, b) => {
      assert.equal(Math.sign(compareAt(listOf([b, a]), 1, b)), Buffer.compare(a, b));
    }),
    { numRuns: 1000 },
  );
});

test('a separator is the shortest that parts two keys', () => {
  fc.assert(
    fc.property(string, string, (a, b) => {
      const [below, above] = ascending([a, b]) as [Buffer, Buffer];
      if (below.equals(above)) return;
      const separator = separatorOf(below, above);
      assert.ok(Buffer.compare(below, separator) < 0 && Buffer.compare(separator, above) <= 0);
      const shorter = above.subarray(0, separator.length - 1);
      assert.ok(Buffer.compare(below, shorter) >= 0);
    }),
  );
});

test('a key is looked for where it belongs', () => {
  fc.assert(
    fc.property(distinct(1), string, (keys, key) => {
      const below = keys.filter((one) => Buffer.compare(one, key) < 0).length;
      const strings = listOf(keys.flatMap((one) => [one, one]));
      assert.equal(rowOfKey({ kind: 'leaf', width: 2, strings }, key), below);
      const bounds = [Buffer.alloc(0), ...keys.filter((one) => one.length > 0)];
      const children = bounds.map((_, i) => i + 1);
      const at = childOfKey({ kind: 'inner', children, counts: children, separators: listOf(bounds) }, key);
      assert.ok(Buffer.compare(bounds[at]!, key) <= 0);
      assert.ok(at === bounds.length - 1 || Buffer.compare(key, bounds[at + 1]!) < 0);
    }),
    { numRuns: 300 },
  );
});
