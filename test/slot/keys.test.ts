/** The engine's byte layout: order, ranges and round trips; it is on disk, so a change here is a change of format. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FormatError } from '../../src/bytes.js';
import { decodeBirth, encodeBirth, memberOf, nodeOf } from '../../src/slot/birth.js';
import { given, keep } from '../../src/slot/cell.js';
import { HASH_SLOTS, hash14, hashRangeOfSlot, slotOfHash } from '../../src/slot/hash.js';
import {
  expiryKey,
  expiryRange,
  hash32,
  metaKey,
  nodeAreaRange,
  nodeKey,
  parseExpiryKey,
  parseNodeKey,
  parseRecordKey,
  placeOf,
  positionOf,
  recordKey,
  recordRangeEnd,
  recordRangeStart,
  stateRange,
} from '../../src/slot/keys.js';
import { decodeMeta, decodeRecord, encodeMeta, encodeRecord } from '../../src/slot/record.js';

/** Zeros, ones and ff are what an escape gets wrong. */
const key = fc
  .array(fc.oneof(fc.constantFrom(0, 1, 0xfe, 0xff), fc.integer({ min: 0, max: 255 })), { maxLength: 12 })
  .map((bytes) => Buffer.from(bytes));
const stateId = fc.integer({ min: 1, max: 0xfffffffd });
const timeMs = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

test('a record key gives its key and place back', () => {
  fc.assert(
    fc.property(stateId, key, (id, bytes) => {
      const parsed = parseRecordKey(recordKey(id, placeOf(bytes), bytes));
      assert.deepEqual(parsed, { key: bytes, place: placeOf(bytes) });
    }),
  );
});

test('engine order is hash order, then key order, and no engine key is a prefix of another', () => {
  fc.assert(
    fc.property(stateId, key, key, fc.boolean(), (id, a, b, samePlace) => {
      fc.pre(!a.equals(b));
      const placeA = placeOf(a);
      const placeB = samePlace ? placeA : placeOf(b);
      const [left, right] = [recordKey(id, placeA, a), recordKey(id, placeB, b)];
      const expected = Math.sign(positionOf(placeA) - positionOf(placeB)) || Buffer.compare(a, b);
      assert.equal(Buffer.compare(left, right), expected);
      assert.ok(!left.subarray(0, right.length).equals(right));
      assert.ok(!right.subarray(0, left.length).equals(left));
    }),
  );
});

test('an expiry key gives its time and key back, and sorts by time, then key', () => {
  fc.assert(
    fc.property(stateId, timeMs, key, timeMs, key, (id, atA, a, atB, b) => {
      const left = expiryKey(id, atA, a);
      assert.deepEqual(parseExpiryKey(left), { key: a, expireAtMs: atA });
      const expected = Math.sign(atA - atB) || Buffer.compare(a, b);
      assert.equal(Buffer.compare(left, expiryKey(id, atB, b)), expected);
    }),
  );
});

test('every key of a state lies in its ranges and in no other', () => {
  const within = (range: { from: Buffer; to: Buffer }, bytes: Buffer): boolean =>
    Buffer.compare(range.from, bytes) <= 0 && Buffer.compare(bytes, range.to) < 0;
  fc.assert(
    fc.property(stateId, key, timeMs, (id, bytes, at) => {
      const record = recordKey(id, placeOf(bytes), bytes);
      const expiry = expiryKey(id, at, bytes);
      const records = { from: recordRangeStart(id, 0), to: recordRangeEnd(id) };
      assert.deepEqual(
        [within(records, record), within(records, expiry), within(records, metaKey(id))],
        [true, false, false],
      );
      const expiries = expiryRange(id);
      assert.deepEqual(
        [within(expiries, record), within(expiries, expiry), within(expiries, metaKey(id))],
        [false, true, false],
      );
      for (const one of [record, expiry, metaKey(id)]) {
        assert.ok(within(stateRange(id), one));
        assert.ok(!within(stateRange(id - 1), one) && !within(stateRange(id + 1), one));
      }
    }),
  );
});

test('a range from a position begins at the first key that has it', () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      const from = recordRangeStart(7, positionOf(placeOf(a)));
      const inside = Buffer.compare(from, recordKey(7, placeOf(b), b)) <= 0;
      assert.equal(inside, positionOf(placeOf(b)) >= positionOf(placeOf(a)));
    }),
  );
});

test("the node's own keys stay below every state's, each in its area", () => {
  for (const area of ['state', 'garbage', 'counter'] as const) {
    for (const id of [0, 1, 0xffffffff]) {
      const bytes = nodeKey(area, id);
      assert.equal(parseNodeKey(bytes), id);
      const { from, to } = nodeAreaRange(area);
      assert.ok(Buffer.compare(from, bytes) <= 0 && Buffer.compare(bytes, to) < 0);
      assert.ok(Buffer.compare(bytes, stateRange(1).from) < 0);
    }
  }
});

test('hash32 is part of the disk format', () => {
  const hashes = ['', 'a', 'foo', 'user:1000'].map((word) => hash32(Buffer.from(word)));
  assert.deepEqual(hashes, PINNED_HASHES);
});

const PINNED_HASHES = [2872998923, 444641715, 1834638500, 2797768722];

test("hash14 is Redis Cluster's, hash tags included", () => {
  const crc16 = (bytes: Buffer): number => {
    let crc = 0;
    for (const byte of bytes) {
      crc ^= byte << 8;
      for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
    }
    return crc % HASH_SLOTS;
  };
  assert.equal(crc16(Buffer.from('123456789')), 0x31c3 % HASH_SLOTS);
  const tagged = (bytes: Buffer): Buffer => {
    const open = bytes.indexOf('{');
    const close = open < 0 ? -1 : bytes.indexOf('}', open + 1);
    return close > open + 1 ? bytes.subarray(open + 1, close) : bytes;
  };
  const braces = fc.array(fc.constantFrom(0x7b, 0x7d, 0x61, 0x62, 0x00, 0xff), { maxLength: 8 });
  fc.assert(
    fc.property(
      fc.oneof(
        key,
        braces.map((bytes) => Buffer.from(bytes)),
      ),
      (bytes) => {
        assert.equal(hash14(bytes), crc16(tagged(bytes)));
      },
    ),
  );
});

test("a table's slots part the hash slots into contiguous ranges without gap or overlap", () => {
  for (const slots of [1, 2, 3, 7, 16, 1000, 16383, 16384]) {
    let expected = 0;
    for (let slot = 0; slot < slots; slot++) {
      const { first, last } = hashRangeOfSlot(slot, slots);
      assert.equal(first, expected);
      assert.ok(last >= first);
      assert.equal(slotOfHash(first, slots), slot);
      assert.equal(slotOfHash(last, slots), slot);
      expected = last + 1;
    }
    assert.equal(expected, HASH_SLOTS);
  }
});

test('records come back as they were put', () => {
  fc.assert(
    fc.property(key, fc.option(timeMs, { nil: undefined }), (value, expireAtMs) => {
      const record = { kind: 'string' as const, value, expireAtMs };
      assert.deepEqual(decodeRecord(encodeRecord(record)), record);
      assert.deepEqual(given(keep(record)), record);
      assert.deepEqual(
        encodeRecord(keep(record)),
        encodeRecord(record),
        'what is kept is written as what was put',
      );
    }),
  );
});

const member = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const PLAIN = { noNullPrototype: true } as const;
const members = fc.array(member, { maxLength: 5 });

test("a state's meta comes back as it was written", () => {
  const configuration = fc.record(
    {
      voters: members,
      votersOutgoing: members,
      learners: members,
      learnersNext: members,
      autoLeave: fc.boolean(),
    },
    PLAIN,
  );
  const meta = fc.record(
    {
      appliedIndex: timeMs,
      appliedTerm: timeMs,
      timeMs,
      keys: timeMs,
      configuration,
    },
    PLAIN,
  );
  fc.assert(fc.property(meta, (one) => assert.deepEqual(decodeMeta(encodeMeta(one)), one)));
});

test('a birth comes back as it was written, and a member tells its node', () => {
  const birth = fc.record(
    {
      groupId: timeMs,
      tableId: timeMs,
      slot: timeMs,
      memberId: member,
      voters: members,
    },
    PLAIN,
  );
  fc.assert(fc.property(birth, (one) => assert.deepEqual(decodeBirth(encodeBirth(one)), one)));
  assert.equal(nodeOf(memberOf(7, 3)), 7);
  assert.notEqual(memberOf(7, 3), memberOf(7, 4));
});

test('bytes of unknown origin are refused with FormatError and nothing else', () => {
  const good = [
    encodeRecord({ kind: 'string', value: Buffer.from('v'), expireAtMs: 5 }),
    encodeMeta({
      appliedIndex: 9,
      appliedTerm: 2,
      timeMs: 7,
      keys: 1,
      configuration: {
        voters: [1, 2],
        votersOutgoing: [],
        learners: [3],
        learnersNext: [],
        autoLeave: false,
      },
    }),
    encodeBirth({ groupId: 1, tableId: 2, slot: 3, memberId: 4, voters: [4, 5] }),
  ];
  const tampered = fc
    .tuple(
      fc.constantFrom(...good),
      fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
    )
    .map(([bytes, changes]) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      return copy;
    });
  const input = fc.oneof(
    tampered,
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from([1, ...bytes])),
  );
  fc.assert(
    fc.property(input, fc.nat(40), (bytes, cut) => {
      for (const decode of [decodeRecord, decodeMeta, decodeBirth]) {
        for (const one of [bytes, bytes.subarray(0, cut)]) {
          try {
            decode(one);
          } catch (why) {
            assert.ok(why instanceof FormatError, String(why));
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});
