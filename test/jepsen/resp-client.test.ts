/** Every way in which a command can end, told apart: the harness rests on it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { encodeCommand, RespClient } from '../../jepsen-style/resp-client.js';
import { RespParser, RespProtocolError } from '../../jepsen-style/resp-parser.js';

async function clientOf(t: TestContext, onData: (socket: Socket, text: string) => void, timeoutMs = 5000) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => onData(socket, chunk.toString()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = await RespClient.connect({ host: '127.0.0.1', port }, timeoutMs);
  t.after(() => {
    client.close();
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return client;
}

test('replies come back in the order of a pipeline, however they are cut', async (t) => {
  const replies = '+OK\r\n$5\r\nh\u00e9\r\n\r\n:-7\r\n$-1\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n';
  for (let cut = 1; cut < Buffer.byteLength(replies); cut++) {
    const parser = new RespParser();
    const bytes = Buffer.from(replies);
    const found: unknown[] = [];
    for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      parser.push(part);
      for (let next = parser.next(); next; next = parser.next()) found.push(next);
    }
    assert.equal(found.length, 5, `cut at ${cut}`);
    assert.deepEqual(found[1], { kind: 'bulk', text: 'h\u00e9\r\n' });
  }
  const client = await clientOf(t, (socket) => socket.write(replies));
  const outcomes = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => client.call('GET', key)));
  assert.deepEqual(outcomes[2], { kind: 'ok', reply: { kind: 'integer', value: -7 } });
  assert.deepEqual(outcomes[3], { kind: 'ok', reply: { kind: 'null' } });
});

test('commands leave as bulk strings counted in bytes', () => {
  assert.equal(encodeCommand(['SET', 'k', 'h\u00e9']), '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nh\u00e9\r\n');
});

test('an error reply is a definite failure, -UNCERTAIN is not', async (t) => {
  const client = await clientOf(t, (socket) =>
    socket.write('-MOVED 1 127.0.0.1:7\r\n-UNCERTAIN leader lost\r\n'),
  );
  const [moved, uncertain] = await Promise.all([client.call('SET', 'a', '1'), client.call('SET', 'a', '2')]);
  assert.deepEqual(moved, { kind: 'fail', error: 'MOVED 1 127.0.0.1:7' });
  assert.deepEqual(uncertain, { kind: 'unknown', error: 'UNCERTAIN leader lost' });
  assert.ok(client.isOpen);
});

test('what was sent when the stream ended or was reset is unknown', async (t) => {
  for (const end of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
    const client = await clientOf(t, (socket) => end(socket));
    const outcomes = await Promise.all([client.call('INCR', 'a'), client.call('INCR', 'a')]);
    assert.deepEqual(new Set(outcomes.map((outcome) => outcome.kind)), new Set(['unknown']));
    assert.equal((await client.call('INCR', 'a')).kind, 'fail');
  }
});

test('a time-out is unknown, ends the connection, and a late reply is nobody else\u2019s', async (t) => {
  const client = await clientOf(t, () => {}, 30);
  assert.deepEqual(await client.call('GET', 'a'), { kind: 'unknown', error: 'timeout' });
  assert.equal(client.isOpen, false);
});

test('what never left is a definite failure', async (t) => {
  const client = await clientOf(t, () => {});
  const call = client.call('SET', 'a', '1');
  client.close();
  assert.equal((await call).kind, 'fail');
});

test('a refused connection is told at once', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  await assert.rejects(RespClient.connect({ host: '127.0.0.1', port }, 1000), /ECONNREFUSED/);
});

test('garbage makes everything under way unknown and is named', async (t) => {
  const client = await clientOf(t, (socket) => socket.write('hello\r\n'));
  const outcome = await client.call('GET', 'a');
  assert.ok(outcome.kind === 'unknown' && outcome.error.startsWith('protocol: '));
  for (const bad of ['$3\r\nabcd\r\n', ':1x\r\n', '*99999999999\r\n', '$\r\n', '+a\rb\r\n']) {
    const parser = new RespParser();
    parser.push(Buffer.from(bad));
    assert.throws(() => parser.next(), RespProtocolError, bad);
  }
});

test('more replies than commands are garbage too', async (t) => {
  const client = await clientOf(t, (socket) => socket.write('+OK\r\n+OK\r\n'));
  assert.equal((await client.call('SET', 'a', '1')).kind, 'ok');
  assert.equal(client.isOpen, false);
});
