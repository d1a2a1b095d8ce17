/** What nodes say to each other about requests: round trips, and noise is refused, never believed and never fatal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FormatError } from '../../src/bytes.js';
import {
  decodeReplyMessage,
  decodeRequest,
  encodeReplyMessage,
  encodeRequest,
  type WireReply,
  type WireRequest,
} from '../../src/node/wire.js';

const PLAIN = { noNullPrototype: true } as const;
const id = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ maxLength: 40 }).map((one) => Buffer.from(one));
const request: fc.Arbitrary<WireRequest> = fc.oneof(
  fc.record({ kind: fc.constant('leader' as const), requestId: id, groupId: id }, PLAIN),
  fc.record(
    { kind: fc.constant('standing' as const), requestId: id, groupId: id, memberId: id, term: id },
    PLAIN,
  ),
  fc.record(
    {
      kind: fc.constant('execute' as const),
      requestId: id,
      groupId: id,
      expectedTerm: id,
      remainingMs: fc.nat(),
      session: fc.string({ unit: 'grapheme', maxLength: 20 }),
      access: fc.constantFrom('read' as const, 'write' as const),
      group: fc.record(
        {
          kind: fc.constantFrom('lone' as const, 'atomic' as const),
          commands: fc.array(fc.array(bytes, { maxLength: 4 }), { maxLength: 4 }),
        },
        PLAIN,
      ),
    },
    PLAIN,
  ),
);
const reply: fc.Arbitrary<WireReply> = fc.oneof(
  fc.record({ kind: fc.constant('unknown' as const), requestId: id }, PLAIN),
  fc.record({ kind: fc.constant('leader' as const), requestId: id, leaderNodeId: id, term: id }, PLAIN),
  fc.record(
    {
      kind: fc.constant('standing' as const),
      requestId: id,
      verdict: fc.constantFrom('unknown' as const, 'member' as const, 'removed' as const),
      term: id,
    },
    PLAIN,
  ),
  fc.record(
    { kind: fc.constant('done' as const), requestId: id, replies: fc.array(bytes, { maxLength: 4 }) },
    PLAIN,
  ),
  fc.record(
    {
      kind: fc.constant('refused' as const),
      requestId: id,
      why: fc.constantFrom('notLeader', 'busy', 'tooLarge', 'diskFull', 'timeout', 'replyTooLarge'),
      leaderNodeId: id,
      term: id,
    },
    PLAIN,
  ) as fc.Arbitrary<WireReply>,
);

test('requests and replies come back as they were sent', () => {
  fc.assert(fc.property(request, (one) => assert.deepEqual(decodeRequest(encodeRequest(one)), one)));
  fc.assert(fc.property(reply, (one) => assert.deepEqual(decodeReplyMessage(encodeReplyMessage(one)), one)));
});

test('a time left is never sent as less than nothing', () => {
  const sent = encodeRequest({
    kind: 'execute',
    requestId: 1,
    groupId: 1,
    expectedTerm: 1,
    remainingMs: -3.5,
    session: 's',
    access: 'read',
    group: { kind: 'lone', commands: [] },
  });
  const back = decodeRequest(sent);
  assert.equal(back.kind === 'execute' && back.remainingMs, 0);
});

test('cut or tampered messages, and noise, throw FormatError or mean something; they throw nothing else', () => {
  const whole = fc.oneof(request.map(encodeRequest), reply.map(encodeReplyMessage));
  const change = fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 0, max: 255 })), { maxLength: 3 });
  const tampered = fc.tuple(whole, change, fc.nat(80)).map(([message, changes, cut]) => {
    const copy = Buffer.from(message);
    for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
    return copy.subarray(0, cut);
  });
  const noise = fc.uint8Array({ maxLength: 40 }).map((one) => Buffer.from([1, ...one]));
  fc.assert(
    fc.property(fc.oneof(tampered, noise), (message) => {
      for (const decode of [decodeRequest, decodeReplyMessage]) {
        try {
          decode(message);
        } catch (why) {
          assert.ok(why instanceof FormatError, String(why));
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test('a verdict that this version does not know proves nothing', () => {
  const sent = encodeReplyMessage({ kind: 'standing', requestId: 1, verdict: 'removed', term: 9 });
  sent[3] = 77;
  assert.deepEqual(decodeReplyMessage(sent), { kind: 'standing', requestId: 1, verdict: 'unknown', term: 9 });
});

test('a count beyond all reason is a malformed message, not an allocation', () => {
  const vast = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
  assert.throws(() => decodeReplyMessage(Buffer.from([1, 0, 1, ...vast])), FormatError);
  assert.throws(() => decodeRequest(Buffer.from([1, 0, 1, 1, 1, 1, 0, 1, 0, ...vast])), FormatError);
});
