/** The simulated network keeps what src/rpc/transport.ts promises, whatever is cut, broken or slow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../src/env.js';
import { seededRandom } from '../../src/random.js';
import { isAnswer, type Lane } from '../../src/rpc/transport.js';
import { Scheduler } from './scheduler.js';
import { ProcessLife } from './sim-env.js';
import { SimNetwork, type SimTransport } from './sim-network.js';

const LANES: readonly Lane[] = ['control', 'sync', 'ack', 'request', 'reply', 'snapshot', 'snapshotAck'];

class Bench {
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly a: SimTransport;
  readonly b: SimTransport;
  /** Ups and downs of a's connection as a saw them, and each message's number by lane, as it came. */
  readonly seenByA: string[] = [];
  readonly arrived = new Map<string, number[]>();
  sent = 0;

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.scheduler = new Scheduler(random);
    const settings = {
      delayUsMin: 10,
      delayUsMax: 5000,
      slowEvery: 10,
      slowUsMax: 50_000,
      reconnectUsMax: 5000,
      keepaliveUsMax: 40_000,
      laneBytesMax: 100,
      harsh: undefined,
    };
    this.network = new SimNetwork(this.scheduler, random, settings, {
      sent: () => {},
      counted: () => {},
      effect: () => false,
    });
    this.a = this.process(1);
    this.b = this.process(2);
    this.a.setPeers([{ nodeId: 2, host: 'b', port: 1 }]);
    this.b.setPeers([{ nodeId: 1, host: 'a', port: 1 }]);
  }

  process(nodeId: number): SimTransport {
    const life = new ProcessLife(
      this.scheduler,
      nodeId * 1000,
      { rate: 1, wallOffsetMs: 0 },
      seededRandom(nodeId),
      silentLog,
    );
    const transport = this.network.listen(nodeId, life);
    transport.handlers = {
      onMessage: (_from, lane, message) => this.take(nodeId, lane, message),
      onUp: () => nodeId === 1 && this.seenByA.push('up'),
      onDown: () => nodeId === 1 && this.seenByA.push('down'),
    };
    return transport;
  }

  send(): void {
    for (const [transport, to] of [
      [this.a, 2],
      [this.b, 1],
    ] as const) {
      for (const lane of LANES) transport.send(to, lane, Buffer.from(String(++this.sent)));
    }
  }

  private take(nodeId: number, lane: Lane, message: Buffer): void {
    const key = `${nodeId} ${lane}`;
    if (nodeId === 1 && isAnswer(lane)) assert.equal(this.seenByA.at(-1), 'up');
    const list = this.arrived.get(key) ?? [];
    this.arrived.set(key, list);
    list.push(Number(message.toString()));
  }
}

test('each lane keeps its order and repeats nothing, ups and downs alternate, answers come only while up', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const bench = new Bench(seed);
    const dice = seededRandom(seed, 9);
    for (let step = 0; step < 60; step++) {
      bench.send();
      const fault = dice.below(12);
      if (fault === 0) bench.network.reset(1, 2);
      if (fault === 1) bench.network.cut(1, 2);
      if (fault === 2) bench.network.cut(2, 1);
      if (fault >= 9) bench.network.healAll();
      await bench.scheduler.runUntil(bench.scheduler.nowUs + dice.below(20_000));
    }
    for (const [lane, numbers] of bench.arrived) {
      assert.deepEqual(
        numbers,
        [...new Set(numbers)].sort((x, y) => x - y),
        `seed ${seed}, ${lane}`,
      );
    }
    bench.seenByA.forEach((word, i) => {
      assert.equal(word, i % 2 === 0 ? 'up' : 'down');
    });
  }
});

test('a short cut loses nothing; a long one breaks the connection, and a new one comes after it', async () => {
  const bench = new Bench(3);
  await bench.scheduler.runUntil(200_000, () => bench.seenByA.length === 1);
  bench.network.cut(1, 2);
  bench.a.send(2, 'control', Buffer.from('1'));
  await bench.scheduler.runUntil(bench.scheduler.nowUs + 500);
  assert.equal(bench.arrived.size, 0);
  bench.network.heal(1, 2);
  await bench.scheduler.runUntil(bench.scheduler.nowUs + 100_000);
  assert.deepEqual(bench.arrived.get('2 control'), [1]);
  bench.network.cut(1, 2);
  await bench.scheduler.runUntil(bench.scheduler.nowUs + 100_000);
  assert.deepEqual(bench.seenByA, ['up', 'down']);
  bench.network.healAll();
  await bench.scheduler.runUntil(bench.scheduler.nowUs + 300_000);
  assert.deepEqual(bench.seenByA, ['up', 'down', 'up']);
});
