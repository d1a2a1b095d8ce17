/**
 * Two machines given the same commands: a real Redis, and this project's state machine over one slot.
 *
 * Replies are compared after a trip through the wire format, so that what is compared is what a RESP2 client sees. Answers
 * that hold a clock may differ by the time between the two calls; lists of keys have no order to agree on.
 */
import assert from 'node:assert/strict';
import { runLocal } from '../../src/commands/local.js';
import { gate, isLocal, refusal } from '../../src/commands/table.js';
import { ReplyDecoder } from '../../src/resp/decoder.js';
import { encodeReply } from '../../src/resp/encoder.js';
import type { Reply } from '../../src/resp/reply.js';
import { ReplyWriter } from '../../src/resp/writer.js';
import { FakeSession } from '../commands/fake-node.js';
import { FakeSlot } from '../commands/fake-slot.js';
import { type Argv, execute, show } from '../commands/harness.js';
import { RealRedis } from './real-redis.js';

/** Between the two calls a second boundary, and a busy machine, may lie. */
const CLOCK_SLACK: Readonly<Record<string, number>> = {
  ttl: 3,
  expiretime: 3,
  pttl: 3000,
  pexpiretime: 3000,
};
const UNORDERED = new Set([
  'keys',
  'scan',
  'command',
  'hkeys',
  'hvals',
  'smembers',
  'sscan',
  'spop',
  'srandmember',
]);
/** Elements of two words, in no order. */
const UNORDERED_PAIRS = new Set(['hgetall', 'hscan', 'zscan']);
/** Redis 7.0 prints doubles with 17 digits, 7.2 with the fewest that give the same double back, as we do. */
const DOUBLES = /^z/;

export class Pair {
  private readonly slot = new FakeSlot(Date.now());
  private readonly session = new FakeSession();

  private constructor(private readonly redis: RealRedis) {}

  static async start(): Promise<Pair> {
    return new Pair(await RealRedis.start());
  }

  stop(): Promise<void> {
    return this.redis.stop();
  }

  /** Runs the command on both and fails unless they answer alike. `story` goes into the message. */
  async compare(argv: Argv, story: () => string): Promise<void> {
    const { theirs, ours } = await this.both(argv);
    const name = argv[0]!.toString().toLowerCase();
    if (withinSlack(name, theirs, ours)) return;
    const expected = shown(name, theirs);
    if (shown(name, ours) === expected) return;
    assert.equal(
      shown(name, ours),
      expected,
      `${argv.map((word) => word.toString('latin1')).join(' ')}\n${story()}`,
    );
  }

  async both(argv: Argv): Promise<{ readonly theirs: Reply; readonly ours: Reply }> {
    return { theirs: await this.theirs(argv), ours: await this.ours(argv) };
  }

  /** What the real one answers, for tests that compare less than whole replies. */
  theirs(argv: Argv): Promise<Reply> {
    return this.redis.send(argv);
  }

  async ours(argv: Argv): Promise<Reply> {
    this.slot.nowMs = Date.now();
    return overTheWire(await this.answer(argv));
  }

  private answer(argv: Argv): Reply | Promise<Reply> {
    const gated = gate(argv);
    if (gated.kind === 'refused' || !isLocal(gated.row)) return execute(this.slot, argv);
    return refusal(gated.row, argv) ?? runLocal(gated.row, this.session, argv);
  }
}

function overTheWire(reply: Reply): Reply {
  const writer = new ReplyWriter();
  encodeReply(reply, 2, writer);
  const decoder = new ReplyDecoder();
  decoder.feed(writer.take());
  const decoded = decoder.next();
  assert.ok(decoded !== undefined, 'a reply is whole');
  return decoded;
}

function withinSlack(name: string, theirs: Reply, ours: Reply): boolean {
  const slack = CLOCK_SLACK[name];
  if (slack === undefined || theirs.kind !== 'integer' || ours.kind !== 'integer') return false;
  if (theirs.value < 0 || ours.value < 0) return false;
  return Math.abs(Number(theirs.value) - Number(ours.value)) <= slack;
}

function shown(name: string, reply: Reply): string {
  const read = DOUBLES.test(name) ? doublesRead(reply) : reply;
  return show(UNORDERED.has(name) ? sorted(read) : UNORDERED_PAIRS.has(name) ? pairsSorted(read) : read);
}

function doublesRead(reply: Reply): Reply {
  if (reply.kind === 'array') return { ...reply, items: reply.items.map(doublesRead) };
  if (reply.kind !== 'bulk' || !/^-?\d+\.?\d*(e[+-]?\d+)?$/.test(reply.bytes.toString('latin1')))
    return reply;
  return { kind: 'double', value: Number(reply.bytes.toString()) };
}

/** Of a walk the cursor stays in front. */
function pairsSorted(reply: Reply): Reply {
  if (reply.kind !== 'array') return reply;
  const [cursor, elements] = reply.items;
  if (elements?.kind === 'array') return { ...reply, items: [cursor!, pairsSorted(elements)] };
  const pairs: Reply[] = [];
  for (let at = 0; at < reply.items.length; at += 2) {
    pairs.push({ kind: 'array', items: reply.items.slice(at, at + 2) });
  }
  return { kind: 'array', items: pairs.sort((one, other) => (show(one) < show(other) ? -1 : 1)) };
}

function sorted(reply: Reply): Reply {
  if (reply.kind !== 'array') return reply;
  const items = reply.items.map(sorted).sort((one, other) => (show(one) < show(other) ? -1 : 1));
  return { kind: 'array', items };
}
