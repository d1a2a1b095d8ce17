/** The listening end on real loopback sockets. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import type { Connection, RequestHandler } from '../../src/resp/connection.js';
import { type ConnectionLimits, DEFAULT_CONNECTION_LIMITS } from '../../src/resp/limits.js';
import { bulk, OK, type Reply, simple } from '../../src/resp/reply.js';
import { RespServer, type RespServerOptions } from '../../src/resp/server.js';
import { Client, eventually, realEnv } from './real-world.js';

interface World {
  readonly server: RespServer;
  readonly late: ((reply: Reply) => void)[];
  readonly closings: { count: number };
}

/** PING, ECHO x, BIG n, LATER (answered by hand), QUIT. */
function handler(connection: Connection, world: Pick<World, 'late' | 'closings'>): RequestHandler {
  return {
    execute: (argv, answer) => {
      const name = argv[0]!.toString().toUpperCase();
      if (name === 'QUIT') connection.closeAfterReplies();
      if (name === 'LATER') world.late.push(answer);
      else if (name === 'ECHO') answer(bulk(argv[1]!));
      else if (name === 'BIG') answer(bulk(Buffer.alloc(Number(argv[1]), 'x')));
      else answer(name === 'PING' ? simple('PONG') : OK);
      return 'go';
    },
    closed: () => {
      world.closings.count += 1;
    },
  };
}

async function start(
  t: TestContext,
  changes: Partial<RespServerOptions> & { limits?: ConnectionLimits } = {},
): Promise<World> {
  const late: ((reply: Reply) => void)[] = [];
  const closings = { count: 0 };
  let connections = 0;
  const server = new RespServer({
    host: '127.0.0.1',
    port: 0,
    maxClients: 100,
    limits: DEFAULT_CONNECTION_LIMITS,
    env: realEnv,
    nextConnectionId: () => ++connections,
    open: (connection) => handler(connection, { late, closings }),
    ...changes,
  });
  await server.listen();
  t.after(() => server.stop(0));
  return { server, late, closings };
}

test('a pipeline over a socket is answered in order, and counted', async (t) => {
  const { server } = await start(t);
  const client = await Client.connect(server.port);
  const count = 5_000;
  client.send(Array.from({ length: count }, (_, at) => `ECHO ${at}\r\n`).join(''));
  const expected = Array.from({ length: count }, (_, at) => `$${String(at).length}\r\n${at}\r\n`).join('');
  await client.until((one) => one.received.length >= expected.length);
  assert.equal(client.received, expected);
  const counters = server.counters();
  assert.equal(counters.requests, count);
  assert.equal(counters.bytesSent, expected.length);
  assert.equal(counters.connectionsAccepted, 1);
  const [connection] = [...server.connections()];
  assert.equal(connection!.remoteAddress, `127.0.0.1:${client.socket.localPort}`);
  assert.equal(connection!.localAddress, `127.0.0.1:${server.port}`);
  client.destroy();
});

test('counters keep what closed connections counted', async (t) => {
  const { server } = await start(t);
  const client = await Client.connect(server.port);
  client.send('QUIT\r\n');
  assert.equal(await client.all(), '+OK\r\n');
  const other = await Client.connect(server.port);
  other.send('PING\r\n');
  await other.until((one) => one.received.length > 0);
  assert.equal(server.counters().requests, 2);
  assert.equal(server.connectionCount, 1);
  other.destroy();
});

test('a client that shuts its sending side is answered, then closed', async (t) => {
  const { server, late } = await start(t);
  const client = await Client.connect(server.port, true);
  client.socket.end(Buffer.from('LATER\r\nPING\r\n'));
  await eventually(() => late.length > 0);
  late[0]!(simple('after all'));
  assert.equal(await client.until((one) => one.received.endsWith('PONG\r\n')), '+after all\r\n+PONG\r\n');
  await client.all();
});

test('a client too many is told so; a place that is freed can be taken', async (t) => {
  const { server } = await start(t, { maxClients: 2 });
  const first = await Client.connect(server.port);
  const second = await Client.connect(server.port);
  for (const one of [first, second]) one.send('PING\r\n');
  for (const one of [first, second]) await one.until(() => one.received !== '');
  const third = await Client.connect(server.port);
  third.send('PING\r\n');
  assert.equal(await third.all(), '-ERR max number of clients reached\r\n');
  assert.equal(server.counters().connectionsRejected, 1);
  first.send('QUIT\r\n');
  await first.all();
  await eventually(() => server.connectionCount <= 1);
  const fourth = await Client.connect(server.port);
  fourth.send('PING\r\n');
  assert.equal(await fourth.until((one) => one.received !== ''), '+PONG\r\n');
  for (const one of [second, fourth]) one.destroy();
});

test('a port in use, and an address that is not ours, are named in one line', async (t) => {
  const { server } = await start(t);
  await assert.rejects(start(t, { port: server.port }), {
    message: `cannot listen on 127.0.0.1:${server.port}: the address is already in use (EADDRINUSE)`,
  });
  await assert.rejects(start(t, { host: '192.0.2.1' }), {
    message: 'cannot listen on 192.0.2.1:0: this machine has no such address (EADDRNOTAVAIL)',
  });
});

test('a protocol error reaches a client that is still sending', async (t) => {
  const { server } = await start(t);
  const client = await Client.connect(server.port);
  client.send(`*1\r\n$999999999\r\n${'x'.repeat(2_000_000)}`);
  assert.equal(await client.all(), '-ERR Protocol error: invalid bulk length\r\n');
});

test('large replies go to a slow reader whole', async (t) => {
  const { server } = await start(t, { limits: { ...DEFAULT_CONNECTION_LIMITS, replyBytesSoft: 100_000 } });
  const client = await Client.connect(server.port);
  client.socket.pause();
  client.send('BIG 1000000\r\n'.repeat(30));
  await eventually(() => server.counters().requests > 0);
  client.socket.resume();
  const expected = 30 * '$1000000\r\n\r\n'.length + 30 * 1_000_000;
  await client.until((one) => one.received.length >= expected);
  assert.equal(client.received.length, expected);
  client.destroy();
});

test('a bound below what the socket itself buffers stalls nothing', async (t) => {
  const { server } = await start(t, { limits: { ...DEFAULT_CONNECTION_LIMITS, replyBytesSoft: 10 } });
  const client = await Client.connect(server.port);
  client.send('BIG 1000\r\n'.repeat(500));
  const expected = 500 * '$1000\r\n\r\n'.length + 500 * 1_000;
  await client.until((one) => one.received.length >= expected);
  assert.equal(client.received.length, expected);
  client.destroy();
});

test('a client that never reads is cut, the others go on', async (t) => {
  const { server, late, closings } = await start(t, {
    limits: { ...DEFAULT_CONNECTION_LIMITS, replyBytesFirst: 1, replyBytesMax: 5_000_000 },
  });
  const deaf = await Client.connect(server.port);
  const other = await Client.connect(server.port);
  deaf.socket.pause();
  deaf.send('LATER\r\n'.repeat(100));
  await eventually(() => late.length === 100);
  for (const answer of late) answer(bulk(Buffer.alloc(1_000_000)));
  other.send('PING\r\n');
  assert.equal(await other.until((one) => one.received !== ''), '+PONG\r\n');
  assert.equal(closings.count, 1);
  deaf.socket.resume();
  await deaf.all();
  other.destroy();
});

test('stop answers what was taken up, closes, and accepts nobody new', async (t) => {
  const { server, late, closings } = await start(t);
  const port = server.port;
  const idle = await Client.connect(port);
  const busy = await Client.connect(port);
  busy.send('LATER\r\n');
  await eventually(() => late.length > 0);
  const stopped = server.stop(10_000);
  await assert.rejects(Client.connect(port));
  assert.equal(await idle.all(), '');
  late[0]!(simple('done'));
  assert.equal(await busy.all(), '+done\r\n');
  await stopped;
  assert.equal(server.connectionCount, 0);
  assert.equal(closings.count, 2);
});

test('stop cuts what does not end by itself', async (t) => {
  const { server, late } = await start(t);
  const client = await Client.connect(server.port);
  client.send('LATER\r\n');
  await eventually(() => late.length > 0);
  await server.stop(20);
  assert.equal(await client.all(), '');
});

test('five hundred idle connections stay, and cost no work', async (t) => {
  const { server, closings } = await start(t, { maxClients: 1_000 });
  const clients = await Promise.all(Array.from({ length: 500 }, () => Client.connect(server.port)));
  const last = clients.at(-1)!;
  last.send('PING\r\n');
  assert.equal(await last.until((one) => one.received !== ''), '+PONG\r\n');
  assert.equal(server.connectionCount, 500);
  for (const client of clients) client.destroy();
  await eventually(() => server.connectionCount === 0);
  assert.equal(closings.count, 500);
});

function certificate(t: TestContext): { key: Buffer; cert: Buffer } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'talus-resp-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    );
  } catch {
    return undefined;
  }
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

test('TLS: served, counted, half-closed, refused when full', async (t) => {
  const secrets = certificate(t);
  if (secrets === undefined) return t.skip('openssl is not installed');
  const { server, closings } = await start(t, { tls: secrets, maxClients: 1 });
  const options = { host: '127.0.0.1', port: server.port, rejectUnauthorized: false, allowHalfOpen: true };
  const connect = (): Client => new Client(tls.connect(options));
  const client = connect();
  client.send('PING\r\n');
  assert.equal(await client.until((one) => one.received !== ''), '+PONG\r\n');
  const refused = connect();
  assert.equal(await refused.all(), '');
  assert.equal(server.counters().connectionsRejected, 1);
  client.socket.end(Buffer.from('ECHO bye\r\n'));
  assert.equal(await client.all(), '+PONG\r\n$3\r\nbye\r\n');
  await eventually(() => server.connectionCount === 0);
  assert.equal(closings.count, 1);
  const again = connect();
  again.send('PING\r\n');
  assert.equal(await again.until((one) => one.received !== ''), '+PONG\r\n');
  again.destroy();
});

test('a plain client on a TLS port harms nobody', async (t) => {
  const secrets = certificate(t);
  if (secrets === undefined) return t.skip('openssl is not installed');
  const { server } = await start(t, { tls: secrets, maxClients: 1 });
  const lost = await Client.connect(server.port);
  lost.send('PING\r\n');
  await lost.all();
  const client = new Client(tls.connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false }));
  client.send('PING\r\n');
  assert.equal(await client.until((one) => one.received !== ''), '+PONG\r\n');
  client.destroy();
});
