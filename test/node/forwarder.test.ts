/** The serving side of a forwarded request, and what a malformed peer may and may not do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../src/bytes.js';
import { Forwarder, type LocalSlots } from '../../src/node/forwarder.js';
import { decodeReplyMessage, decodeRequest, encodeReplyMessage, encodeRequest } from '../../src/node/wire.js';
import { bulk, type Reply } from '../../src/resp/reply.js';
import type { AckQuestion } from '../../src/slot/acks.js';
import type { SlotRequest } from '../../src/slot/requests.js';
import { VirtualClock } from '../pm/virtual-env.js';
import { Fleet } from './fleet.js';

interface Served {
  readonly forwarder: Forwarder;
  readonly requests: { readonly request: SlotRequest<Reply>; readonly expectedTerm: number }[];
  readonly replies: { readonly to: number; readonly message: ReturnType<typeof decodeReplyMessage> }[];
}

/** `bytesMax`: the lane has no room for more in one message. */
function serving(bytesMax = Number.POSITIVE_INFINITY): Served {
  const requests: Served['requests'] = [];
  const replies: Served['replies'] = [];
  const send = (to: number, lane: string, bytes: Buffer): boolean => {
    assert.equal(lane, 'reply');
    if (bytes.length > bytesMax) return false;
    replies.push({ to, message: decodeReplyMessage(bytes) });
    return true;
  };
  const slots = {
    readNow: () => undefined,
    execute: (_groupId: number, request: SlotRequest<Reply>, expectedTerm: number): void =>
      void requests.push({ request, expectedTerm }),
    leadership: () => ({ nodeId: 9, term: 4 }),
    standing: (groupId: number, memberId: number) => ({
      verdict: groupId === 7 && memberId === 4294967298 ? ('removed' as const) : ('unknown' as const),
      term: 4,
    }),
    askAcks: (groupId: number, question: AckQuestion) =>
      question.answer(groupId === 7 ? { kind: 'acks', count: 2, lost: false } : { kind: 'refused' }),
  };
  return { forwarder: new Forwarder(new VirtualClock().env(1).env, { send }, slots), requests, replies };
}

const REQUEST = {
  kind: 'execute',
  requestId: 11,
  groupId: 7,
  expectedTerm: 3,
  remainingMs: 1500,
  session: 'their session',
  access: 'write',
  group: { kind: 'lone', commands: [[Buffer.from('x')]] },
} as const;

test('a request is executed here with its term, session and what is left of its time, and answered to whom it came from', () => {
  const { forwarder, requests, replies } = serving();
  forwarder.onRequest(5, encodeRequest(REQUEST));
  const [{ request, expectedTerm } = assert.fail('not executed')] = requests;
  assert.deepEqual(
    [request.session, request.kind, request.deadlineMs, expectedTerm],
    ['their session', 'write', 1500, 3],
  );
  request.done({ kind: 'done', replies: [bulk('yes')] });
  assert.deepEqual(replies, [
    { to: 5, message: { kind: 'done', requestId: 11, replies: [Buffer.from('$3\r\nyes\r\n')] } },
  ]);
});

test('for an answer that finds no room a word goes: a read was not done, of a write nobody knows', () => {
  const { forwarder, requests, replies } = serving(1000);
  forwarder.onRequest(5, encodeRequest({ ...REQUEST, access: 'read' }));
  forwarder.onRequest(5, encodeRequest({ ...REQUEST, requestId: 12 }));
  for (const { request } of requests) request.done({ kind: 'done', replies: [bulk('x'.repeat(2000))] });
  assert.deepEqual(
    replies.map(({ message }) => message),
    [
      { kind: 'refused', requestId: 11, why: 'busy', leaderNodeId: 9, term: 4 },
      { kind: 'unknown', requestId: 12 },
    ],
  );
});

test('a refusal says who leads; an unknown outcome says just that', () => {
  const { forwarder, requests, replies } = serving();
  forwarder.onRequest(5, encodeRequest(REQUEST));
  forwarder.onRequest(5, encodeRequest({ ...REQUEST, requestId: 12 }));
  requests[0]!.request.done({ kind: 'refused', why: 'notLeader' });
  requests[1]!.request.done({ kind: 'unknown' });
  assert.deepEqual(
    replies.map(({ message }) => message),
    [
      { kind: 'refused', requestId: 11, why: 'notLeader', leaderNodeId: 9, term: 4 },
      { kind: 'unknown', requestId: 12 },
    ],
  );
});

test('the question who leads is answered from the own replica', () => {
  const { forwarder, replies } = serving();
  forwarder.onRequest(5, encodeRequest({ kind: 'leader', requestId: 1, groupId: 7 }));
  assert.deepEqual(replies, [{ to: 5, message: { kind: 'leader', requestId: 1, leaderNodeId: 9, term: 4 } }]);
});

test('the question of a member is answered from the own replica; the answer goes to who asked, once', async () => {
  const { forwarder, replies } = serving();
  const question = { kind: 'standing', requestId: 1, groupId: 7, memberId: 4294967298, term: 3 } as const;
  forwarder.onRequest(5, encodeRequest(question));
  forwarder.onRequest(5, encodeRequest({ ...question, requestId: 2, memberId: 2 }));
  assert.deepEqual(
    replies.map(({ message }) => message),
    [
      { kind: 'standing', requestId: 1, verdict: 'removed', term: 4 },
      { kind: 'standing', requestId: 2, verdict: 'unknown', term: 4 },
    ],
  );
  const clock = new VirtualClock();
  const asked: Buffer[] = [];
  const send = (_to: number, _lane: string, bytes: Buffer): boolean => asked.push(bytes) > 0;
  const asking = new Forwarder(clock.env(1).env, { send }, {} as LocalSlots);
  const heard: string[] = [];
  for (const term of [4, 5]) {
    asking.askStanding(
      2,
      7,
      9,
      1,
      ({ verdict, term: of }) => void heard.push(`${term}: ${verdict} in ${of}`),
    );
    const { requestId } = decodeRequest(asked.at(-1)!);
    const answer = encodeReplyMessage({ kind: 'standing', requestId, verdict: 'removed', term });
    if (term === 5) await clock.pass(1000);
    asking.onReply(answer);
    asking.onReply(answer);
  }
  assert.deepEqual(heard, ['4: removed in 4'], 'too late is not at all');
});

test('a reply to nothing, a late one and a second one change nothing; a torn one is malformed', () => {
  const fleet = new Fleet();
  fleet.leads(2, 1);
  fleet.ask('write', 'w');
  const [sent] = fleet.sent;
  const { requestId } = sent!.request;
  fleet.forwarder.onReply(encodeReplyMessage({ kind: 'unknown', requestId: requestId + 99 }));
  assert.throws(
    () =>
      fleet.forwarder.onReply(
        encodeReplyMessage({ kind: 'done', requestId, replies: [Buffer.from('$5\r\nab')] }),
      ),
    FormatError,
  );
  assert.deepEqual(fleet.answers, []);
  fleet.done(sent!);
  fleet.done(sent!);
  fleet.down(2);
  assert.deepEqual(fleet.answers, ['w -> ok']);
});
