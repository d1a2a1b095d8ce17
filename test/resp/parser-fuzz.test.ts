/** Bytes that nobody meant: the parser answers with requests or with a ProtocolError, alike for every cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../src/random.js';
import { RequestParser } from '../../src/resp/parser.js';
import { byteByByte, multibulk, parseAll, randomCut } from './feeding.js';

const argument = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const request = fc.array(argument, { minLength: 1, maxLength: 6 });

test('what is encoded is parsed back, whatever the bytes and the cut', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 8 }), fc.nat(), (requests, seed) => {
      const bytes = Buffer.concat(requests.map((argv) => multibulk(...argv)));
      const expected = requests.map((argv) => argv.map((one) => one.toString('latin1')));
      assert.deepEqual(parseAll([bytes]), { requests: expected, error: undefined });
      assert.deepEqual(parseAll(randomCut(bytes, seededRandom(seed))), {
        requests: expected,
        error: undefined,
      });
    }),
    { numRuns: 300 },
  );
});

test('mutated requests give the same outcome for every cut', () => {
  const corpus = [
    multibulk('SET', 'key', 'value'),
    Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n0123456789\r\n*0\r\n*-1\r\n'),
    Buffer.from("SET \"a\\x41\\n\" 'b\\'c'\r\nPING\r\n\r\n*1\r\n$4\r\nPING\r\n"),
    Buffer.from('*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*1\r\n$-1\r\n'),
  ];
  const alphabet = Buffer.from('*$-019\r\n"\'\\ \0x\xffA', 'latin1');
  const random = seededRandom(20240601);
  for (let round = 0; round < 4_000; round++) {
    const bytes = Buffer.from(Buffer.concat([corpus[random.below(4)]!, corpus[random.below(4)]!]));
    for (let count = 1 + random.below(4); count > 0; count--) {
      bytes[random.below(bytes.length)] = alphabet[random.below(alphabet.length)]!;
    }
    const whole = parseAll([bytes]);
    assert.deepEqual(parseAll(byteByByte(bytes)), whole);
    assert.deepEqual(parseAll(randomCut(bytes, random)), whole);
  }
});

test('what is buffered never exceeds what was fed', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 30 }), (pieces) => {
      const parser = new RequestParser();
      let fed = 0;
      for (const piece of pieces) {
        fed += piece.length;
        parseAll([Buffer.from(piece)], parser);
        assert.ok(parser.bufferedBytes <= fed);
      }
    }),
    { numRuns: 300 },
  );
});
