/** Raft messages on their way out: each on its lane, in order, one letter a turn, cut where it gets long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../../src/node/outbox.js';
import type { Message } from '../../src/raft/message.js';
import { createCodec } from '../../src/rpc/codec.js';
import { decodeEntries, encodeEntries } from '../../src/storage/binlog-record.js';

const codec = createCodec({ encodeEntries, decodeEntries });

function sending(): { outbox: Outbox; letters: string[] } {
  const letters: string[] = [];
  const send = (to: number, lane: string, bytes: Buffer): boolean => {
    const frames = codec.decodeFrames(bytes).map(({ groupId, message }) => `${groupId}:${message.kind}`);
    letters.push(`${to} ${lane} ${frames.join(' ')}`);
    return true;
  };
  const transport = { send, setPeers: () => {}, close: async () => {}, handlers: undefined as never };
  return { outbox: new Outbox(transport, codec), letters };
}

const envelope = { from: 1, to: 2, term: 3 };
const heartbeat: Message = {
  ...envelope,
  kind: 'heartbeat',
  commit: 1,
  readRound: 0,
  sentAtMs: 5,
  sleep: false,
};
const reply: Message = {
  ...envelope,
  kind: 'appendReply',
  index: 1,
  rejected: false,
  hintIndex: 0,
  hintTerm: 0,
};

function append(bytes: number): Message {
  const entries = [{ index: 1, term: 3, kind: 'command' as const, data: Buffer.alloc(bytes) }];
  return { ...envelope, kind: 'append', previousIndex: 0, previousTerm: 0, commit: 0, entries };
}

test('a turn becomes one letter a node and lane, in the order of the messages; what a client waits for leaves first', () => {
  const { outbox, letters } = sending();
  outbox.post(2, 7, append(10));
  outbox.post(2, 8, heartbeat);
  outbox.post(2, 8, append(10));
  outbox.post(3, 7, append(10));
  outbox.post(2, 7, reply);
  assert.deepEqual(letters, []);
  outbox.flush();
  assert.deepEqual(letters, [
    '2 sync 7:append 8:append',
    '2 ack 7:appendReply',
    '2 control 8:heartbeat',
    '3 sync 7:append',
  ]);
  outbox.flush();
  assert.equal(letters.length, 4);
});

test('bulk leaves in pieces, so that slots take turns', () => {
  const { outbox, letters } = sending();
  for (const groupId of [7, 8]) outbox.post(2, groupId, append(300_000));
  assert.deepEqual(letters, ['2 sync 7:append', '2 sync 8:append']);
});
