/**
 * A peer that stops reading one stream: the rest goes on, and what is unsent is bounded. The peer is a plain gRPC server made from
 * the .proto file, so that it can be slow, and so that the wire is checked by somebody else's code.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Metadata, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { loadSecurity } from '../../src/rpc/credentials.js';
import { GrpcTransport } from '../../src/rpc/grpc-transport.js';
import { writeHello } from '../../src/rpc/hello.js';
import { defaultLimits } from '../../src/rpc/limits.js';
import { loadProto, serviceDefinition } from '../../src/rpc/proto.js';
import type { DialledLane } from '../../src/rpc/transport.js';
import { eventually, loopbackEnv } from './loopback.js';

const limit = { timeout: 20_000 };

interface FramesMessage {
  readonly frames: readonly Buffer[];
}

type Call = ServerDuplexStream<FramesMessage, FramesMessage>;

/** A peer that reads only the streams that it is told to, and says its Hello on all but `mute`. */
async function startReader(mute?: string) {
  const service = serviceDefinition(loadProto('talus/peer/v1/peer.proto'), 'talus.peer.v1.PeerService');
  const calls = new Map<string, Call>();
  const messages = new Map<string, FramesMessage[]>();
  let dials = 0;
  const accept = (name: string) => (call: Call) => {
    if (name === 'Control') dials++;
    calls.set(name, call);
    messages.set(name, []);
    call.on('error', () => {});
    if (name !== mute) call.sendMetadata(answer(call.metadata));
  };
  const server = new Server();
  server.addService(service, {
    Control: accept('Control'),
    BinlogSync: accept('BinlogSync'),
    Forward: accept('Forward'),
    Snapshot: accept('Snapshot'),
  });
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, boundPort: number) => (error ? reject(error) : resolve(boundPort));
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), bound);
  });
  const read = (name: string) => calls.get(name)!.on('data', (message) => messages.get(name)!.push(message));
  return { port, dials: () => dials, calls, messages, read, close: () => server.forceShutdown() };
}

function answer(hello: Metadata): Metadata {
  const [boot, sequence] = String(hello.get('talus-connection')[0]).split('.');
  const metadata = loadSecurity({}).callMetadata();
  return writeHello(metadata, { clusterId: 'test', nodeId: 2 }, { boot: boot!, sequence: Number(sequence) });
}

async function startPair(
  t: { after(run: () => unknown): void },
  unsentBytesMax = defaultLimits.unsentBytesMax,
) {
  const peer = await startReader();
  const transport = new GrpcTransport({
    env: loopbackEnv(),
    identity: { clusterId: 'test', nodeId: 1 },
    security: loadSecurity({}),
    limits: { unsentBytesMax },
  });
  let ups = 0;
  let downs = 0;
  const replies: string[] = [];
  transport.handlers = {
    onUp: () => ups++,
    onDown: () => downs++,
    onMessage: (_from, lane, message) => replies.push(`${lane} ${message}`),
  };
  transport.setPeers([{ nodeId: 2, host: '127.0.0.1', port: peer.port }]);
  t.after(async () => {
    await transport.close();
    peer.close();
  });
  await eventually(() => ups === 1);
  return { peer, transport, replies, ups: () => ups, downs: () => downs };
}

const chunk = Buffer.alloc(256 * 1024, 1);

/** Sends chunks until the lane refuses; answers how many it took. */
async function clog(transport: GrpcTransport, lane: DialledLane): Promise<number> {
  let taken = 0;
  // Full for several turns: neither the queue nor what HTTP/2 takes by itself has room left.
  for (let refusals = 0; refusals < 20; ) {
    if (transport.send(2, lane, chunk)) taken++;
    else {
      refusals++;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  return taken;
}

test(
  'a clogged BinlogSync stops neither Control nor Forward, and takes no more than its bound',
  limit,
  async (t) => {
    const unsentBytesMax = { ...defaultLimits.unsentBytesMax, sync: 4 * 1024 * 1024 };
    const { peer, transport, replies, downs } = await startPair(t, unsentBytesMax);
    peer.read('Control');
    peer.read('Forward');
    const taken = await clog(transport, 'sync');
    // Four mebibytes are fifteen chunks with their cost; HTTP/2 holds a little on its own.
    assert.ok(taken >= 15 && taken <= 17, `${taken} chunks taken`);
    assert.ok(transport.send(2, 'control', Buffer.from('vote')));
    assert.ok(transport.send(2, 'request', Buffer.from('question')));
    await eventually(() => peer.messages.get('Control')!.length + peer.messages.get('Forward')!.length === 2);
    peer.calls.get('Forward')!.write({ frames: [Buffer.from('answer')] });
    await eventually(() => replies.length > 0);
    assert.deepEqual(replies, ['reply answer']);
    assert.equal(downs(), 0);
  },
);

test('a clogged Snapshot stops nothing else, BinlogSync beside it included', limit, async (t) => {
  const { peer, transport, replies, downs } = await startPair(t);
  for (const name of ['Control', 'BinlogSync', 'Forward']) peer.read(name);
  const taken = await clog(transport, 'snapshot');
  assert.ok(taken >= 31 && taken <= 33, `${taken} chunks taken`);
  for (const lane of ['control', 'sync', 'request'] as const) transport.send(2, lane, chunk);
  const arrived = (): number =>
    ['Control', 'BinlogSync', 'Forward'].reduce((sum, name) => sum + peer.messages.get(name)!.length, 0);
  await eventually(() => arrived() === 3);
  peer.calls.get('Snapshot')!.write({ frames: [Buffer.from('refused')] });
  await eventually(() => replies.length > 0);
  assert.deepEqual(replies, ['snapshotAck refused']);
  assert.equal(downs(), 0);
});

test('a lane that was full goes on when its reader does, with everything that it took', limit, async (t) => {
  const unsentBytesMax = { ...defaultLimits.unsentBytesMax, sync: 2 * 1024 * 1024 };
  const { peer, transport } = await startPair(t, unsentBytesMax);
  const taken = await clog(transport, 'sync');
  peer.read('BinlogSync');
  const arrived = () => peer.messages.get('BinlogSync')!.flatMap(({ frames }) => frames);
  await eventually(() => arrived().length === taken);
  assert.ok(arrived().every((frame) => frame.equals(chunk)));
  assert.ok(transport.send(2, 'sync', Buffer.from('more')));
  await eventually(() => arrived().at(-1)!.toString() === 'more');
});

test('a peer that reads no control any more is given up, not fed with gaps', limit, async (t) => {
  const unsentBytesMax = { ...defaultLimits.unsentBytesMax, control: 1024 * 1024 };
  const { transport, ups, downs } = await startPair(t, unsentBytesMax);
  while (transport.send(2, 'control', chunk)) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(transport.send(2, 'control', Buffer.from('would fit, behind a gap')), false);
  await eventually(() => downs() === 1);
  await eventually(() => ups() === 2);
});

test('what is said within one turn travels as one gRPC message', limit, async (t) => {
  const { peer, transport } = await startPair(t);
  peer.read('BinlogSync');
  for (let count = 0; count < 1000; count++) transport.send(2, 'sync', Buffer.from(String(count)));
  await eventually(() => peer.messages.get('BinlogSync')!.length > 0);
  const [message] = peer.messages.get('BinlogSync')!;
  assert.equal(message!.frames.length, 1000);
  assert.equal(String(message!.frames[999]), '999');
});

test(
  'a connection on which one stream stays unanswered is never up, and is dialled again',
  limit,
  async (t) => {
    const peer = await startReader('Forward');
    const transport = new GrpcTransport({
      env: loopbackEnv(),
      identity: { clusterId: 'test', nodeId: 1 },
      security: loadSecurity({}),
      limits: { connectTimeoutMs: 50, reconnectDelayMaxMs: 50 },
    });
    t.after(async () => {
      await transport.close();
      peer.close();
    });
    const events: string[] = [];
    transport.handlers = {
      onUp: () => events.push('up'),
      onDown: () => events.push('down'),
      onMessage: () => {},
    };
    transport.setPeers([{ nodeId: 2, host: '127.0.0.1', port: peer.port }]);
    await eventually(() => peer.dials() === 3);
    assert.deepEqual(events, []);
    assert.equal(transport.send(2, 'control', Buffer.from('x')), false);
  },
);
