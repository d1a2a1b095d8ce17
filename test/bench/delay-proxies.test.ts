/** The slow network of the bench: late by what was asked for, in order, nothing lost; and an end is an end. */
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Child } from '../../bench/peers/child.js';
import { freePorts } from '../../jepsen-style/ports.js';

const PROXIES = fileURLToPath(new URL('../../bench/delay-proxies.js', import.meta.url));
const DELAY_MS = 40;

/** A server that echoes, and the port of a proxy before it. */
async function delayedEcho(context: TestContext, delayMs: number): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: target } = server.address() as { port: number };
  const port = await freePorts([0]);
  const args = [PROXIES, JSON.stringify([{ port, target, delayMs }])];
  const proxies = await Child.start(process.execPath, args, (said) => said.includes('ready'));
  context.after(async () => {
    await proxies.stop();
    server.close();
  });
  return port;
}

function dial(context: TestContext, port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  context.after(() => socket.destroy());
  return socket;
}

for (const delayMs of [0, DELAY_MS]) {
  test(`a megabyte comes back as it was sent, ${delayMs} ms each way`, async (context) => {
    const socket = dial(context, await delayedEcho(context, delayMs));
    const sent = Buffer.from(Array.from({ length: 1 << 20 }, (_, at) => (at * 31) & 0xff));
    const startMs = performance.now();
    socket.end(sent);
    assert.ok((await buffer(socket)).equals(sent));
    assert.ok(performance.now() - startMs >= 2 * delayMs);
  });
}

test('a proxy whose target is not there breaks the connection', async (context) => {
  const [port, target] = [await freePorts([0]), await freePorts([0])];
  const args = [PROXIES, JSON.stringify([{ port, target, delayMs: DELAY_MS }])];
  const proxies = await Child.start(process.execPath, args, (said) => said.includes('ready'));
  context.after(() => proxies.stop());
  const socket = dial(context, port);
  const why = await new Promise<Error | undefined>((resolve) => {
    socket.on('error', resolve).on('end', () => resolve(undefined));
  });
  assert.match(String(why), /ECONNRESET/);
});
