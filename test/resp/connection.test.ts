/** One client's stream: order, holds, back-pressure, fairness, and the ways in which it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/random.js';
import { array, bulk, integer, map, NULL, OK, simple } from '../../src/resp/reply.js';
import { bench, echo } from './fake-stream.js';

const PING = '*1\r\n$4\r\nPING\r\n';
const repeat = (count: number): string => PING.repeat(count);

test('answers that come out of order leave in the order of the requests', () => {
  const { stream, asked, send, settle } = bench();
  send('a\nb\nc\n');
  asked[2]!.answer(integer(3));
  asked[1]!.answer(integer(2));
  settle();
  assert.equal(stream.text, '');
  asked[0]!.answer(integer(1));
  settle();
  assert.equal(stream.text, ':1\r\n:2\r\n:3\r\n');
});

test('any order of answers over many requests gives the same bytes', () => {
  const random = seededRandom(5);
  for (let round = 0; round < 20; round++) {
    const { stream, asked, send, settle } = bench();
    const unanswered: number[] = [];
    let seen = 0;
    for (let number = 0; number < 1_500; number++) {
      send(`${number}\n`);
      if (random.below(10) === 0) settle();
      while (seen < asked.length) unanswered.push(seen++);
      if (unanswered.length === 0 || random.below(3) === 0) continue;
      const [one] = unanswered.splice(random.below(unanswered.length), 1);
      asked[one!]!.answer(integer(one!));
    }
    while (seen < 1_500 || unanswered.length > 0) {
      settle();
      while (seen < asked.length) unanswered.push(seen++);
      for (const one of unanswered.splice(0)) asked[one]!.answer(integer(one));
    }
    settle();
    assert.equal(stream.text, Array.from({ length: 1_500 }, (_, at) => `:${at}\r\n`).join(''));
  }
});

test('answers of one turn leave in one write', () => {
  const { stream, asked, send, settle } = bench();
  send(repeat(50));
  for (const { answer } of asked) answer(OK);
  settle();
  assert.equal(stream.writes.length, 1);
  assert.equal(stream.text, '+OK\r\n'.repeat(50));
});

test('a request answered with nothing leaves no bytes and keeps the order', () => {
  const { stream, asked, send, settle } = bench();
  send('a\nb\nc\n');
  asked[0]!.answer(integer(1));
  asked[1]!.answer(undefined);
  asked[2]!.answer(integer(3));
  settle();
  assert.equal(stream.text, ':1\r\n:3\r\n');
});

test('nothing behind a hold is parsed before its answer, and then by the new rules', () => {
  const wide = `*12\r\n${'$1\r\nx\r\n'.repeat(12)}`;
  const { stream, connection, asked, send, settle } = bench();
  connection.authenticated = false;
  send(`hold\n${wide}`);
  settle();
  assert.equal(asked.length, 1);
  connection.authenticated = true;
  asked[0]!.answer(OK);
  settle();
  assert.equal(asked.length, 2);
  asked[1]!.answer(OK);
  settle();
  assert.equal(stream.text, '+OK\r\n+OK\r\n');
});

test('a hold that is answered at once holds nothing up', () => {
  const { stream, send, settle } = bench({}, ({ argv, answer }) => {
    answer(bulk(argv[0]!));
    return 'hold';
  });
  send('a\nb\n');
  settle();
  assert.equal(stream.text, '$1\r\na\r\n$1\r\nb\r\n');
});

test('a change of protocol governs its own reply and later ones, never an earlier one', () => {
  const { stream, connection, asked, send, settle } = bench();
  send('a\nhold\nb\n');
  connection.protocol = 3;
  asked[1]!.answer(map([[bulk('proto'), integer(3)]]));
  asked[0]!.answer(NULL);
  settle();
  asked[2]!.answer(NULL);
  settle();
  assert.equal(stream.text, '$-1\r\n%1\r\n$5\r\nproto\r\n:3\r\n_\r\n');
});

test('a change of protocol inside execute governs that reply too', () => {
  const { stream, send, settle } = bench({}, ({ argv, answer }, connection) => {
    if (argv[0] === 'HELLO') connection.protocol = 3;
    answer(NULL);
    return 'hold';
  });
  send('x\nHELLO\nx\n');
  settle();
  assert.equal(stream.text, '$-1\r\n_\r\n_\r\n');
});

test('a thousand pipelined requests in one chunk are taken up in shares, and all answered', () => {
  const { stream, asked, oneTurn, send } = bench({ requestsPerTurnMax: 100 }, echo);
  send(repeat(1_000));
  assert.equal(asked.length, 100);
  assert.ok(oneTurn());
  assert.equal(asked.length, 200);
  while (oneTurn());
  assert.equal(asked.length, 1_000);
  assert.equal(stream.text, '$4\r\nPING\r\n'.repeat(1_000));
});

test('no more requests are in flight than allowed, and reading pauses meanwhile', () => {
  const { stream, connection, asked, send, settle } = bench({ requestsInFlightMax: 10 });
  send(repeat(25));
  settle();
  assert.equal(asked.length, 10);
  send(repeat(5));
  assert.equal(stream.paused, true);
  for (let at = 0; at < 30; at++) {
    asked[at]!.answer(OK);
    settle();
    assert.ok(connection.requestsInFlight <= 10);
  }
  assert.equal(asked.length, 30);
  assert.equal(stream.paused, false);
  assert.equal(stream.text, '+OK\r\n'.repeat(30));
});

test('a client that does not read gets no more requests taken up until it does', () => {
  const { stream, asked, send, settle, clientReads } = bench({ replyBytesSoft: 1_000 }, ({ answer }) => {
    answer(bulk('x'.repeat(300)));
    return 'go';
  });
  stream.holding = true;
  send(repeat(20));
  settle();
  const first = asked.length;
  assert.ok(first < 20, `${first} taken up`);
  send(repeat(1));
  settle();
  assert.equal(stream.paused, true);
  assert.equal(asked.length, first);
  while (asked.length < 21) {
    const before = asked.length;
    clientReads();
    settle();
    assert.ok(asked.length > before, 'reading lets requests through');
  }
  clientReads();
  settle();
  assert.equal(stream.paused, false);
  assert.equal(stream.text, `$300\r\n${'x'.repeat(300)}\r\n`.repeat(21));
});

test('what may be asked at once follows the size of what was answered, large or small, and one is always taken up', () => {
  const { asked, send, settle } = bench({
    replyBytesExpectedMax: 10_000,
    replyBytesFirst: 1_000,
    replyBytesSoft: 1_000_000,
  });
  let answered = 0;
  const answerAll = (bytes: number): number => {
    const upTo = asked.length;
    for (; answered < upTo; answered++) asked[answered]!.answer(bulk('x'.repeat(bytes)));
    settle();
    return asked.length - upTo;
  };
  send(repeat(1_000));
  settle();
  assert.equal(asked.length, 11, 'nothing is known yet: ten and the one beside them');
  assert.equal(answerAll(50_000), 1);
  assert.equal(answerAll(50_000), 1);
  while (asked.length < 100) answerAll(1);
  assert.ok(answerAll(1) > 100, 'small ones go by the hundred again');
});

test('a client that never reads is cut when too much waits for it', () => {
  const { stream, connection, asked, closings, send, settle } = bench({
    replyBytesSoft: 1_000,
    replyBytesMax: 10_000,
  });
  stream.holding = true;
  send(repeat(20));
  for (const { answer } of asked) {
    answer(bulk('x'.repeat(900)));
    settle();
    assert.ok(connection.unsentBytes <= 10_000);
  }
  assert.equal(stream.destroyed, true);
  assert.equal(closings.count, 1);
});

test('replies that wait behind a slow one count as well', () => {
  const { stream, asked, send } = bench({ replyBytesMax: 10_000 });
  send(repeat(20));
  for (const { answer } of asked.slice(1)) answer(bulk('x'.repeat(900)));
  assert.equal(stream.destroyed, true);
  assert.equal(stream.text, '');
});

test('quit: what came before is answered, what came after is not taken up, then it ends', () => {
  const { stream, asked, closings, send, settle } = bench({}, ({ argv, answer }, connection) => {
    if (argv[0] !== 'QUIT') return 'go';
    connection.closeAfterReplies();
    answer(OK);
    return 'go';
  });
  send('slow\nQUIT\nlate\n');
  settle();
  assert.equal(asked.length, 2);
  assert.equal(stream.ended, false);
  asked[0]!.answer(integer(1));
  settle();
  assert.equal(stream.text, ':1\r\n+OK\r\n');
  assert.equal(stream.ended, true);
  assert.equal(closings.count, 1);
  send('later\n');
  settle();
  assert.equal(asked.length, 2);
});

test('a connection with nothing in flight closes at once when told to', () => {
  const { stream, connection, closings, settle } = bench();
  connection.closeAfterReplies();
  settle();
  assert.equal(stream.ended, true);
  assert.equal(closings.count, 1);
});

test('a protocol error is told after the earlier replies, then it ends', () => {
  const { stream, asked, send, settle } = bench();
  send('slow\n*1\r\nPING\r\n');
  settle();
  assert.equal(stream.text, '');
  asked[0]!.answer(simple('done'));
  settle();
  assert.equal(stream.text, "+done\r\n-ERR Protocol error: expected '$', got 'P'\r\n");
  assert.equal(stream.ended, true);
});

test('HTTP is cut off without a word', () => {
  const { stream, asked, closings, send, settle } = bench();
  send('POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a b\r\n');
  settle();
  assert.deepEqual([stream.destroyed, stream.text, asked.length, closings.count], [true, '', 0, 1]);
});

test('a client that shut its sending side gets its answers first', () => {
  const { stream, connection, asked, send, settle } = bench({ requestsPerTurnMax: 2 });
  send('a\nb\nc\nunfinished');
  connection.ended();
  settle();
  assert.equal(asked.length, 3);
  assert.equal(stream.ended, false);
  for (const { answer } of asked) answer(OK);
  settle();
  assert.equal(stream.text, '+OK\r\n+OK\r\n+OK\r\n');
  assert.equal(stream.ended, true);
});

test('answers for a client that is gone are dropped', () => {
  const { stream, connection, asked, closings, send, settle } = bench();
  send('a\nb\n');
  asked[0]!.answer(array([]));
  connection.closed();
  connection.closed();
  asked[1]!.answer(OK);
  settle();
  assert.equal(stream.text, '');
  assert.equal(closings.count, 1);
});

test('a kill ends it in the middle of a chunk', () => {
  const { stream, asked, closings, send, settle } = bench({}, ({ argv, answer }, connection) => {
    if (argv[0] === 'b') connection.kill();
    answer(OK);
    return 'go';
  });
  send('a\nb\nc\n');
  settle();
  assert.deepEqual([stream.destroyed, asked.length, closings.count], [true, 2, 1]);
});

test('answering twice is a broken invariant', () => {
  const { asked, send } = bench();
  send('a\nb\n');
  asked[1]!.answer(OK);
  assert.throws(() => asked[1]!.answer(OK), /answered twice/);
});

test('counters count', () => {
  const { connection, send, settle } = bench({}, echo);
  send(repeat(3));
  settle();
  assert.equal(connection.requests, 3);
  assert.equal(connection.bytesReceived, PING.length * 3);
  assert.equal(connection.bytesSent, '$4\r\nPING\r\n'.length * 3);
});
