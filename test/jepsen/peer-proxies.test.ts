/** A reset reaches both ends of the connections it is meant for, and no others; the next attempt gets through. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { PeerProxies } from '../../jepsen-style/peer-proxies.js';
import { freePorts } from '../../jepsen-style/ports.js';

/** A server that echoes, and the ends of its connections. */
async function echo(t: TestContext) {
  const errors: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, errors };
}

async function say(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

test('a reset breaks the connections to one node and leaves the others', async (t) => {
  const [first, second] = [await echo(t), await echo(t)];
  const port = await freePorts([0, 1]);
  const proxies = await PeerProxies.start([
    { port, target: first.port },
    { port: port + 1, target: second.port },
  ]);
  t.after(() => proxies.close());
  const one = connect(port, '127.0.0.1');
  const other = connect(port + 1, '127.0.0.1');
  assert.equal(await say(one, 'a'), 'a');
  assert.equal(await say(other, 'b'), 'b');
  const broken = once(one, 'error') as Promise<[NodeJS.ErrnoException]>;
  proxies.reset([1]);
  assert.equal((await broken)[0].code, 'ECONNRESET');
  assert.equal(proxies.resetCount, 1);
  assert.equal(await say(other, 'c'), 'c');
  const again = connect(port, '127.0.0.1');
  assert.equal(await say(again, 'd'), 'd');
  assert.deepEqual([first.errors, second.errors], [['ECONNRESET'], []]);
  for (const socket of [other, again]) socket.destroy();
});

test('a node that is down looks down', async (t) => {
  const port = await freePorts([0, 1]);
  const proxies = await PeerProxies.start([{ port, target: port + 1 }]);
  t.after(() => proxies.close());
  const socket = connect(port, '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
});
