/**
 * The bench's own generator: what it counts must be right before anybody believes a ratio.
 */
import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { Commands } from '../../bench/load/commands.js';
import { Histogram } from '../../bench/load/histogram.js';
import type { LoadPlan } from '../../bench/load/plan.js';
import { ReplyScanner } from '../../bench/load/reply-scanner.js';
import { runLoad } from '../../bench/load/run.js';
import { RequestParser } from '../../src/resp/parser.js';
import { hash14 } from '../../src/slot/hash.js';

const TARGET = { host: '127.0.0.1', port: 1 };
const PLAN: LoadPlan = {
  protocol: 'resp',
  targets: [TARGET],
  mix: 'set',
  wait: false,
  connections: 4,
  pipeline: 1,
  valueBytes: 64,
  keys: 1000,
  warmSeconds: 0,
  seconds: 1,
};

function parsed(bytes: Buffer): readonly (readonly string[])[] {
  const parser = new RequestParser();
  parser.feed(bytes);
  const requests: string[][] = [];
  for (let argv = parser.next(); argv !== undefined; argv = parser.next()) requests.push(argv.map(String));
  return requests;
}

test('a quantile is off by no more than a bucket, and never beyond the largest', () => {
  const values = fc.array(fc.double({ min: 0, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.constantFrom(0.5, 0.99, 1), (latencies, share) => {
      const histogram = new Histogram();
      for (const ms of latencies) histogram.add(ms);
      const sorted = latencies.map((ms) => Math.round(ms * 1000) / 1000).sort((a, b) => a - b);
      const exact = sorted[Math.ceil(sorted.length * share) - 1]!;
      const told = histogram.quantileMs(share);
      assert.ok(told >= exact - 1e-9 && told <= exact * (1 + 1 / 64) + 1e-9, `${told} of ${exact}`);
      assert.ok(told <= histogram.maxMs);
    }),
  );
});

test('replies are counted however the bytes are cut, and errors and zeros are noticed', () => {
  const replies = [
    '+OK\r\n',
    ':12\r\n',
    ':0\r\n',
    '$-1\r\n',
    '$0\r\n\r\n',
    '$5\r\na\r\nbc\r\n',
    '-ERR no\r\n',
  ];
  const streams = fc.array(fc.constantFrom(...replies), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(streams, fc.integer({ min: 1, max: 9 }), (sent, step) => {
      const bytes = Buffer.from(sent.join(''));
      const scanner = new ReplyScanner();
      let counted = 0;
      for (let at = 0; at < bytes.length; at += step) {
        const chunk = bytes.subarray(at, at + step);
        counted += scanner.feed(chunk, chunk.length);
      }
      assert.equal(counted, sent.length);
      assert.equal(scanner.errors, sent.filter((reply) => reply.startsWith('-')).length);
      assert.equal(scanner.zeros, sent.filter((reply) => reply === ':0\r\n').length);
    }),
  );
});

test('commands are what they say, with keys in range', () => {
  const all = ['set', 'get', 'incr', 'hset', 'sadd', 'zadd', 'lpush'];
  for (const mix of all) {
    const requests = parsed(new Commands({ ...PLAN, mix }, TARGET).batch(50).bytes);
    assert.equal(requests.length, 50);
    for (const [name, key] of requests) {
      assert.equal(name, mix.toUpperCase());
      assert.match(key!, /^[a-z]+:0{9}\d{3}$/);
    }
  }
  const set = parsed(new Commands(PLAN, TARGET).batch(1).bytes)[0]!;
  assert.equal(set[2], 'x'.repeat(64));
});

test('SET and WAIT go in one write, and WAIT is what ends the command', () => {
  const batch = new Commands({ ...PLAN, wait: true }, TARGET).batch(2);
  const names = parsed(batch.bytes).map(([name]) => name);
  assert.deepEqual(names, ['SET', 'WAIT', 'SET', 'WAIT']);
  assert.equal(batch.replies, 4);
  const mixed = parsed(new Commands({ ...PLAN, mix: '90/10', wait: true }, TARGET).batch(200).bytes);
  for (const [at, [name]] of mixed.entries())
    assert.equal(name === 'SET', mixed[at + 1]?.[0] === 'WAIT', 'after writes only');
});

test('a mix keeps its shares', () => {
  const names = parsed(new Commands({ ...PLAN, mix: '90/10' }, TARGET).batch(2000).bytes).map(
    ([name]) => name,
  );
  const reads = names.filter((name) => name === 'GET').length;
  assert.ok(reads > 1700 && reads < 1900, `${reads} of 2000`);
});

test('a target of some hash slots is asked for keys of these only, and filling asks for each key once', () => {
  const hashes = [[0, 8191]] as const;
  const requests = parsed(new Commands(PLAN, { ...TARGET, hashes }).batch(200).bytes);
  for (const [, key] of requests) assert.ok(hash14(Buffer.from(key!)) <= 8191, key);
  const filling = new Commands({ ...PLAN, mix: 'fill' }, TARGET);
  const keys = new Set<string>();
  for (let batch = filling.fillBatch(64); batch.size > 0; batch = filling.fillBatch(64))
    for (const [, key] of parsed(batch.bytes)) assert.ok(!keys.has(key!) && keys.add(key!), key);
  assert.equal(keys.size, PLAN.keys);
});

/** Answers every request with OK, WAIT with what it is told; holds all answers while `held`. */
class Answerer {
  waitAnswer = ':1\r\n';
  requests = 0;
  readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private held: (() => void)[] | undefined;
  private holdAt: { readonly requests: number; readonly forMs: number } | undefined;

  constructor() {
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {});
      const parser = new RequestParser();
      socket.on('data', (chunk) => {
        parser.feed(chunk);
        let answer = '';
        for (let argv = parser.next(); argv !== undefined; argv = parser.next()) {
          this.requests++;
          answer += argv[0]!.toString() === 'WAIT' ? this.waitAnswer : '+OK\r\n';
        }
        if (this.holdAt !== undefined && this.requests >= this.holdAt.requests) {
          this.hold(this.holdAt.forMs);
          this.holdAt = undefined;
        }
        if (this.held === undefined) socket.write(answer);
        else this.held.push(() => socket.write(answer));
      });
    });
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  /** When `requests` more have come. */
  holdAfter(requests: number, forMs: number): void {
    this.holdAt = { requests: this.requests + requests, forMs };
  }

  private hold(forMs: number): void {
    this.held = [];
    setTimeout(() => {
      const answers = this.held ?? [];
      this.held = undefined;
      for (const answer of answers) answer();
    }, forMs);
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

let answerer: Answerer;

before(async () => {
  answerer = new Answerer();
  await new Promise<void>((resolve) => answerer.server.listen(0, '127.0.0.1', resolve));
});

after(() => answerer?.close());

const planHere = (more: Partial<LoadPlan>): LoadPlan => ({
  ...PLAN,
  targets: [{ host: '127.0.0.1', port: answerer.port }],
  ...more,
});

test('a run counts what was answered, no more', async () => {
  answerer.requests = 0;
  const result = await runLoad(planHere({ pipeline: 4 }));
  assert.equal(result.errors, 0);
  assert.ok(result.operations > 0 && result.operations <= answerer.requests);
  assert.equal(result.perSecond, result.operations / result.seconds);
});

test('a WAIT that nobody acknowledged is an error', async () => {
  answerer.waitAnswer = ':0\r\n';
  const { errors, firstError } = await runLoad(planHere({ wait: true }));
  answerer.waitAnswer = ':1\r\n';
  assert.ok(errors > 0);
  assert.equal(firstError, 'WAIT: 0');
});

test('a stand-still counts for all that were due meanwhile, where the rate is fixed', async () => {
  answerer.holdAfter(500, 600);
  const { latencyMs, errors } = await runLoad(planHere({ rate: 1000, seconds: 2 }));
  assert.equal(errors, 0);
  // Of some 2,000 commands several hundred were due within it; a closed load would have sent four.
  assert.ok(latencyMs.p99 > 300, JSON.stringify(latencyMs));
});

test('a connection that breaks ends the run with its reason', async () => {
  const running = runLoad(planHere({ targets: [{ host: '127.0.0.1', port: 1 }] }));
  await assert.rejects(running, /127\.0\.0\.1:1: .*ECONNREFUSED/);
});
