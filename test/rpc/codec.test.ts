/** Raft's messages survive the wire unchanged, and nothing that comes from the wire can do worse than FormatError. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FormatError } from '../../src/bytes.js';
import type { Entry, Message } from '../../src/raft/message.js';
import { createCodec, type GroupMessage } from '../../src/rpc/codec.js';
import { decodeEntries, encodeEntries } from '../../src/storage/binlog-entries.js';

const codec = createCodec({ encodeEntries, decodeEntries });

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const member = fc.oneof(
  fc.nat(9),
  fc.nat(2 ** 20).map((incarnation) => incarnation * 2 ** 32 + 3),
);
const clock = fc.double({ noNaN: true, noDefaultInfinity: true });
const flag = fc.boolean();
const members = fc.array(member, { maxLength: 5 });
const configuration = fc.record({
  voters: members,
  votersOutgoing: members,
  learners: members,
  learnersNext: members,
  autoLeave: flag,
});
const entries: fc.Arbitrary<Entry[]> = fc
  .tuple(
    fc.integer({ min: 1, max: 2 ** 40 }),
    fc.array(
      fc.record({
        term: number,
        kind: fc.constantFrom('empty', 'command', 'configuration'),
        data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      }),
      { maxLength: 6 },
    ),
  )
  .map(([first, list]) => list.map((entry, at) => ({ ...entry, index: first + at })));

const envelope = { from: member, to: member, term: number };
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    ...envelope,
    kind: fc.constantFrom('preVote', 'vote'),
    lastIndex: number,
    lastTerm: number,
    transfer: flag,
  }),
  fc.record({ ...envelope, kind: fc.constantFrom('preVoteReply', 'voteReply'), granted: flag }),
  fc.record({
    ...envelope,
    kind: fc.constant('append'),
    previousIndex: number,
    previousTerm: number,
    commit: number,
    entries,
  }),
  fc.record({
    ...envelope,
    kind: fc.constant('appendReply'),
    index: number,
    rejected: flag,
    hintIndex: number,
    hintTerm: number,
  }),
  fc.record({
    ...envelope,
    kind: fc.constant('heartbeat'),
    commit: number,
    readRound: number,
    sentAtMs: clock,
    sleep: flag,
  }),
  fc.record({
    ...envelope,
    kind: fc.constant('heartbeatReply'),
    readRound: number,
    sentAtMs: clock,
    asleep: flag,
  }),
  fc.record({
    ...envelope,
    kind: fc.constant('snapshot'),
    mark: fc.record({ index: number, term: number, configuration }),
  }),
  fc.record({ ...envelope, kind: fc.constantFrom('timeoutNow', 'wake') }),
  fc.record({ ...envelope, kind: fc.constant('readIndex'), context: number }),
  fc.record({
    ...envelope,
    kind: fc.constant('readIndexReply'),
    context: number,
    index: number,
    rejected: flag,
  }),
) as fc.Arbitrary<Message>;
const frames: fc.Arbitrary<GroupMessage[]> = fc.array(fc.record({ groupId: number, message }), {
  maxLength: 8,
});

/** fast-check makes objects without a prototype; equality here is of data. */
function plain(value: unknown): unknown {
  return structuredClone(
    JSON.parse(JSON.stringify(value, (_key, item) => (Object.is(item, -0) ? '-0' : item))),
  );
}

test('what is decoded is what was encoded, for every kind', () => {
  fc.assert(
    fc.property(frames, (list) => {
      assert.deepEqual(plain(codec.decodeFrames(codec.encodeFrames(list))), plain(list));
    }),
    { numRuns: 500 },
  );
});

test('a message cut anywhere, or with a byte changed, is another message or a FormatError', () => {
  fc.assert(
    fc.property(frames, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, place, change) => {
      const bytes = codec.encodeFrames(list);
      const at = place % bytes.length;
      decodesOrRefuses(bytes.subarray(0, at));
      const changed = Buffer.from(bytes);
      changed[at]! ^= change;
      decodesOrRefuses(changed);
    }),
    { numRuns: 1000 },
  );
});

test('noise is another message or a FormatError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      decodesOrRefuses(Buffer.from(noise));
      decodesOrRefuses(Buffer.concat([Buffer.of(1), noise]));
    }),
    { numRuns: 2000 },
  );
});

function decodesOrRefuses(bytes: Buffer): void {
  try {
    codec.decodeFrames(bytes);
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
  }
}

test('a version that we do not know is refused', () => {
  assert.throws(() => codec.decodeFrames(Buffer.of(2)), /version 2/);
  assert.throws(() => codec.decodeFrames(Buffer.alloc(0)), FormatError);
});

test('a list of members longer than its message takes no memory', () => {
  const mark = { index: 1, term: 1, configuration: noMembers };
  const bytes = codec.encodeFrames([{ groupId: 1, message: { ...head, kind: 'snapshot', mark } }]);
  // The four counts are the last four bytes: make the first of them enormous.
  const lie = Buffer.concat([bytes.subarray(0, -4), Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07, 0)]);
  assert.throws(() => codec.decodeFrames(lie), FormatError);
});

const head = { from: 1, to: 2, term: 3 };
const noMembers = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

function run(first: number, count: number, bytes: number): Entry[] {
  return Array.from({ length: count }, (_, at) => ({
    index: first + at,
    term: 1,
    kind: 'command',
    data: Buffer.alloc(bytes, at),
  }));
}

function append(list: readonly Entry[], to = 2): GroupMessage {
  const message = {
    ...head,
    to,
    kind: 'append',
    previousIndex: 1,
    previousTerm: 1,
    commit: 1,
    entries: list,
  } as const;
  return { groupId: 1, message };
}

test('a run that goes to several followers is encoded once', () => {
  let encodings = 0;
  const counting = createCodec({
    decodeEntries,
    encodeEntries: (list) => {
      encodings++;
      return encodeEntries(list);
    },
  });
  const log = run(5, 10, 100);
  for (const to of [2, 3, 4]) counting.encodeFrames([append(log.slice(), to)]);
  assert.equal(encodings, 1);
  const [decoded] = counting.decodeFrames(counting.encodeFrames([append(log.slice(0, 9))]));
  assert.equal(encodings, 2, 'a shorter run is another run');
  assert.equal(decoded!.message.kind === 'append' && decoded!.message.entries.length, 9);
  counting.forgetRuns();
  counting.encodeFrames([append(log.slice(0, 9))]);
  assert.equal(encodings, 3, 'what is forgotten is kept by nobody');
});

test('a small run out of a large message does not keep the large message in memory', () => {
  const bytes = codec.encodeFrames([
    append(run(1, 1, 100)),
    append(run(1, 1, 1_000_000)),
    append(run(1, 2, 50)),
  ]);
  const sizes = codec.decodeFrames(bytes).map(({ message: decoded }) => {
    assert.ok(decoded.kind === 'append');
    return decoded.entries[0]!.data.buffer.byteLength;
  });
  assert.ok(sizes[0]! <= 8192 && sizes[2]! <= 8192, 'copied');
  assert.ok(sizes[1]! >= 1_000_000, 'a run that fills its message is not copied');
});
