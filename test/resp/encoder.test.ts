/** Replies into bytes: exactly what Redis 7.2 sends, in both dialects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Dialect, encodeReply, replyBytes } from '../../src/resp/encoder.js';
import { formatDouble } from '../../src/resp/number.js';
import {
  array,
  bulk,
  error,
  integer,
  latin1,
  map,
  NULL,
  NULL_ARRAY,
  OK,
  type Reply,
  simple,
} from '../../src/resp/reply.js';
import { ReplyWriter } from '../../src/resp/writer.js';

function encoded(reply: Reply, dialect: Dialect): string {
  const writer = new ReplyWriter();
  encodeReply(reply, dialect, writer);
  return writer.take().toString('latin1');
}

const set = (...items: Reply[]): Reply => ({ kind: 'set', items });
const push = (...items: Reply[]): Reply => ({ kind: 'push', items });
const double = (value: number): Reply => ({ kind: 'double', value });
const boolean = (value: boolean): Reply => ({ kind: 'boolean', value });
const verbatim = (format: string, text: string): Reply => ({
  kind: 'verbatim',
  format,
  bytes: Buffer.from(text),
});

/** reply, RESP2, RESP3 */
const ROWS: readonly (readonly [Reply, string, string])[] = [
  [OK, '+OK\r\n', '+OK\r\n'],
  [error('ERR no'), '-ERR no\r\n', '-ERR no\r\n'],
  [error('\r\nERR a\r\nb\n'), '-ERR a  b\r\n', '-ERR a  b\r\n'],
  [simple('a\nb'), '+a b\r\n', '+a b\r\n'],
  [error('ERR ü'), '-ERR \xc3\xbc\r\n', '-ERR \xc3\xbc\r\n'],
  [integer(0), ':0\r\n', ':0\r\n'],
  [integer(-1), ':-1\r\n', ':-1\r\n'],
  [integer(1_000_000_000), ':1000000000\r\n', ':1000000000\r\n'],
  [integer(Number.MAX_SAFE_INTEGER), ':9007199254740991\r\n', ':9007199254740991\r\n'],
  [integer(-9223372036854775808n), ':-9223372036854775808\r\n', ':-9223372036854775808\r\n'],
  [bulk(''), '$0\r\n\r\n', '$0\r\n\r\n'],
  [bulk('a\r\nb'), '$4\r\na\r\nb\r\n', '$4\r\na\r\nb\r\n'],
  [latin1(''), '$0\r\n\r\n', '$0\r\n\r\n'],
  [latin1('\xff\r\n'), '$3\r\n\xff\r\n\r\n', '$3\r\n\xff\r\n\r\n'],
  [latin1('\xe9'.repeat(200)), `$200\r\n${'\xe9'.repeat(200)}\r\n`, `$200\r\n${'\xe9'.repeat(200)}\r\n`],
  [NULL, '$-1\r\n', '_\r\n'],
  [NULL_ARRAY, '*-1\r\n', '_\r\n'],
  [array([]), '*0\r\n', '*0\r\n'],
  [
    array([integer(1), NULL, array([bulk('x')])]),
    '*3\r\n:1\r\n$-1\r\n*1\r\n$1\r\nx\r\n',
    '*3\r\n:1\r\n_\r\n*1\r\n$1\r\nx\r\n',
  ],
  [map([[bulk('k'), integer(1)]]), '*2\r\n$1\r\nk\r\n:1\r\n', '%1\r\n$1\r\nk\r\n:1\r\n'],
  [set(bulk('m')), '*1\r\n$1\r\nm\r\n', '~1\r\n$1\r\nm\r\n'],
  [push(bulk('p')), '*1\r\n$1\r\np\r\n', '>1\r\n$1\r\np\r\n'],
  [boolean(true), ':1\r\n', '#t\r\n'],
  [boolean(false), ':0\r\n', '#f\r\n'],
  [double(3.5), '$3\r\n3.5\r\n', ',3.5\r\n'],
  [double(Number.NEGATIVE_INFINITY), '$4\r\n-inf\r\n', ',-inf\r\n'],
  [verbatim('txt', 'hi'), '$2\r\nhi\r\n', '=6\r\ntxt:hi\r\n'],
  [verbatim('m', 'hi'), '$2\r\nhi\r\n', '=6\r\nm  :hi\r\n'],
];

for (const [reply, two, three] of ROWS) {
  test(`${JSON.stringify(three)} in both dialects`, () => {
    assert.equal(encoded(reply, 2), two);
    assert.equal(encoded(reply, 3), three);
  });
}

const DOUBLES: readonly (readonly [number, string])[] = [
  [0, '0'],
  [-0, '-0'],
  [1, '1'],
  [-1.5, '-1.5'],
  [0.1, '0.1'],
  [0.1 + 0.2, '0.30000000000000004'],
  [1e15, '1000000000000000'],
  [2 ** 53 + 2, '9007199254740994'],
  [2 ** 62, '4611686018427387904'],
  [1e17, '100000000000000000'],
  [2 ** 63, '9223372036854776000'],
  [1e19, '1e+19'],
  [1.5e300, '1.5e+300'],
  [0.0001, '0.0001'],
  [0.000001, '0.000001'],
  [1e-7, '1e-7'],
  [1.25e-7, '1.25e-7'],
  [5e-324, '5e-324'],
  [1.7976931348623157e308, '1.7976931348623157e+308'],
  [Number.NaN, 'nan'],
  [Number.POSITIVE_INFINITY, 'inf'],
  [Number.NEGATIVE_INFINITY, '-inf'],
];

for (const [value, text] of DOUBLES) {
  test(`the double ${value} is written ${text}`, () => assert.equal(formatDouble(value), text));
}

test('a batch that was taken is never written again', () => {
  const writer = new ReplyWriter(64);
  const batches: Buffer[] = [];
  for (let at = 0; at < 200; at++) {
    encodeReply(bulk(`value-${at}`.repeat(1 + (at % 20))), 2, writer);
    if (at % 3 === 0) batches.push(writer.take());
  }
  batches.push(writer.take());
  const expected = Array.from({ length: 200 }, (_, at) =>
    encoded(bulk(`value-${at}`.repeat(1 + (at % 20))), 2),
  );
  assert.equal(Buffer.concat(batches).toString(), expected.join(''));
});

test('the estimate is never below the size of what is large', () => {
  for (const size of [100, 10_000, 1_000_000]) {
    for (const reply of [
      bulk('x'.repeat(size)),
      array(Array.from({ length: size / 100 }, () => bulk('x'.repeat(100)))),
    ]) {
      assert.ok(replyBytes(reply) >= encoded(reply, 3).length);
    }
  }
});
