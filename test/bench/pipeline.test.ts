/**
 * The measuring client must not lose count of replies: every figure rests on which reply belongs to which command.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command, ReplyScanner } from '../../bench/pipeline.js';

const STREAM = Buffer.from(
  '+OK\r\n-ERR no\r\n:42\r\n$5\r\nab\r\nc\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n$2\r\n\r\n\r\n+END\r\n',
);
const REPLIES = ['', 'ERR no', '', '', '', '', '', '', '', ''];

function repliesOf(chunks: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const scanner = new ReplyScanner((error) => seen.push(error));
  for (const chunk of chunks) scanner.push(chunk);
  return seen;
}

test('replies are counted alike however the stream is cut', () => {
  assert.deepEqual(repliesOf([STREAM]), REPLIES);
  for (let at = 1; at < STREAM.length; at++) {
    assert.deepEqual(repliesOf([STREAM.subarray(0, at), STREAM.subarray(at)]), REPLIES, `cut at ${at}`);
  }
  assert.deepEqual(repliesOf([...STREAM].map((byte) => Buffer.from([byte]))), REPLIES);
});

test('a command is one array of bulks', () => {
  assert.equal(String(command('SET', 'k', Buffer.from('v'))), '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n');
  assert.equal(
    String(command('ZADD', 'z', 1.5, 'é')),
    '*4\r\n$4\r\nZADD\r\n$1\r\nz\r\n$3\r\n1.5\r\n$2\r\né\r\n',
  );
});
