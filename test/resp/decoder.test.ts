/** Replies out of bytes: the exact inverse of the encoder, and safe against bytes that are none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FormatError } from '../../src/bytes.js';
import { seededRandom } from '../../src/random.js';
import { DEFAULT_DECODER_LIMITS, type DecoderLimits, ReplyDecoder } from '../../src/resp/decoder.js';
import { type Dialect, encodeReply } from '../../src/resp/encoder.js';
import { array, bulk, integer, NULL, NULL_ARRAY, type Reply, simple } from '../../src/resp/reply.js';
import { ReplyWriter } from '../../src/resp/writer.js';
import { allCuts, byteByByte, randomCut } from './feeding.js';

function encoded(reply: Reply, dialect: Dialect): Buffer {
  const writer = new ReplyWriter();
  encodeReply(reply, dialect, writer);
  return writer.take();
}

function decodeAll(pieces: readonly Buffer[], limits?: DecoderLimits): { replies: Reply[]; error?: string } {
  const decoder = new ReplyDecoder(limits);
  const replies: Reply[] = [];
  for (const piece of pieces) {
    try {
      decoder.feed(Buffer.from(piece));
      for (let reply = decoder.next(); reply !== undefined; reply = decoder.next()) replies.push(reply);
    } catch (failure) {
      if (!(failure instanceof FormatError)) throw failure;
      return { replies, error: failure.message };
    }
  }
  return { replies };
}

const text = fc.string({ maxLength: 20, unit: 'grapheme' }).map((raw) => raw.replace(/[\r\n]/g, ' '));
const bytes = fc.uint8Array({ maxLength: 40 }).map((raw) => Buffer.from(raw));

/** Plain objects, as replies are. */
const record: typeof fc.record = (model: object) =>
  fc.record(model as never, { noNullPrototype: true } as never) as never;

const { reply: anyReply } = fc.letrec<{ reply: Reply }>((tie) => {
  const items = fc.array(tie('reply'), { maxLength: 5 });
  const scalar = fc.oneof(
    record({ kind: fc.constant('simple' as const), text }),
    record({ kind: fc.constant('error' as const), text }),
    record({
      kind: fc.constant('integer' as const),
      value: fc.maxSafeInteger().map((value) => value + 0),
    }),
    record({
      kind: fc.constant('integer' as const),
      value: fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }).chain((big) => fc.constantFrom(big, -big)),
    }),
    record({ kind: fc.constant('bulk' as const), bytes }),
    fc.constantFrom<Reply>(NULL, NULL_ARRAY),
    record({ kind: fc.constant('double' as const), value: fc.double() }),
    record({ kind: fc.constant('boolean' as const), value: fc.boolean() }),
    record({ kind: fc.constant('verbatim' as const), format: fc.constantFrom('txt', 'mkd'), bytes }),
  );
  const aggregate = fc.oneof(
    record({ kind: fc.constantFrom('array' as const, 'set' as const, 'push' as const), items }),
    record({
      kind: fc.constant('map' as const),
      entries: fc.array(fc.tuple(tie('reply'), tie('reply')), { maxLength: 4 }),
    }),
  );
  return { reply: fc.oneof({ depthSize: 'small' }, scalar, aggregate) as fc.Arbitrary<Reply> };
});

test('between nodes a reply arrives exactly as it left, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(anyReply, { maxLength: 4 }), fc.nat(), (replies, seed) => {
      const wire = Buffer.concat(replies.map((reply) => encoded(reply, 'peer')));
      assert.deepEqual(decodeAll([wire]), { replies });
      assert.deepEqual(decodeAll(byteByByte(wire)), { replies });
      assert.deepEqual(decodeAll(randomCut(wire, seededRandom(seed))), { replies });
    }),
    { numRuns: 400 },
  );
});

/** RESP3 has one null only; all else comes back. */
test('RESP3 comes back as well, but for the kind of null', () => {
  fc.assert(
    fc.property(anyReply, (reply) => {
      const again = decodeAll([encoded(reply, 3)]).replies[0]!;
      assert.ok(encoded(again, 3).equals(encoded(reply, 3)));
    }),
    { numRuns: 300 },
  );
});

test('whatever RESP2 says is understood', () => {
  fc.assert(
    fc.property(anyReply, (reply) => {
      const wire = encoded(reply, 2);
      const { replies, error } = decodeAll([wire]);
      assert.equal(error, undefined);
      assert.ok(encoded(replies[0]!, 2).equals(wire));
    }),
    { numRuns: 300 },
  );
});

test('attributes are passed over, blob errors are errors', () => {
  const wire = Buffer.from(
    '|1\r\n+ttl\r\n:3\r\n*2\r\n|1\r\n+a\r\n*1\r\n:1\r\n:7\r\n!7\r\nERR bad\r\n|0\r\n+OK\r\n',
  );
  const replies = [array([integer(7), { kind: 'error', text: 'ERR bad' }]), simple('OK')];
  for (const pieces of allCuts(wire, 10)) assert.deepEqual(decodeAll(pieces), { replies });
});

const BROKEN = [
  'x\r\n',
  '\r\n',
  '+OK\n',
  ':\r\n',
  ':1.5\r\n',
  ':01\r\n',
  ':9223372036854775808\r\n',
  ',\r\n',
  ',0x10\r\n',
  ',1e\r\n',
  '#x\r\n',
  '_x\r\n',
  '$-2\r\n',
  '$x\r\n',
  '$1\r\nxyz',
  '=3\r\nabc\r\n',
  '=5\r\ntxt?x\r\n',
  '*-2\r\n',
  '%-1\r\n',
  '=-1\r\n',
  '(12\r\n',
  '$?\r\n',
  '*99999999999999999\r\n',
  '$536870913\r\n',
  '*16777217\r\n',
  '%8388609\r\n',
];

for (const input of BROKEN) {
  test(`${JSON.stringify(input)} is refused, however it is cut`, () => {
    for (const pieces of allCuts(Buffer.from(input), 5)) {
      assert.match(decodeAll(pieces).error ?? 'accepted', /^reply: /);
    }
  });
}

test('nesting, lines, elements and the whole reply are bounded', () => {
  const limits = { ...DEFAULT_DECODER_LIMITS, nestingMax: 4, lineBytesMax: 20, replyBytesMax: 400 };
  const nested = (depth: number): Buffer => Buffer.from(`${'*1\r\n'.repeat(depth)}:1\r\n`);
  assert.equal(decodeAll([nested(4)], limits).error, undefined);
  assert.match(decodeAll([nested(5)], limits).error!, /nested/);
  assert.match(decodeAll([Buffer.from(`+${'a'.repeat(30)}`)], limits).error!, /line/);
  assert.match(decodeAll([Buffer.from(`$${401}\r\n`)], limits).error!, /beyond 400/);
  assert.match(
    decodeAll([encoded(array(Array.from({ length: 50 }, () => bulk(''))), 3)], limits).error!,
    /beyond 400/,
  );
});

test('mutated replies end in replies or a FormatError, alike for every cut', () => {
  const corpus = [
    encoded(array([integer(1), bulk('abc'), NULL, array([simple('x')])]), 3),
    Buffer.from('%2\r\n+a\r\n:1\r\n+b\r\n,1.5\r\n~1\r\n#t\r\n=6\r\ntxt:hi\r\n|1\r\n+a\r\n+b\r\n_\r\n'),
    Buffer.from('*2\r\n$-1\r\n*-1\r\n>1\r\n$3\r\nfoo\r\n-ERR x\r\n'),
  ];
  const alphabet = Buffer.from('*$+-:_,#=%~>|!(0129\r\n\0\xff', 'latin1');
  const random = seededRandom(77);
  for (let round = 0; round < 4_000; round++) {
    const wire = Buffer.from(Buffer.concat([corpus[random.below(3)]!, corpus[random.below(3)]!]));
    for (let count = 1 + random.below(4); count > 0; count--) {
      wire[random.below(wire.length)] = alphabet[random.below(alphabet.length)]!;
    }
    const whole = decodeAll([wire]);
    assert.deepEqual(decodeAll(byteByByte(wire)), whole);
    assert.deepEqual(decodeAll(randomCut(wire, random)), whole);
  }
});
