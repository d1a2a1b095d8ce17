/**
 * Strings about the length at which they go to pages, and far above it, as a real Redis has them: through checkpoints and evictions,
 * so that most of what is read was written, dropped and loaded again.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { stateMachine } from '../../src/commands/state-machine.js';
import { type Random, seededRandom } from '../../src/random.js';
import { BODY_LIMITS } from '../../src/slot/body.js';
import type { StateMachine } from '../../src/slot/machine.js';
import { show } from '../commands/harness.js';
import { CHECKPOINT, Home } from '../slot/home.js';
import { RealRedis } from './real-redis.js';

const BOUND = BODY_LIMITS.stringBytesMax;
const CHUNK = BODY_LIMITS.chunkBytes;
const SEEDS = [1, 2, 3, 4];
const COMMANDS_PER_SEED = 150;

const machine: StateMachine<string> = {
  read: (view, argv, ctx) => show(stateMachine.read(view, argv, ctx)),
  apply(txn, argv, ctx) {
    const { reply, failed } = stateMachine.apply(txn, argv, ctx);
    return { reply: show(reply), failed };
  },
  keys: (argv) => stateMachine.keys(argv),
};

let redis: RealRedis;

before(async () => {
  redis = await RealRedis.start();
});

after(() => redis.stop());

/** Both, side by side. */
class Sides {
  private constructor(readonly home: Home) {}

  static async open(seed: number): Promise<Sides> {
    const home = new Home(seededRandom(seed), BODY_LIMITS, machine);
    await home.open(CHECKPOINT);
    await redis.send([Buffer.from('flushall')]);
    return new Sides(home);
  }

  async compare(...words: string[]): Promise<void> {
    const argv = words.map((word) => Buffer.from(word, 'latin1'));
    const groups = [{ kind: 'lone' as const, commands: [argv] }];
    const replies = await this.home.append({ rules: 1, timeMs: 1000, seedHigh: 1, seedLow: 1, groups });
    const expected = show(await redis.send(argv));
    const line = words.map((word) => (word.length > 40 ? `<${word.length} bytes>` : word)).join(' ');
    assert.ok(replies[0]![0] === expected, `${line}: ${shorten(replies[0]![0]!)}, not ${shorten(expected)}`);
  }

  /** All is written and nothing is in memory. */
  async cool(): Promise<void> {
    await this.home.bag.until(this.home.checkpointer.round());
    this.home.state.evict(0);
  }
}

function shorten(reply: string): string {
  return reply.length < 80 ? reply : `${reply.slice(0, 40)}... of ${reply.length}`;
}

test('just below, at and just above the bound', async () => {
  const both = await Sides.open(1);
  for (const length of [BOUND - 1, BOUND, BOUND + 1]) {
    const value = bytes(length, length);
    for (const cold of [false, true]) {
      await both.compare('set', 'k', value);
      if (cold) await both.cool();
      await both.compare('strlen', 'k');
      await both.compare('get', 'k');
      await both.compare('getrange', 'k', String(CHUNK - 3), String(CHUNK + 3));
      await both.compare('getrange', 'k', '-5', '-1');
      await both.compare('getrange', 'k', String(length - 1), String(length + 10));
      await both.compare('getrange', 'k', String(length), '-1');
      await both.compare('append', 'k', 'xy');
      await both.compare('get', 'k');
      await both.compare('incr', 'k');
      await both.compare('incrbyfloat', 'k', '1.5');
      await both.compare('hget', 'k', 'f');
      await both.compare('type', 'k');
      await both.compare('setrange', 'k', String(BOUND + 3 * CHUNK + 5), 'beyond a gap');
      if (cold) await both.cool();
      await both.compare('get', 'k');
      await both.compare('setrange', 'k', '0', bytes(length, 7));
      await both.compare('copy', 'k', 'c', 'replace');
      await both.compare('append', 'c', 'other');
      await both.compare('mget', 'k', 'none', 'c');
      await both.compare('getset', 'k', 'short again');
      await both.compare('append', 'k', '!');
      await both.compare('rename', 'c', 'k');
      await both.compare('getdel', 'k');
    }
  }
});

for (const seed of SEEDS) {
  test(`random strings on both sides of the bound, seed ${seed}`, async () => {
    const both = await Sides.open(seed);
    const random = seededRandom(seed, 3);
    for (let round = 0; round < COMMANDS_PER_SEED; round++) {
      if (random.below(8) === 0) await both.cool();
      await both.compare(...command(random));
    }
  });
}

function command(random: Random): string[] {
  const pick = <Item>(items: readonly Item[]): Item => items[random.below(items.length)]!;
  const key = (): string => pick(['a', 'b', 'c']);
  const near = (): number =>
    Math.max(0, pick([0, 1, CHUNK, 3 * CHUNK, BOUND, BOUND + CHUNK, 200_000]) + random.below(5) - 2);
  const index = (): string => String(pick([1, -1]) * near());
  return pick([
    () => ['set', key(), bytes(near(), random.u32())],
    () => ['append', key(), bytes(near(), random.u32())],
    () => ['append', key(), 'few'],
    () => ['setrange', key(), String(near()), bytes(near(), random.u32())],
    () => ['setrange', key(), String(near()), 'few'],
    () => ['getrange', key(), index(), index()],
    () => ['getrange', key(), String(near()), String(near())],
    () => ['get', key()],
    () => ['strlen', key()],
    () => ['mget', 'a', 'b', 'c'],
    () => ['set', key(), bytes(near(), random.u32()), 'get'],
    () => ['set', key(), 'v', 'xx', 'get'],
    () => ['mset', key(), bytes(near(), random.u32()), key(), 'v'],
    () => ['copy', key(), key(), 'replace'],
    () => ['renamenx', key(), 'd'],
    () => ['rename', 'd', key()],
    () => ['getex', key(), 'persist'],
    () => ['incrby', key(), '1'],
    () => ['del', key()],
  ])();
}

/** Told apart at every place. */
function bytes(length: number, seed: number): string {
  const out = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) out[at] = (at * 31 + (at >>> 8) * 17 + seed) & 255;
  return out.toString('latin1');
}
