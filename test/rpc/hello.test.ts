/** Who is refused, and with which status; seen from both ends of the call. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { loadSecurity } from '../../src/rpc/credentials.js';
import { peerMethods } from '../../src/rpc/frames.js';
import { PEER_PROTOCOL_VERSION, writeHello } from '../../src/rpc/hello.js';
import { downs, eventually, SilentProxy, startNode, type TestNode, textsOf, ups } from './loopback.js';

const limit = { timeout: 20_000 };
const token = { clusterToken: 'secret' };

/** Opens a Control call as `metadata` says, and answers how it ended. */
async function outcomeOf(node: TestNode, metadata: Metadata): Promise<ServiceError> {
  const client = new Client(`127.0.0.1:${node.address.port}`, loadSecurity({}).channelCredentials);
  const { path, requestSerialize, responseDeserialize } = peerMethods.Control;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  call.on('data', () => {});
  const error = await new Promise<ServiceError>((resolve) => call.on('error', resolve));
  client.close();
  return error;
}

function helloOf(security: { clusterToken?: string }, clusterId: string, nodeId: number): Metadata {
  const metadata = loadSecurity(security).callMetadata();
  return writeHello(metadata, { clusterId, nodeId }, { boot: 'abc', sequence: 1 });
}

test('the refusals of the Hello', limit, async (t) => {
  const node = await startNode(1, { security: token });
  t.after(() => node.close());
  const refusal = async (metadata: Metadata) => {
    const { code, details } = await outcomeOf(node, metadata);
    return [code, details];
  };
  assert.deepEqual(await refusal(helloOf({}, 'test', 2)), [
    status.UNAUTHENTICATED,
    'wrong or missing cluster token',
  ]);
  assert.equal((await refusal(helloOf({ clusterToken: 'other' }, 'test', 2)))[0], status.UNAUTHENTICATED);
  assert.deepEqual(await refusal(helloOf(token, 'elsewhere', 2)), [
    status.FAILED_PRECONDITION,
    'cluster elsewhere, this is test',
  ]);
  assert.deepEqual(await refusal(helloOf(token, 'test', 1)), [
    status.FAILED_PRECONDITION,
    'node 1 is myself',
  ]);
  const newer = helloOf(token, 'test', 2);
  newer.set('talus-protocol', String(PEER_PROTOCOL_VERSION + 1));
  assert.deepEqual(await refusal(newer), [
    status.FAILED_PRECONDITION,
    `peer protocol ${PEER_PROTOCOL_VERSION + 1}, want ${PEER_PROTOCOL_VERSION}`,
  ]);
  const garbled = helloOf(token, 'test', 2);
  garbled.set('talus-connection', 'nonsense');
  assert.deepEqual(await refusal(garbled), [status.FAILED_PRECONDITION, 'malformed hello']);
});

test('strangers learn nothing but that their token is wrong', limit, async (t) => {
  const node = await startNode(1, { security: token });
  t.after(() => node.close());
  const { details } = await outcomeOf(node, helloOf({}, 'elsewhere', 1));
  assert.equal(details, 'wrong or missing cluster token');
});

test('nodes with different tokens, or of different clusters, never come up', limit, async (t) => {
  const node = await startNode(1, { security: token });
  const stranger = await startNode(2, { security: { clusterToken: 'other' } });
  const foreigner = await startNode(3, { security: token, clusterId: 'elsewhere' });
  const friend = await startNode(4, { security: token });
  t.after(() => Promise.all([node, stranger, foreigner, friend].map((each) => each.close())));
  for (const each of [stranger, foreigner, friend]) each.transport.setPeers([node.address]);
  await eventually(() => ups(friend) === 1);
  friend.transport.send(1, 'sync', Buffer.from('let in'));
  await eventually(() => node.received.length > 0);
  assert.equal(ups(stranger) + ups(foreigner), 0);
  assert.equal(stranger.transport.send(1, 'sync', Buffer.from('x')), false);
});

test('a node that took over another address is not taken for the one that was there', limit, async (t) => {
  const [one, three] = [await startNode(1), await startNode(3)];
  t.after(() => Promise.all([one.close(), three.close()]));
  one.transport.setPeers([{ ...three.address, nodeId: 2 }, three.address]);
  await eventually(() => ups(one) === 1);
  assert.deepEqual(one.events, ['up 3']);
});

test(
  'an older connection of the same process is refused, and leaves the newer one alone',
  limit,
  async (t) => {
    const [one, two] = [await startNode(1), await startNode(2)];
    const proxy = await SilentProxy.to(one.address.port);
    t.after(() => Promise.all([one.close(), two.close(), proxy.close()]));
    const hello = (sequence: number) =>
      writeHello(
        loadSecurity({}).callMetadata(),
        { clusterId: 'test', nodeId: 9 },
        { boot: 'abc', sequence },
      );
    const client = new Client(`127.0.0.1:${one.address.port}`, loadSecurity({}).channelCredentials);
    const { path, requestSerialize, responseDeserialize } = peerMethods.Control;
    const standing = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, hello(5));
    standing.on('error', () => {}).on('data', () => {});
    await new Promise((resolve) => standing.on('metadata', resolve));
    assert.equal((await outcomeOf(one, hello(4))).code, status.ABORTED);
    assert.equal((await outcomeOf(one, hello(5))).code, status.ABORTED, 'the same stream twice');
    standing.write([Buffer.from('still heard')]);
    await eventually(() => textsOf(one, 'control').includes('still heard'));
    client.close();
  },
);

test('a stream that comes after its connection has ended does not revive it', limit, async (t) => {
  const [one, two] = [await startNode(1), await startNode(2)];
  t.after(() => Promise.all([one.close(), two.close()]));
  const hello = () =>
    writeHello(
      loadSecurity({}).callMetadata(),
      { clusterId: 'test', nodeId: 9 },
      { boot: 'abc', sequence: 1 },
    );
  const client = new Client(`127.0.0.1:${one.address.port}`, loadSecurity({}).channelCredentials);
  const { path, requestSerialize, responseDeserialize } = peerMethods.BinlogSync;
  const first = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, hello());
  first.on('error', () => {}).on('data', () => {});
  await new Promise((resolve) => first.on('metadata', resolve));
  first.cancel();
  await eventually(() => !one.transport.send(9, 'ack', Buffer.from('x')));
  const late = await outcomeOf(one, hello());
  assert.deepEqual([late.code, late.details], [status.ABORTED, 'this connection has ended']);
  client.close();
});

test('one broken stream takes its whole connection down', limit, async (t) => {
  const [one, two] = [await startNode(1), await startNode(2)];
  const proxy = await SilentProxy.to(two.address.port);
  t.after(() => Promise.all([one.close(), two.close(), proxy.close()]));
  one.transport.setPeers([{ ...two.address, port: proxy.port }]);
  await eventually(() => ups(one) === 1);
  proxy.cutOne();
  await eventually(() => downs(one) === 1 && ups(one) === 2);
  assert.deepEqual(one.events, ['up 2', 'down 2', 'up 2']);
  await eventually(() => proxy.connections === 2);
});

test(
  'who speaks for an older copy of its data folder, or for another one, is not listened to',
  limit,
  async (t) => {
    const node = await startNode(1, {});
    t.after(() => node.close());
    const helloOfBoot = (number: number, id: string): Metadata =>
      writeHello(
        loadSecurity({}).callMetadata(),
        { clusterId: 'test', nodeId: 2, boot: { number, id } },
        { boot: 'abc', sequence: 1 },
      );
    // From a topology.
    node.transport.setPeers([{ nodeId: 2, host: '127.0.0.1', port: 1, boot: { number: 7, id: 'aa' } }]);
    for (const [number, id, details] of [
      [6, 'bb', 'node 2 speaks for an older copy of its data folder: start 6, its start 7 is known here'],
      [7, 'bb', 'node 2 speaks for another copy of its data folder: start 7, its start 7 is known here'],
    ] as const) {
      const error = await outcomeOf(node, helloOfBoot(number, id));
      assert.deepEqual([error.code, error.details], [status.DATA_LOSS, details]);
    }
  },
);

test('a node that a peer knows a later start of hears of it', limit, async (t) => {
  const outdated: string[] = [];
  const one = await startNode(1, { boot: { number: 4, id: 'aa' } });
  const two = await startNode(2, {
    boot: { number: 3, id: 'bb' },
    outdated: (why) => void outdated.push(why),
  });
  t.after(() => Promise.all([one.close(), two.close()]));
  one.transport.setPeers([{ ...two.address, boot: { number: 9, id: 'cc' } }]);
  two.transport.setPeers([one.address]);
  await eventually(() => outdated.length > 0);
  assert.match(outdated[0]!, /node 2 speaks for an older copy/);
  assert.deepEqual([ups(one), ups(two)], [0, 0]);
});
