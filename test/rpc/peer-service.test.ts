/** The node's gRPC server: where it may listen, what it says when it can't, health, reflection, and its windows. */
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { Client } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { loadSecurity } from '../../src/rpc/credentials.js';
import { GrpcTransport } from '../../src/rpc/grpc-transport.js';
import { defaultLimits } from '../../src/rpc/limits.js';
import { type PeerServerOptions, startPeerServer } from '../../src/rpc/peer-service.js';
import { loopbackEnv } from './loopback.js';

const limit = { timeout: 20_000 };

/** A transport and its server, as a node has them. */
function start(options: Partial<PeerServerOptions> = {}) {
  const security = loadSecurity({});
  const transport = new GrpcTransport({
    env: loopbackEnv(),
    identity: { clusterId: 'test', nodeId: 1 },
    security,
  });
  return startPeerServer({ host: '127.0.0.1', port: 0, security, transport, ...options });
}

test('a port in use is one clear line', limit, async (t) => {
  const first = await start();
  t.after(() => first.close());
  await assert.rejects(start({ port: first.port }), {
    message: `the peer port: cannot listen on 127.0.0.1:${first.port}: the address is in use (EADDRINUSE)`,
  });
});

test('a closed server gives its port free', limit, async () => {
  const first = await start();
  await first.close();
  const second = await start({ port: first.port });
  assert.equal(second.port, first.port);
  await second.close();
});

test('it does not listen beyond loopback unguarded', limit, async () => {
  await assert.rejects(start({ host: '0.0.0.0' }), /the peer port.*0\.0\.0\.0/);
});

test('health says what it was told', limit, async (t) => {
  const server = await start();
  const client = new Client(`127.0.0.1:${server.port}`, loadSecurity({}).channelCredentials);
  t.after(() => {
    client.close();
    return server.close();
  });
  const check = () =>
    new Promise<string>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = healthService.Check!;
      const done = (error: Error | null, response?: object) =>
        error ? reject(error) : resolve((response as { status: string }).status);
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service: '' }, done);
    });
  assert.equal(await check(), 'SERVING');
  server.setServing(false);
  assert.equal(await check(), 'NOT_SERVING');
});

test('a server grants the windows that its limits name', limit, async (t) => {
  const server = await start();
  const session = connect(`http://127.0.0.1:${server.port}`);
  t.after(() => {
    session.destroy();
    return server.close();
  });
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  assert.equal(session.remoteSettings.initialWindowSize, defaultLimits.windowBytes);
  while (session.state.remoteWindowSize !== defaultLimits.windowBytes) {
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test('reflection lists the peer service when it is asked for', limit, async (t) => {
  const server = await start({ reflection: true });
  const client = new Client(`127.0.0.1:${server.port}`, loadSecurity({}).channelCredentials);
  t.after(() => {
    client.close();
    return server.close();
  });
  const call = client.makeBidiStreamRequest(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
  );
  // ServerReflectionRequest.list_services is field 7, a string.
  call.write(Buffer.of(0x3a, 0));
  call.on('error', () => {});
  const answer = await new Promise<Buffer>((resolve) => call.once('data', resolve));
  assert.match(answer.toString('latin1'), /talus\.peer\.v1\.PeerService/);
  call.end();
});
