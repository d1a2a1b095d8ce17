/** What is said about a snapshot survives the wire, and what comes from the wire can do no worse than a FormatError. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FormatError } from '../../src/bytes.js';
import {
  decodeSnapshotAck,
  decodeSnapshotMessage,
  encodeSnapshotAck,
  encodeSnapshotMessage,
  SNAPSHOT_CHUNK_BYTES_MAX,
  type SnapshotAck,
  type SnapshotMessage,
} from '../../src/slot/snapshot-codec.js';
import { RowAssembler, RowCutter } from '../../src/slot/snapshot-rows.js';

const plain = { noNullPrototype: true } as const;
const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const u32 = fc.nat(0xffffffff);
const transferId = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
const members = fc.array(fc.maxSafeNat(), { maxLength: 4 });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((content) => Buffer.from(content));

const meta = fc.record(
  {
    appliedIndex: number,
    appliedTerm: number,
    timeMs: number,
    keys: number,
    configuration: fc.record(
      {
        voters: members,
        votersOutgoing: members,
        learners: members,
        learnersNext: members,
        autoLeave: fc.boolean(),
      },
      plain,
    ),
  },
  plain,
);

const message: fc.Arbitrary<SnapshotMessage> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('begin' as const),
      transferId,
      groupId: number,
      from: number,
      to: number,
      term: number,
      meta,
    },
    plain,
  ),
  fc.record({ kind: fc.constant('chunk' as const), transferId, sequence: number, bytes: bytes(300) }, plain),
  fc.record(
    { kind: fc.constant('end' as const), transferId, sequence: number, rows: number, checksum: u32 },
    plain,
  ),
  fc.record({ kind: fc.constant('cancel' as const), transferId }, plain),
);

const ack: fc.Arbitrary<SnapshotAck> = fc.oneof(
  fc.record({ kind: fc.constant('written' as const), transferId, sequence: number }, plain),
  fc.record({ kind: fc.constant('refused' as const), transferId, why: fc.string({ maxLength: 100 }) }, plain),
  fc.record({ kind: fc.constant('installed' as const), transferId }, plain),
  fc.record({ kind: fc.constant('busy' as const), transferId }, plain),
);

function decodesOrRefuses(decode: (bytes: Buffer) => unknown, input: Buffer): void {
  try {
    decode(input);
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
  }
}

test('what is said is what is heard', () => {
  fc.assert(
    fc.property(message, (said) => {
      assert.deepEqual(decodeSnapshotMessage(encodeSnapshotMessage(said)), said);
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(ack, (said) => {
      assert.deepEqual(decodeSnapshotAck(encodeSnapshotAck(said)), said);
    }),
    { numRuns: 500 },
  );
});

test('whatever is cut, changed or made up is decoded or refused', () => {
  const change = fc.tuple(fc.nat(), fc.nat(255), fc.boolean());
  fc.assert(
    fc.property(
      fc.oneof(message.map(encodeSnapshotMessage), ack.map(encodeSnapshotAck)),
      change,
      (whole, how) => {
        const [position, byte, cuts] = how;
        const at = position % whole.length;
        const bent = cuts ? whole.subarray(0, at) : Buffer.from(whole);
        if (!cuts) bent[at] = byte;
        decodesOrRefuses(decodeSnapshotMessage, bent);
        decodesOrRefuses(decodeSnapshotAck, bent);
      },
    ),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.nat(4), bytes(60), (kind, noise) => {
      const made = Buffer.concat([Buffer.of(1, kind), noise]);
      decodesOrRefuses(decodeSnapshotMessage, made);
      decodesOrRefuses(decodeSnapshotAck, made);
    }),
    { numRuns: 3000 },
  );
});

test('a chunk with another byte in it is refused, and so is one that is too long, or of another version', () => {
  const chunk = encodeSnapshotMessage({
    kind: 'chunk',
    transferId: 't',
    sequence: 1,
    bytes: Buffer.from('rows'),
  });
  chunk[chunk.length - 1]! ^= 1;
  assert.throws(() => decodeSnapshotMessage(chunk), /another checksum/);
  const long = Buffer.alloc(SNAPSHOT_CHUNK_BYTES_MAX + 1);
  const message = encodeSnapshotMessage({ kind: 'chunk', transferId: 't', sequence: 1, bytes: long });
  assert.throws(() => decodeSnapshotMessage(message), FormatError);
  const later = Buffer.from(message);
  later[0] = 2;
  assert.throws(() => decodeSnapshotMessage(later), /protocol 2, known is 1/);
});

const row = fc.record(
  {
    key: fc.uint8Array({ minLength: 2, maxLength: 30 }).map((content) => Buffer.from(content)),
    value: bytes(200),
  },
  plain,
);

test('rows of any size are the same rows after any cutting', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 30 }), fc.integer({ min: 1, max: 400 }), (rows, chunkBytes) => {
      const cutter = new RowCutter(chunkBytes);
      const chunks: Buffer[] = [];
      for (const each of rows) {
        cutter.add(each);
        if (cutter.full) chunks.push(...cutter.take(false));
      }
      chunks.push(...cutter.take(true));
      assert.ok(chunks.every((chunk, at) => chunk.length === chunkBytes || at === chunks.length - 1));
      const assembler = new RowAssembler();
      const found = chunks.flatMap((chunk) => assembler.add(chunk));
      assert.deepEqual(found, rows);
      assert.deepEqual([assembler.rows, assembler.checksum], [cutter.rows, cutter.checksum]);
      assert.ok(assembler.whole);
    }),
    { numRuns: 500 },
  );
});

test('a row that is not there to its end is told by `whole`; one that cannot be is a FormatError', () => {
  const cutter = new RowCutter(1000);
  cutter.add({ key: Buffer.from('key'), value: Buffer.from('value') });
  const [stream] = cutter.take(true);
  const short = new RowAssembler();
  assert.deepEqual(short.add(stream!.subarray(0, -1)), []);
  assert.equal(short.whole, false);
  const absurd = Buffer.alloc(8, 0xff);
  assert.throws(() => new RowAssembler().add(absurd), FormatError);
  fc.assert(
    fc.property(fc.array(bytes(40), { maxLength: 5 }), (noise) => {
      const assembler = new RowAssembler();
      decodesOrRefuses(() => noise.forEach((chunk) => void assembler.add(chunk)), Buffer.alloc(0));
    }),
    { numRuns: 1000 },
  );
});
