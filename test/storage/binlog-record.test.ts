/** The frame format: what goes in comes out, and bytes that were touched are never taken for what they aren't. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { FormatError } from '../../src/bytes.js';
import { seededRandom } from '../../src/random.js';
import type { BinlogEntry } from '../../src/storage/binlog.js';
import { termRunsOf, termRunsOfEntries } from '../../src/storage/binlog-entries.js';
import {
  BatchEncoder,
  decodeEntries,
  decodeRecord,
  encodeEntries,
  findFrame,
  parseFrame,
  type StoredRecord,
} from '../../src/storage/binlog-record.js';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  segmentOfName,
  segmentPath,
} from '../../src/storage/binlog-segment.js';

const MEMBER_MAX = Number.MAX_SAFE_INTEGER;

const entries: readonly BinlogEntry[] = [
  { index: 300, term: 7, kind: 'empty', data: Buffer.alloc(0) },
  { index: 301, term: 7, kind: 'command', data: Buffer.from('SET a 1') },
  { index: 302, term: 9, kind: 'configuration', data: Buffer.alloc(1000, 5) },
];

const records: readonly StoredRecord[] = [
  { kind: 'birth', replicaId: 1, birth: Buffer.from('who I am') },
  { kind: 'birth', replicaId: 0xffffffff, birth: Buffer.alloc(0), copied: true },
  { kind: 'hardState', replicaId: 2, term: 2 ** 40, votedFor: MEMBER_MAX, commit: 12 },
  { kind: 'entries', replicaId: 3, entries },
  { kind: 'entries', replicaId: 3, entries: entries.slice(1), copied: true },
  { kind: 'snapshot', replicaId: 4, index: 99, term: 3, mark: Buffer.from('mark'), keepsSuffix: false },
  {
    kind: 'snapshot',
    replicaId: 4,
    index: 99,
    term: 3,
    mark: Buffer.alloc(0),
    keepsSuffix: true,
    copied: true,
  },
  { kind: 'tombstone', replicaId: 5, tombstone: Buffer.from('gone') },
  { kind: 'logStart', replicaId: 6, index: 2 ** 45, term: 1, copied: true },
];

function encode(batch: readonly StoredRecord[], segment: number): Buffer {
  const encoder = new BatchEncoder();
  for (const record of batch) encoder.add(record);
  return encoder.finish(segment);
}

function decodeAll(bytes: Buffer, segment: number): { records: StoredRecord[]; starts: boolean[] } {
  const found: StoredRecord[] = [];
  const starts: boolean[] = [];
  for (let position = 0; position < bytes.length; ) {
    const frame = parseFrame(bytes, position, segment);
    assert.equal(frame.kind, 'good');
    if (frame.kind !== 'good') break;
    found.push(decodeRecord(frame));
    starts.push(frame.startsBatch);
    position = frame.endOffset;
  }
  return { records: found, starts };
}

test('every record of a batch comes back as it was, and only the first one starts the batch', () => {
  const { records: found, starts } = decodeAll(encode(records, 42), 42);
  assert.deepEqual(found, records);
  assert.deepEqual(starts, [true, ...records.slice(1).map(() => false)]);
});

test('a frame of one segment is nothing in another', () => {
  const bytes = encode(records, 42);
  for (let segment = 0; segment < 200; segment++) {
    if (segment !== 42) assert.equal(findFrame(bytes, 0, segment), undefined);
  }
});

test('a run of entries is the same bytes on the wire, and its term runs need no decoding', () => {
  const bytes = encodeEntries(entries);
  assert.deepEqual(decodeEntries(bytes), entries);
  const runs = [
    { first: 300, last: 301, term: 7 },
    { first: 302, last: 302, term: 9 },
  ];
  assert.deepEqual(termRunsOf(bytes), runs);
  assert.deepEqual(termRunsOfEntries(entries), runs);
  assert.throws(() => encodeEntries([]), FormatError);
  assert.throws(() => encodeEntries([entries[0]!, entries[2]!]), FormatError);
});

test('no single changed byte goes unseen', () => {
  const bytes = encode(records, 42);
  const ends = new Map<number, number>();
  for (let position = 0; position < bytes.length; ) {
    const frame = parseFrame(bytes, position, 42);
    if (frame.kind !== 'good') break;
    ends.set(position, frame.endOffset);
    position = frame.endOffset;
  }
  for (const [start, end] of ends) {
    for (let at = start; at < end; at++) {
      const touched = Buffer.from(bytes);
      touched[at]! ^= 1 << (at % 8);
      const frame = parseFrame(touched, start, 42);
      assert.notEqual(frame.kind, 'good', `byte ${at - start} of the frame at ${start}`);
      // The payload's damage leaves the header's word on whose it was.
      if (at >= start + 16) assert.equal(frame.kind, 'badPayload');
    }
  }
});

test('random bytes, cuts and mixtures end in FormatError or in nothing, never in another error or another record', () => {
  const random = seededRandom(11);
  const valid = encode(records, 42);
  const whole = new Set(decodeAll(valid, 42).records.map((record) => JSON.stringify(record)));
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(valid.subarray(0, random.below(valid.length + 1)));
    for (let change = random.below(6); change > 0 && bytes.length > 0; change--) {
      bytes[random.below(bytes.length)] = random.below(256);
    }
    for (
      let frame = findFrame(bytes, 0, 42);
      frame !== undefined;
      frame = findFrame(bytes, frame.endOffset, 42)
    ) {
      assert.ok(whole.has(JSON.stringify(decodeRecord(frame))));
    }
  }
});

test('decoding a payload of noise throws FormatError only', () => {
  const random = seededRandom(12);
  const valid = encodeEntries(entries);
  for (let round = 0; round < 5000; round++) {
    const payload =
      round % 2 === 0
        ? Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)))
        : Buffer.from(valid.subarray(0, random.below(valid.length)));
    for (const decode of [decodeEntries, termRunsOf]) {
      try {
        decode(payload);
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error));
      }
    }
  }
});

test('a segment header is whole or it is nothing; a newer version is refused by name', () => {
  const header = { segment: 7, previousEndBytes: 2 ** 33, lastReplicaId: 0xfffffffe };
  const bytes = encodeSegmentHeader(header);
  assert.deepEqual(decodeSegmentHeader(bytes, 7), header);
  assert.equal(decodeSegmentHeader(bytes, 8), undefined);
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(decodeSegmentHeader(bytes.subarray(0, length), 7), undefined);
  }
  for (let at = 0; at < bytes.length; at++) {
    const touched = Buffer.from(bytes);
    touched[at]! ^= 0x10;
    assert.equal(decodeSegmentHeader(touched, 7), undefined);
  }
  const newer = Buffer.from(bytes);
  newer.writeUInt32BE(2, 8);
  newer.writeUInt32BE(crc32c(newer.subarray(0, newer.length - 4)), newer.length - 4);
  assert.throws(() => decodeSegmentHeader(newer, 7), /00000007\.seg: version 2/);
});

test('segment names sort and parse', () => {
  assert.equal(segmentPath(1), 'binlog/00000001.seg');
  assert.equal(segmentOfName('00000001.seg'), 1);
  assert.equal(segmentOfName('4294967295.seg'), 0xffffffff);
  for (const name of ['1.seg', '00000001.seg.tmp', 'a0000001.seg', ''])
    assert.equal(segmentOfName(name), undefined);
});
