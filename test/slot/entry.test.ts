/** Command entries: what the leader wrote is what every replica reads, and anything else is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FormatError } from '../../src/bytes.js';
import {
  bytesOfGroup,
  type CommandEntry,
  decodeEntry,
  ENTRY_HEAD_BYTES_MAX,
  encodeEntry,
} from '../../src/slot/entry.js';

const argument = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const group = fc.record(
  {
    kind: fc.constantFrom('lone' as const, 'atomic' as const),
    commands: fc.array(fc.array(argument, { maxLength: 4 }), { maxLength: 4 }),
  },
  { noNullPrototype: true },
);
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const entry: fc.Arbitrary<CommandEntry> = fc.record(
  {
    rules: fc.nat(),
    timeMs: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    seedHigh: u32,
    seedLow: u32,
    groups: fc.array(group, { maxLength: 4 }),
  },
  { noNullPrototype: true },
);

test('an entry comes back as it was written', () => {
  fc.assert(fc.property(entry, (one) => assert.deepEqual(decodeEntry(encodeEntry(one)), one)));
});

test("an entry is never larger than the sum of its parts' estimates: limits are checked on those", () => {
  fc.assert(
    fc.property(entry, (one) => {
      const estimate = one.groups.reduce((sum, each) => sum + bytesOfGroup(each), ENTRY_HEAD_BYTES_MAX);
      assert.ok(encodeEntry(one).length <= estimate);
    }),
  );
});

test('an entry that was cut, prolonged, or is of another version is refused', () => {
  const bytes = encodeEntry({
    rules: 1,
    timeMs: 1000,
    seedHigh: 1,
    seedLow: 2,
    groups: [{ kind: 'atomic', commands: [[Buffer.from('set'), Buffer.from('k')]] }],
  });
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeEntry(bytes.subarray(0, length)), FormatError);
  }
  assert.throws(() => decodeEntry(Buffer.concat([bytes, Buffer.from([0])])), FormatError);
  assert.throws(() => decodeEntry(Buffer.concat([Buffer.from([2]), bytes.subarray(1)])), FormatError);
});

test('noise is read as an entry or refused with FormatError, whatever count it announces', () => {
  const noise = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from([1, ...bytes]));
  const read = (bytes: Buffer): CommandEntry | undefined => {
    try {
      return decodeEntry(bytes);
    } catch (why) {
      assert.ok(why instanceof FormatError, String(why));
      return undefined;
    }
  };
  fc.assert(
    fc.property(noise, (bytes) => {
      const one = read(bytes);
      if (one !== undefined) assert.deepEqual(decodeEntry(encodeEntry(one)), one);
    }),
    { numRuns: 1000 },
  );
  const head = Buffer.from([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const vast = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
  assert.throws(() => decodeEntry(Buffer.concat([head, vast])), FormatError);
});
