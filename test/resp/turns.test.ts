/** What one turn of the event loop takes up is bounded for all clients together, and shared. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, type RequestHandler } from '../../src/resp/connection.js';
import { DEFAULT_CONNECTION_LIMITS } from '../../src/resp/limits.js';
import { OK } from '../../src/resp/reply.js';
import { Turns } from '../../src/resp/turns.js';
import { FakeStream } from './fake-stream.js';

const CLIENTS = 10;
const A_TURN = 25;

/** Ten clients on turns of 25 requests; `taken` counts each one's requests, `oneTurn` answers how many the turn took up. */
function clients(): { connections: Connection[]; taken: number[]; oneTurn: () => number } {
  const deferred: (() => void)[] = [];
  const turns = new Turns((run) => void deferred.push(run), A_TURN);
  const taken: number[] = new Array(CLIENTS).fill(0);
  const all = (): number => taken.reduce((sum, one) => sum + one, 0);
  const connections = taken.map((_, id) => {
    const handler: RequestHandler = {
      execute: (_argv, answer) => {
        taken[id]!++;
        answer(OK);
        return 'go';
      },
      closed: () => {},
    };
    const options = {
      id,
      remoteAddress: 'a:1',
      localAddress: 'b:2',
      limits: DEFAULT_CONNECTION_LIMITS,
      turns,
    };
    return new Connection(new FakeStream(), options, () => handler);
  });
  const oneTurn = (): number => {
    const before = all();
    for (const run of deferred.splice(0)) run();
    return all() - before;
  };
  return { connections, taken, oneTurn };
}

const requests = (count: number): Buffer => Buffer.from('PING\n'.repeat(count));

test('what all clients together sent is taken up in turns of bounded size, and all of it', () => {
  const { connections, taken, oneTurn } = clients();
  for (const one of connections) one.received(requests(16));
  assert.equal(
    taken.reduce((sum, one) => sum + one, 0),
    A_TURN,
    'before the first turn',
  );
  for (let count = oneTurn(); count > 0; count = oneTurn()) assert.ok(count <= A_TURN);
  assert.deepEqual(
    taken,
    taken.map(() => 16),
  );
});

test('clients whose pipelines never end keep nobody waiting for more than a turn of each', () => {
  const { connections, taken, oneTurn } = clients();
  for (const [id, one] of connections.entries()) one.received(requests(id < 3 ? 1000 : 1));
  assert.deepEqual(taken.slice(0, 3), [A_TURN, 0, 0], 'the first took up all that a turn allows');
  for (let turn = 0; turn < 3; turn++) oneTurn();
  assert.deepEqual(
    taken.slice(3),
    taken.slice(3).map(() => 1),
  );
  assert.ok(
    taken.slice(0, 3).every((count) => count >= A_TURN),
    taken.join(),
  );
});

test('an answer that comes later leaves when the callback that brought it returns, and what was held up behind it goes on', () => {
  const deferred: (() => void)[] = [];
  const atItsEnd: (() => void)[] = [];
  const turns = new Turns(
    (run) => void deferred.push(run),
    A_TURN,
    (run) => void atItsEnd.push(run),
  );
  const answers: (() => void)[] = [];
  const stream = new FakeStream();
  const handler: RequestHandler = {
    execute: (_argv, answer) => {
      answers.push(() => answer(OK));
      return 'go';
    },
    closed: () => {},
  };
  const limits = { ...DEFAULT_CONNECTION_LIMITS, requestsInFlightMax: 2 };
  const options = { id: 1, remoteAddress: 'a:1', localAddress: 'b:2', limits, turns };
  const connection = new Connection(stream, options, () => handler);
  const end = (queue: (() => void)[]): void => {
    for (const run of queue.splice(0)) run();
  };
  connection.received(requests(1));
  answers.shift()!();
  end(atItsEnd);
  assert.equal(connection.requestsInFlight, 0, 'sent without a turn');
  assert.equal(deferred.length, 0);
  connection.received(requests(3));
  assert.equal(answers.length, 2);
  answers.shift()!();
  end(atItsEnd);
  end(deferred);
  assert.equal(answers.length, 2, 'the third is taken up in place of the first');
});
