/** The promises of transport.ts, kept over real sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { downs, eventually, joinAll, SilentProxy, startNode, textsOf, ups } from './loopback.js';

const limit = { timeout: 20_000 };

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, at) => String(at));
}

test('each lane brings its messages in order, each once, both ways', limit, async (t) => {
  const [one, two] = [await startNode(1), await startNode(2)];
  t.after(() => Promise.all([one.close(), two.close()]));
  await joinAll(one, two);
  const lanes = ['control', 'sync', 'ack', 'request', 'reply', 'snapshot', 'snapshotAck'] as const;
  for (const text of numbered(2000)) {
    for (const lane of lanes) {
      assert.ok(one.transport.send(2, lane, Buffer.from(text)));
      assert.ok(two.transport.send(1, lane, Buffer.from(text)));
    }
    if (Number(text) % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => one.received.length >= 14_000 && two.received.length >= 14_000);
  for (const node of [one, two]) {
    for (const lane of lanes) assert.deepEqual(textsOf(node, lane), numbered(2000));
  }
});

test(
  'messages of any size pass whole: empty, and far beyond what shares a gRPC message',
  limit,
  async (t) => {
    const [one, two] = [await startNode(1), await startNode(2)];
    t.after(() => Promise.all([one.close(), two.close()]));
    await joinAll(one, two);
    const sizes = [0, 1, 127, 128, 300_000, 65_000, 20_000_000, 5];
    const contents = sizes.map((size, at) => Buffer.alloc(size, at + 1));
    const arrived: Buffer[] = [];
    two.transport.handlers = {
      ...two.transport.handlers,
      onMessage: (_from, _lane, bytes) => arrived.push(bytes),
    };
    for (const bytes of contents) one.transport.send(2, 'sync', bytes);
    await eventually(() => arrived.length === sizes.length);
    assert.ok(arrived.every((bytes, at) => bytes.equals(contents[at]!)));
  },
);

test('three nodes: answers go back to the node that asked', limit, async (t) => {
  const nodes = [await startNode(1), await startNode(2), await startNode(3)];
  t.after(() => Promise.all(nodes.map((node) => node.close())));
  await joinAll(...nodes);
  for (const node of nodes) {
    node.onMessage = ({ from, lane, text }) => {
      if (lane === 'request') node.transport.send(from, 'reply', Buffer.from(`${text} by ${node.nodeId}`));
    };
  }
  for (const asker of nodes) {
    for (const other of nodes) {
      if (other !== asker)
        asker.transport.send(other.nodeId, 'request', Buffer.from(`asked by ${asker.nodeId}`));
    }
  }
  await eventually(() => nodes.every((node) => textsOf(node, 'reply').length === 2));
  assert.deepEqual(textsOf(nodes[0]!, 'reply').sort(), ['asked by 1 by 2', 'asked by 1 by 3']);
  assert.deepEqual(textsOf(nodes[2]!, 'reply').sort(), ['asked by 3 by 1', 'asked by 3 by 2']);
});

test('without a connection every lane drops and says so', limit, async (t) => {
  const [one, two] = [await startNode(1), await startNode(2)];
  t.after(() => Promise.all([one.close(), two.close()]));
  for (const lane of ['control', 'sync', 'ack', 'request', 'reply', 'snapshot', 'snapshotAck'] as const) {
    assert.equal(one.transport.send(2, lane, Buffer.from('x')), false);
  }
  one.transport.setPeers([two.address]);
  await eventually(() => ups(one) === 1);
  assert.ok(one.transport.send(2, 'sync', Buffer.from('x')));
  assert.equal(one.transport.send(2, 'ack', Buffer.from('x')), false, 'node 2 has not dialled node 1');
  assert.ok(two.transport.send(1, 'ack', Buffer.from('x')), 'node 1 has dialled node 2');
});

test('a peer that restarts: one onDown, one onUp, and nothing is sent twice', limit, async (t) => {
  const one = await startNode(1);
  let two = await startNode(2);
  t.after(() => Promise.all([one.close(), two.close()]));
  one.transport.setPeers([two.address]);
  await eventually(() => ups(one) === 1);
  one.transport.send(2, 'request', Buffer.from('before'));
  await eventually(() => two.received.length === 1);
  const { port } = two.address;
  await two.close();
  await eventually(() => downs(one) === 1);
  assert.equal(one.transport.send(2, 'request', Buffer.from('between')), false);
  two = await startNode(2, { port });
  await eventually(() => ups(one) === 2);
  one.transport.send(2, 'request', Buffer.from('after'));
  await eventually(() => two.received.length === 1);
  assert.deepEqual(one.events, ['up 2', 'down 2', 'up 2']);
  assert.deepEqual(textsOf(two, 'request'), ['after']);
});

test('a dialler that restarts replaces its former connection', limit, async (t) => {
  const one = await startNode(1);
  let two = await startNode(2);
  t.after(() => Promise.all([one.close(), two.close()]));
  for (const incarnation of ['first', 'second', 'third']) {
    two.transport.setPeers([one.address]);
    await eventually(() => ups(two) === 1);
    two.transport.send(1, 'control', Buffer.from(incarnation));
    await eventually(() => textsOf(one, 'control').includes(incarnation));
    assert.ok(one.transport.send(2, 'reply', Buffer.from(`to the ${incarnation}`)));
    await eventually(() => textsOf(two, 'reply').length > 0);
    assert.deepEqual(textsOf(two, 'reply'), [`to the ${incarnation}`]);
    if (incarnation === 'third') return;
    const { port } = two.address;
    await two.close();
    two = await startNode(2, { port });
  }
});

test(
  'connections cut again and again: order holds, nothing arrives twice, up and down alternate',
  limit,
  async (t) => {
    const [one, two] = [await startNode(1), await startNode(2)];
    const proxy = await SilentProxy.to(two.address.port);
    t.after(() => Promise.all([one.close(), two.close(), proxy.close()]));
    one.transport.setPeers([{ ...two.address, port: proxy.port }]);
    let sent = 0;
    for (let round = 1; round <= 8; round++) {
      await eventually(() => ups(one) === round);
      for (let count = 0; count < 500; count++) one.transport.send(2, 'sync', Buffer.from(String(sent++)));
      if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      proxy.cut();
      await eventually(() => downs(one) === round);
    }
    await eventually(() => ups(one) === 9);
    one.transport.send(2, 'sync', Buffer.from('end'));
    await eventually(() => textsOf(two, 'sync').at(-1) === 'end');
    const arrived = textsOf(two, 'sync').slice(0, -1).map(Number);
    assert.ok(arrived.every((value, at) => at === 0 || value > arrived[at - 1]!));
    assert.deepEqual(one.events, ['up 2', ...Array.from({ length: 8 }, () => ['down 2', 'up 2']).flat()]);
  },
);

test('a reply that is on its way when the connection breaks never comes', limit, async (t) => {
  const [one, two] = [await startNode(1), await startNode(2)];
  const proxy = await SilentProxy.to(two.address.port);
  t.after(() => Promise.all([one.close(), two.close(), proxy.close()]));
  one.transport.setPeers([{ ...two.address, port: proxy.port }]);
  await eventually(() => ups(one) === 1);
  one.transport.send(2, 'request', Buffer.from('question'));
  await eventually(() => textsOf(two, 'request').length === 1);
  proxy.silence();
  assert.ok(two.transport.send(1, 'reply', Buffer.from('too late')));
  await new Promise((resolve) => setImmediate(resolve));
  proxy.cut();
  await eventually(() => ups(one) === 2);
  assert.ok(two.transport.send(1, 'reply', Buffer.from('of the new connection')));
  await eventually(() => textsOf(one, 'reply').length > 0);
  assert.deepEqual(one.events, ['up 2', 'down 2', 'up 2', '2 reply of the new connection']);
});

test(
  'setPeers closes who is no longer in it, dials who moved, and leaves the rest alone',
  limit,
  async (t) => {
    const [one, two, three] = [await startNode(1), await startNode(2), await startNode(3)];
    const proxy = await SilentProxy.to(two.address.port);
    t.after(() => Promise.all([one.close(), two.close(), three.close(), proxy.close()]));
    one.transport.setPeers([one.address, two.address, three.address]);
    await eventually(() => ups(one) === 2);
    one.transport.setPeers([{ ...two.address, port: proxy.port }, three.address]);
    assert.deepEqual(one.events.slice(2), ['down 2']);
    await eventually(() => ups(one) === 3);
    assert.equal(proxy.connections, 2, 'control and bulk each have a TCP connection');
    one.transport.setPeers([three.address]);
    assert.deepEqual(one.events.slice(2), ['down 2', 'up 2', 'down 2']);
    assert.equal(one.transport.send(2, 'control', Buffer.from('x')), false);
    assert.ok(one.transport.send(3, 'control', Buffer.from('x')));
    await eventually(() => proxy.connections === 0);
  },
);

test('after close nothing is sent, nothing is heard, and onDown has told of it', limit, async (t) => {
  const [one, two] = [await startNode(1), await startNode(2)];
  t.after(() => Promise.all([one.close(), two.close()]));
  await joinAll(one, two);
  two.transport.send(1, 'sync', Buffer.from('unheard'));
  await one.transport.close();
  assert.deepEqual(one.events, ['up 2', 'down 2']);
  assert.equal(one.transport.send(2, 'sync', Buffer.from('x')), false);
  assert.equal(one.transport.send(2, 'ack', Buffer.from('x')), false);
  await eventually(() => downs(two) === 1);
  one.transport.setPeers([two.address]);
  assert.deepEqual(one.events, ['up 2', 'down 2']);
});

test('a node that closes within a handler hears nothing more of the same gRPC message', limit, async (t) => {
  const [one, two, three] = [await startNode(1), await startNode(2), await startNode(3)];
  t.after(() => Promise.all([one.close(), two.close(), three.close()]));
  await joinAll(one, two, three);
  // Node 2 hears it on the stream that it dialled, node 3 on one that was dialled to it.
  for (const node of [two, three]) node.onMessage = () => void node.transport.close();
  for (let count = 0; count < 10; count++) {
    one.transport.send(2, 'ack', Buffer.from(String(count)));
    one.transport.send(3, 'sync', Buffer.from(String(count)));
  }
  await eventually(() => downs(one) === 2);
  assert.deepEqual([textsOf(two, 'ack'), textsOf(three, 'sync')], [['0'], ['0']]);
});

test('a half-open connection is found by keepalive and dialled anew', limit, async (t) => {
  const limits = { keepaliveMs: 50, keepaliveTimeoutMs: 100 };
  const [one, two] = [await startNode(1, { limits }), await startNode(2, { limits })];
  const proxy = await SilentProxy.to(two.address.port);
  t.after(() => Promise.all([one.close(), two.close(), proxy.close()]));
  one.transport.setPeers([{ ...two.address, port: proxy.port }]);
  await eventually(() => ups(one) === 1);
  proxy.silence();
  await eventually(() => downs(one) === 1);
  await eventually(() => ups(one) === 2);
  one.transport.send(2, 'request', Buffer.from('alive'));
  await eventually(() => textsOf(two, 'request').includes('alive'));
});

test(
  'the accepting side drops a half-open connection too: its answers are refused, not kept',
  limit,
  async (t) => {
    const limits = { keepaliveMs: 50, keepaliveTimeoutMs: 100 };
    const [one, two] = [await startNode(1), await startNode(2, { limits })];
    const proxy = await SilentProxy.to(two.address.port);
    t.after(() => Promise.all([one.close(), two.close(), proxy.close()]));
    one.transport.setPeers([{ ...two.address, port: proxy.port }]);
    await eventually(() => ups(one) === 1);
    assert.ok(two.transport.send(1, 'ack', Buffer.from('x')));
    proxy.silence();
    await eventually(() => !two.transport.send(1, 'ack', Buffer.from('x')));
  },
);

test('a node stops although a silent peer holds connections to it', limit, async (t) => {
  const [one, two] = [await startNode(1), await startNode(2)];
  const proxy = await SilentProxy.to(two.address.port);
  t.after(() => Promise.all([one.close(), proxy.close()]));
  one.transport.setPeers([{ ...two.address, port: proxy.port }]);
  await eventually(() => ups(one) === 1);
  proxy.silence();
  await two.close();
});
