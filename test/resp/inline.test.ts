/** Inline requests are cut as Redis' sdssplitargs cuts them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitInline } from '../../src/resp/inline.js';

const split = (line: string): string[] | undefined =>
  splitInline(Buffer.from(line, 'latin1'))?.map((argument) => argument.toString('latin1'));

const GOOD: readonly (readonly [string, readonly string[]])[] = [
  ['', []],
  ['   \t ', []],
  ['PING', ['PING']],
  ['  SET  k\tv  ', ['SET', 'k', 'v']],
  ['"a b" c', ['a b', 'c']],
  ['""', ['']],
  ["''", ['']],
  ['"\\n\\r\\t\\b\\a"', ['\n\r\t\b\x07']],
  ['"\\x41\\x0a\\xfF"', ['A\n\xff']],
  ['"\\xg1\\x4"', ['xg1x4']],
  ['"\\"\\\\\\q"', ['"\\q']],
  ["'a\\'b\\n'", ["a'b\\n"]],
  ['a"b c"', ['ab c']],
  ["a'b c'", ['ab c']],
  ['a\\n"x"', ['a\\nx']],
  ['"a"\v"b"', ['a', 'b']],
  ['a\vb\fc', ['a\vb\fc']],
  ['\v a', ['a']],
  ['a\rb', ['a', 'b']],
  ['a b\0c d', ['a', 'b']],
  ['\xe4\xff', ['\xe4\xff']],
];

for (const [line, expected] of GOOD) {
  test(`${JSON.stringify(line)} is ${JSON.stringify(expected)}`, () =>
    assert.deepEqual(split(line), expected));
}

const BAD = ['"', "'", '"a', "'a", '"a"b', "'a'b", '"a""b"', '"a\\"', '"a\\', "'a\\'", '"a\0"', 'a"'];

for (const line of BAD) {
  test(`${JSON.stringify(line)} is unbalanced`, () => assert.equal(split(line), undefined));
}

test('arguments do not alias the line', () => {
  const line = Buffer.from('GET key');
  const argv = splitInline(line)!;
  line.fill(0);
  assert.equal(argv[1]!.toString(), 'key');
});
