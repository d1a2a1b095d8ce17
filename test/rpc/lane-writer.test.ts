/** A lane's queue: what shares a message, in which order, and what is refused. The stream is played by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Frames } from '../../src/rpc/frames.js';
import { LaneWriter } from '../../src/rpc/lane-writer.js';

function lane(messageBytesMax: number, unsentBytesMax: number, bulkBytesMax = unsentBytesMax) {
  const turn: (() => void)[] = [];
  const written: string[][] = [];
  const callbacks: ((error?: Error) => void)[] = [];
  const figures = { messages: 0, frames: 0, bytes: 0 };
  const writer = new LaneWriter({
    gather: (run) => void turn.push(run),
    sink: {
      write: (frames: Frames, callback) => {
        written.push(frames.map(String));
        callbacks.push(callback);
        return true;
      },
    },
    messageBytesMax,
    unsentBytesMax,
    bulkBytesMax,
    figures,
  });
  return {
    writer,
    figures,
    written,
    send: (...texts: string[]) => texts.map((text) => writer.send(Buffer.from(text))),
    endTurn: () => {
      for (const run of turn.splice(0)) run();
    },
    taken: (error?: Error) => callbacks.shift()!(error),
  };
}

test('what is sent within one turn shares one message', () => {
  const { send, endTurn, written } = lane(100, 1000);
  send('a', 'b');
  send('c');
  assert.deepEqual(written, []);
  endTurn();
  assert.deepEqual(written, [['a', 'b', 'c']]);
});

test('what comes while a message is on its way goes as the next one', () => {
  const { send, endTurn, taken, written } = lane(100, 10_000);
  send('a');
  endTurn();
  send('b');
  endTurn();
  send('c');
  assert.deepEqual(written, [['a']]);
  taken();
  assert.deepEqual(written, [['a'], ['b', 'c']]);
  taken();
  send('d');
  endTurn();
  assert.deepEqual(written, [['a'], ['b', 'c'], ['d']]);
});

test('a message is bounded, and a frame beyond the bound goes alone', () => {
  const { send, endTurn, taken, written, figures } = lane(4, 10_000);
  send('aa', 'bb', 'c', 'far too long', 'd');
  endTurn();
  for (let count = 0; count < 3; count++) taken();
  assert.deepEqual(written, [['aa', 'bb'], ['c'], ['far too long'], ['d']]);
  assert.deepEqual(figures, { messages: 4, frames: 5, bytes: 18 });
});

test('a full lane refuses until its reader has taken something; what was accepted is kept', () => {
  const { writer, send, endTurn, taken, written } = lane(10, 300);
  assert.deepEqual(send('1234567890', '1234567890', '1234567890', '1234567890', '1234567890'), [
    true,
    true,
    true,
    true,
    false,
  ]);
  endTurn();
  assert.deepEqual(send('x'), [false], 'on its way is not taken');
  taken();
  assert.deepEqual(send('y'), [true]);
  while (writer.unsentBytes > 0) taken();
  assert.deepEqual(written.flat().join(' '), '1234567890 1234567890 1234567890 1234567890 y');
});

test('bulk leaves room for words', () => {
  const { send, endTurn, taken, written } = lane(100_000, 100_000, 85_000);
  const large = 'x'.repeat(10_000);
  const accepted = send(...Array(10).fill(large)).filter(Boolean).length;
  assert.equal(accepted, 8);
  assert.deepEqual(send('a word', large, 'another'), [true, false, true]);
  endTurn();
  taken();
  assert.deepEqual(written.flat().slice(-2), ['a word', 'another']);
});

test('an empty lane takes one frame of any size, and empty frames are not free', () => {
  const { send } = lane(10, 300);
  assert.deepEqual(send('x'.repeat(1000), 'y'), [true, false]);
  const other = lane(10, 300);
  assert.ok(other.send(...Array(100).fill('')).includes(false));
});

test('after close nothing is written, whatever was queued or called back', () => {
  const { writer, send, endTurn, taken, written } = lane(100, 1000);
  send('a');
  endTurn();
  send('b');
  writer.close();
  taken();
  endTurn();
  assert.deepEqual(written, [['a']]);
  assert.deepEqual(send('c'), [false]);
});

test('a failed write is the last one', () => {
  const { send, endTurn, taken, written } = lane(100, 1000);
  send('a');
  endTurn();
  send('b');
  taken(new Error('broken'));
  assert.deepEqual(written, [['a']]);
});
