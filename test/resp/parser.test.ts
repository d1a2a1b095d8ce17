/** Requests out of bytes: what is understood, what is refused and in which words, and what it may cost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PARSER_LIMITS } from '../../src/resp/limits.js';
import { ProtocolError, RequestParser } from '../../src/resp/parser.js';
import { allCuts, multibulk, parseAll } from './feeding.js';

interface Row {
  readonly name: string;
  readonly input: string;
  readonly requests?: readonly string[][];
  readonly error?: string;
  readonly authenticated?: false;
}

const LONG = 'a'.repeat(65_537);

const ROWS: readonly Row[] = [
  { name: 'a request', input: '*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n', requests: [['GET', 'key']] },
  { name: 'pipelined', input: '*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nping\r\n', requests: [['PING'], ['ping']] },
  { name: 'an empty argument', input: '*2\r\n$4\r\nECHO\r\n$0\r\n\r\n', requests: [['ECHO', '']] },
  {
    name: 'line ends inside a bulk',
    input: '*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\r\n\r\n',
    requests: [['ECHO', '\r\n\r\n']],
  },
  {
    name: 'empty and negative counts are passed over',
    input: '*0\r\n*-1\r\n*-7\r\nPING\r\n',
    requests: [['PING']],
  },
  {
    name: 'inline and multibulk mixed',
    input: 'PING\r\n*1\r\n$4\r\nTIME\r\nGET a\n',
    requests: [['PING'], ['TIME'], ['GET', 'a']],
  },
  { name: 'empty lines are passed over', input: '\r\n\n   \r\nPING\r\n', requests: [['PING']] },
  { name: 'inline quotes', input: 'SET "a b" \'c d\'\r\n', requests: [['SET', 'a b', 'c d']] },
  { name: 'the byte after a CR is not looked at', input: '*1\rX$4\rYPINGZZ', requests: [['PING']] },
  { name: 'no early answer', input: '*1\r\n$4\r\nPING\r', requests: [] },
  { name: 'GET is no HTTP', input: 'GET / HTTP/1.1\r\n', requests: [['GET', '/', 'HTTP/1.1']] },

  { name: 'count no number', input: '*x\r\n', error: 'Protocol error: invalid multibulk length' },
  { name: 'count empty', input: '*\r\n', error: 'Protocol error: invalid multibulk length' },
  { name: 'count with a leading zero', input: '*01\r\n', error: 'Protocol error: invalid multibulk length' },
  { name: 'count with a plus', input: '*+1\r\n', error: 'Protocol error: invalid multibulk length' },
  { name: 'count -0', input: '*-0\r\n', error: 'Protocol error: invalid multibulk length' },
  { name: 'count with a blank', input: '*1 \r\n', error: 'Protocol error: invalid multibulk length' },
  {
    name: 'count beyond the limit',
    input: '*1048577\r\n',
    error: 'Protocol error: invalid multibulk length',
  },
  {
    name: 'count beyond 32 bits',
    input: '*2147483648\r\n',
    error: 'Protocol error: invalid multibulk length',
  },
  {
    name: 'count beyond 64 bits',
    input: '*9223372036854775808\r\n',
    error: 'Protocol error: invalid multibulk length',
  },
  { name: 'bulk without a dollar', input: '*1\r\nPING\r\n', error: "Protocol error: expected '$', got 'P'" },
  { name: 'bulk with an empty line', input: '*1\r\n\r\n', error: "Protocol error: expected '$', got ' '" },
  { name: 'bulk with a line feed', input: '*1\r\n\n\r\n', error: "Protocol error: expected '$', got ' '" },
  { name: 'bulk length no number', input: '*1\r\n$x\r\n', error: 'Protocol error: invalid bulk length' },
  { name: 'bulk length negative', input: '*1\r\n$-1\r\n', error: 'Protocol error: invalid bulk length' },
  { name: 'bulk length empty', input: '*1\r\n$\r\n', error: 'Protocol error: invalid bulk length' },
  {
    name: 'bulk beyond the limit',
    input: '*1\r\n$67108865\r\n',
    error: 'Protocol error: invalid bulk length',
  },
  {
    name: 'bulk beyond 64 bits',
    input: '*1\r\n$99999999999999999999\r\n',
    error: 'Protocol error: invalid bulk length',
  },
  { name: 'count string too long', input: `*${LONG}`, error: 'Protocol error: too big mbulk count string' },
  {
    name: 'bulk string too long',
    input: `*1\r\n$${LONG}`,
    error: 'Protocol error: too big bulk count string',
  },
  { name: 'inline too long', input: LONG, error: 'Protocol error: too big inline request' },
  {
    name: 'inline too long, with its end',
    input: `${LONG}\r\n`,
    error: 'Protocol error: too big inline request',
  },
  {
    name: 'unbalanced double quotes',
    input: 'SET "a\r\n',
    error: 'Protocol error: unbalanced quotes in request',
  },
  {
    name: 'unbalanced single quotes',
    input: "SET 'a\r\n",
    error: 'Protocol error: unbalanced quotes in request',
  },
  {
    name: 'quote closed before a letter',
    input: 'SET "a"b\r\n',
    error: 'Protocol error: unbalanced quotes in request',
  },
  {
    name: 'stranger, 11 arguments',
    input: '*11\r\n',
    authenticated: false,
    error: 'Protocol error: unauthenticated multibulk length',
  },
  {
    name: 'stranger, 16,385 bytes',
    input: '*1\r\n$16385\r\n',
    authenticated: false,
    error: 'Protocol error: unauthenticated bulk length',
  },
  { name: 'stranger, 10 arguments', input: '*10\r\n$16384\r\n', authenticated: false, requests: [] },
  {
    name: 'what came before an error counts',
    input: 'PING\r\n*x\r\nPING\r\n',
    requests: [['PING']],
    error: 'Protocol error: invalid multibulk length',
  },
];

for (const row of ROWS) {
  test(`${row.name}, however it is cut`, () => {
    const bytes = Buffer.from(row.input, 'latin1');
    for (const pieces of allCuts(bytes, 20)) {
      const parser = new RequestParser();
      parser.authenticated = row.authenticated ?? true;
      assert.deepEqual(parseAll(pieces, parser), { requests: row.requests ?? [], error: row.error });
    }
  });
}

test('an inline request of exactly the limit passes', () => {
  const name = 'a'.repeat(65_536);
  for (const pieces of allCuts(Buffer.from(`${name}\n`), 3))
    assert.deepEqual(parseAll(pieces).requests, [[name]]);
});

test('a web page that makes the browser POST is cut off without a word', () => {
  for (const line of ['POST / HTTP/1.1\r\n', 'Host: 127.0.0.1:9221\r\n', 'hOST: x\n', 'post /\n']) {
    const parser = new RequestParser();
    parser.feed(Buffer.from(line));
    assert.throws(
      () => parser.next(),
      (failure) => failure instanceof ProtocolError && failure.quiet,
    );
  }
});

test('the limits in force are those at the time of parsing, not of arrival', () => {
  const parser = new RequestParser();
  parser.authenticated = false;
  const wide = multibulk('MGET', ...Array.from({ length: 20 }, (_, at) => `k${at}`));
  parser.feed(Buffer.concat([multibulk('AUTH', 'secret'), wide]));
  assert.equal(parser.next()?.length, 2);
  parser.authenticated = true;
  assert.equal(parser.next()?.length, 21);
});

test('after an error nothing more is parsed and nothing is kept', () => {
  const parser = new RequestParser();
  parser.feed(Buffer.from('*x\r\nPING\r\n'));
  assert.throws(() => parser.next(), ProtocolError);
  parser.feed(Buffer.from('PING\r\n'));
  assert.equal(parser.next(), undefined);
  assert.equal(parser.bufferedBytes, 0);
});

test('one request as a whole is bounded, and the next one starts from nothing', () => {
  const parser = new RequestParser({ ...DEFAULT_PARSER_LIMITS, queryBufferBytesMax: 1_000 });
  const fits = multibulk('SET', 'k', 'v'.repeat(700));
  assert.equal(parseAll([fits, fits], parser).error, undefined);
  assert.equal(
    parseAll([multibulk('MSET', 'k', 'v'.repeat(500), 'l', 'v'.repeat(500))], parser).error,
    'Protocol error: too big request',
  );
});

test('empty arguments are not free', () => {
  const parser = new RequestParser({ ...DEFAULT_PARSER_LIMITS, queryBufferBytesMax: 10_000 });
  const many = multibulk(...Array.from({ length: 200 }, () => ''));
  assert.equal(parseAll([many], parser).error, 'Protocol error: too big request');
});

test('an announced bulk costs no memory before its bytes come', () => {
  const before = process.memoryUsage().arrayBuffers;
  const parsers = Array.from({ length: 200 }, () => new RequestParser());
  for (const parser of parsers) {
    parser.feed(Buffer.from('*1\r\n$67108864\r\nx'));
    assert.equal(parser.next(), undefined);
  }
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 32 * 1024 * 1024, `${grown} bytes for 200 announcements`);
});

test('a large bulk in small pieces arrives whole', () => {
  const value = Buffer.alloc(3_000_000, 'talus-');
  const bytes = multibulk('SET', 'k', value);
  const parser = new RequestParser();
  const found: Buffer[][] = [];
  for (let at = 0; at < bytes.length; at += 1_460) {
    parser.feed(Buffer.from(bytes.subarray(at, at + 1_460)));
    for (let argv = parser.next(); argv !== undefined; argv = parser.next()) found.push(argv);
  }
  assert.equal(found.length, 1);
  assert.ok(found[0]![2]!.equals(value));
  assert.equal(parser.bufferedBytes, 0);
});

test('chunks fed before anyone asks are taken in order', () => {
  const bytes = Buffer.concat([
    multibulk('SET', 'key', 'value'),
    Buffer.from('PING\r\n'),
    multibulk('GET', 'key'),
  ]);
  for (const pieces of allCuts(bytes, 10)) {
    const parser = new RequestParser();
    for (const piece of pieces) parser.feed(piece);
    assert.equal(parser.bufferedBytes, bytes.length);
    assert.deepEqual(parseAll([], parser).requests, []);
    assert.equal(parser.next()?.length, 3);
    assert.equal(parser.next()?.length, 1);
    assert.equal(parser.next()?.length, 2);
    assert.equal(parser.next(), undefined);
  }
});
