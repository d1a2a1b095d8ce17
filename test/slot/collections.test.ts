/**
 * Strings and collections in pages against the same ones as plain arrays: the real commands on a state with tiny pages, through
 * faults, checkpoints half done, evictions, clears and restarts, give the replies that they give on whole records in memory
 * (which the conformance tests hold against a real Redis). And what is gone leaves nothing behind.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateMachine } from '../../src/commands/state-machine.js';
import { type Random, seededRandom } from '../../src/random.js';
import type { BodyLimits } from '../../src/slot/body.js';
import { given } from '../../src/slot/cell.js';
import type { CheckpointSettings } from '../../src/slot/checkpoint.js';
import { type CommandGroup, decodeEntry } from '../../src/slot/entry.js';
import type { StateMachine } from '../../src/slot/machine.js';
import { lifeOf } from '../../src/slot/state.js';
import { FakeSlot } from '../commands/fake-slot.js';
import { show } from '../commands/harness.js';
import { runs } from '../runs.js';
import { CHECKPOINT, Home } from './home.js';
import { noLeftovers } from './leftovers.js';

/** Others by TALUS_COLLECTION_SEED. */
const FIRST_SEED = Number(process.env.TALUS_COLLECTION_SEED ?? 1);
const SEEDS = 20;
const STEPS = 150;
/** Pages of two entries or three, trees of four levels and more. */
const TINY: BodyLimits = {
  inlineEntriesMax: 3,
  inlineBytesMax: 60,
  pageBytesTarget: 64,
  stringBytesMax: 20,
  chunkBytes: 7,
};
const SMALL: BodyLimits = {
  inlineEntriesMax: 8,
  inlineBytesMax: 200,
  pageBytesTarget: 200,
  stringBytesMax: 60,
  chunkBytes: 32,
};

/** The commands; `boom` before one runs it and then breaks, so that what it did must go. */
const machine: StateMachine<string> = {
  read: (view, argv, ctx) => show(stateMachine.read(view, argv, ctx)),
  apply(txn, argv, ctx) {
    const broken = argv[0]!.toString() === 'boom';
    const { reply, failed } = stateMachine.apply(txn, broken ? argv.slice(1) : argv, ctx);
    return { reply: show(reply), failed: failed || broken };
  },
  keys: (argv) => stateMachine.keys(argv[0]!.toString() === 'boom' ? argv.slice(1) : argv),
};

test('paged collections answer as whole ones do, whatever happens between two entries', async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + runs(SEEDS); seed++) await new Story(seed).run();
});

class Story {
  private readonly random: Random;
  private readonly home: Home;
  private readonly model = new FakeSlot(1000);
  private readonly settings: CheckpointSettings;

  constructor(private readonly seed: number) {
    // Every third has batches so small that nearly all pages go ahead of them.
    this.settings = seed % 3 === 0 ? { ...CHECKPOINT, checkpointBytesMax: 900 } : CHECKPOINT;
    this.random = seededRandom(seed, 9);
    this.home = new Home(seededRandom(seed, 1), seed % 2 === 0 ? TINY : SMALL, machine);
    if (seed % 3 !== 0) this.home.expiriesKept = 1;
  }

  async run(): Promise<void> {
    try {
      await this.home.open(this.settings);
      for (let step = 0; step < STEPS; step++) await this.step();
      await this.compare();
      await noLeftovers(this.home);
    } catch (why) {
      throw new Error(`seed ${this.seed}: ${String(why)}`, { cause: why });
    }
  }

  private async step(): Promise<void> {
    const { home, random } = this;
    const dice = random.below(100);
    if (dice < 62) await this.append();
    else if (dice < 70) await this.read();
    else if (dice < 78) void home.checkpointer.round();
    else if (dice < 82) await home.bag.until(home.checkpointer.round());
    else if (dice < 90) home.state.evict(random.below(home.state.poolBytes + 1));
    else if (dice < 96) await home.bag.draw();
    else if (dice < 99) await home.restart(random.below(2) === 0, this.settings);
    else await this.compare();
    assert.equal(home.state.keys, this.model.contents().length, 'keys');
  }

  private async append(): Promise<void> {
    const { random } = this;
    this.model.nowMs += random.below(3) === 0 ? random.below(40) : 0;
    const entry = {
      rules: 1,
      timeMs: this.model.nowMs,
      seedHigh: random.u32(),
      seedLow: random.u32(),
      groups: Array.from({ length: 1 + random.below(3) }, () => this.group()),
    };
    const position = { at: 0 };
    const expected = entry.groups.map((group) =>
      this.modelled(group, () => seededRandom(entry.seedHigh, entry.seedLow, position.at++)),
    );
    assert.deepEqual(await this.home.append(entry), expected, JSON.stringify(entry.groups.map(words)));
  }

  private group(): CommandGroup {
    const { random } = this;
    const kind = random.below(3) === 0 ? 'atomic' : 'lone';
    if (random.below(10) === 0) return { kind, commands: comeAndGone(random).map(bytes) };
    return { kind, commands: Array.from({ length: 1 + random.below(4) }, () => bytes(command(random))) };
  }

  /** What the group answers on whole records. */
  private modelled({ kind, commands }: CommandGroup, dice: () => Random): string[] {
    const { model } = this;
    return commands.map((argv) => {
      const txn = model.begin();
      const ctx = { nowMs: model.nowMs, index: 1, random: dice() };
      const { reply, failed } = machine.apply(txn, argv, ctx);
      assert.ok(kind === 'atomic' || kind === 'lone');
      if (!failed) model.commit(txn);
      assert.notEqual(reply, '-ERR internal error', words({ kind, commands }).join());
      return reply;
    });
  }

  private async read(): Promise<void> {
    const argv = bytes(this.random.below(2) === 0 ? wholeRead(this.random) : command(this.random, true));
    await this.same(argv);
  }

  private async same(argv: readonly Buffer[]): Promise<void> {
    const { home, model } = this;
    // A read's time is the slot's: what has died since the last entry would ask for a clock entry first.
    const nowMs = home.lastStampMs || model.nowMs;
    const ctx = { nowMs, index: 1, random: seededRandom(1) };
    const expected = machine.read(model.begin(), argv, ctx);
    assert.equal(await home.readArgv(argv, nowMs), expected, argv.join(' '));
  }

  private async compare(): Promise<void> {
    for (const [kind, command] of WHOLE) {
      for (let number = 0; number < KEYS; number++) await this.same(bytes([...command(`${kind}${number}`)]));
    }
  }
}

const KEYS = 3;

function words({ kind, commands }: CommandGroup): string[] {
  return [kind, ...commands.map((argv) => argv.join(' '))];
}

function bytes(words: readonly string[]): Buffer[] {
  return words.map((word) => Buffer.from(word, 'latin1'));
}

const WHOLE: readonly (readonly ['h' | 's' | 'z' | 'l' | 't', (key: string) => readonly string[]])[] = [
  ['h', (key) => ['hgetall', key]],
  ['s', (key) => ['smembers', key]],
  ['z', (key) => ['zrange', key, '0', '-1', 'withscores']],
  ['z', (key) => ['zscan', key, '0', 'count', '1000']],
  ['l', (key) => ['lrange', key, '0', '-1']],
  ['t', (key) => ['get', key]],
];

function wholeRead(random: Random): readonly string[] {
  const [kind, command] = WHOLE[random.below(WHOLE.length)]!;
  return command(`${kind}${random.below(KEYS)}`);
}

/** Growth outweighs shrinking until something takes all away. */
function command(random: Random, readOnly = false): string[] {
  const pick = <Item>(items: readonly Item[]): Item => items[random.below(items.length)]!;
  const number = (): string => String(random.below(70));
  const many = <Item>(make: () => Item): Item[] => Array.from({ length: 1 + random.below(12) }, make);
  const key = (kind: string): string => `${kind}${random.below(KEYS)}`;
  const element = (): string =>
    pick([`e${number()}`, `e${number()}`, `${'long'.repeat(random.below(40))}${number()}`, '']);
  const rank = (): string => String(random.below(90) - 30);
  const letters = (most: number): string =>
    String.fromCharCode(97 + random.below(26)).repeat(random.below(2) * random.below(most));
  const place = (): string => String(random.below(260));
  const scored = (): string[] => many(() => [String(random.below(20) / 2 - 3), element()]).flat();
  const reads: (() => string[])[] = [
    () => ['hget', key('h'), element()],
    () => ['hmget', key('h'), ...many(element)],
    () => ['hlen', key('h')],
    () => ['hscan', key('h'), '0', 'count', '500'],
    () => ['hrandfield', key('h'), pick(['5', '-5', '40']), 'withvalues'],
    () => ['smismember', key('s'), ...many(element)],
    () => ['srandmember', key('s'), pick(['1', '5', '-7'])],
    () => ['zrank', key('z'), element()],
    () => ['zrevrank', key('z'), element()],
    () => ['zmscore', key('z'), ...many(element)],
    () => ['zrange', key('z'), rank(), rank(), 'withscores', ...pick([['rev'], []])],
    () => ['zrangebyscore', key('z'), '(-1', '2', 'limit', '1', '7'],
    () => ['zcount', key('z'), '0', '(3'],
    () => ['lindex', key('l'), rank()],
    () => ['lrange', key('l'), rank(), rank()],
    () => ['llen', key('l')],
    () => ['type', key(pick(['h', 's', 'z', 'l', 't']))],
    () => ['getrange', key('t'), rank(), rank()],
    () => ['substr', key('t'), place(), place()],
    () => ['strlen', key('t')],
    () => ['mget', key('t'), key('h'), key('t')],
  ];
  const writes: (() => string[])[] = [
    () => ['hset', key('h'), ...many(() => [element(), element()]).flat()],
    () => ['hset', key('h'), ...many(() => [element(), element()]).flat()],
    () => ['hdel', key('h'), ...many(element)],
    () => ['hincrby', key('h'), `n${number()}`, '5'],
    () => ['sadd', key('s'), ...many(element)],
    () => ['sadd', key('s'), ...many(element)],
    () => ['srem', key('s'), ...many(element)],
    () => ['spop', key('s'), pick(['1', '3', '1000'])],
    () => ['zadd', key('z'), ...scored()],
    () => ['zadd', key('z'), ...pick([['gt'], ['nx'], ['ch']]), ...scored()],
    () => ['zincrby', key('z'), '0.5', element()],
    () => ['zrem', key('z'), ...many(element)],
    () => ['zpopmin', key('z'), '3'],
    () => ['zremrangebyrank', key('z'), rank(), rank()],
    () => ['zremrangebyscore', key('z'), '0', '(1'],
    () => ['rpush', key('l'), ...many(element)],
    () => ['lpush', key('l'), ...many(element)],
    () => [pick(['lpop', 'rpop']), key('l'), '2'],
    () => ['lset', key('l'), rank(), element()],
    () => ['ltrim', key('l'), rank(), rank()],
    () => ['lrem', key('l'), pick(['0', '2', '-1']), element()],
    () => ['linsert', key('l'), 'before', element(), element()],
    () => ['append', key('t'), letters(30)],
    () => ['append', key('t'), letters(200)],
    () => ['setrange', key('t'), place(), letters(40)],
    () => ['setrange', key('t'), String(random.below(60)), letters(300)],
    () => ['set', key('t'), letters(300), ...pick([[], ['get'], ['keepttl'], ['xx', 'get'], ['px', '50']])],
    () =>
      pick([
        ['getset', key('t'), letters(90)],
        ['getdel', key('t')],
        ['getex', key('t'), 'px', '40'],
      ]),
    () =>
      pick([
        ['incr', key('t')],
        ['incrbyfloat', key('t'), '1.5'],
        ['setnx', key('t'), letters(100)],
      ]),
    () => ['mset', key('t'), letters(200), key('t'), letters(200)],
    () => {
      const kind = pick(['h', 's', 'z', 'l', 't']);
      return pick([
        ['rename', key(kind), key(kind)],
        ['copy', key(kind), key(kind), 'replace'],
        ['del', key(kind), key(kind)],
        ['pexpire', key(kind), '60'],
        ['persist', key(kind)],
        ['set', key(kind), 'v'],
        ['del', key(kind)],
      ]);
    },
    () => (random.below(6) === 0 ? ['flushdb'] : ['hset', key('h'), element(), element()]),
    // Fails after it has changed much: nothing may stay.
    () => ['zadd', key('z'), 'incr', 'inf', element()],
  ];
  if (readOnly || random.below(4) === 0) return pick(reads)();
  const words = pick(writes)();
  return random.below(12) === 0 ? ['boom', ...words] : words;
}

/** A key gets large and is gone, or somewhere else, before anyone has seen it. */
function comeAndGone(random: Random): string[][] {
  const names = Array.from({ length: 12 }, () => `e${random.below(70)}`);
  const goes = [
    ['del', 's0'],
    ['set', 's0', 'v'],
    ['rename', 's0', 's1'],
    ['flushdb'],
    ['spop', 's0', '1000'],
  ];
  return [
    ['del', 's0'],
    ['sadd', 's0', ...names],
    ['sadd', 's0', ...names.map((name) => `${name}x`)],
    goes[random.below(goes.length)]!,
  ];
}

test('an entry decides alike with pages that are cold, and replays alike', async () => {
  const home = new Home(seededRandom(5), TINY, machine);
  await home.open(CHECKPOINT);
  const entry = (...lines: string[]) =>
    home.append({
      rules: 1,
      timeMs: 1000,
      seedHigh: 1,
      seedLow: 1,
      groups: [{ kind: 'atomic' as const, commands: lines.map((line) => bytes(line.split(' '))) }],
    });
  const pairs = Array.from({ length: 200 }, (_, i) => `${i} m${i}`).join(' ');
  await entry(`zadd z ${pairs}`);
  await home.bag.until(home.checkpointer.round());
  home.state.evict(0);
  home.faults = 0;
  const [replies] = await entry('zrank z m150', 'zrange z 100 101', 'zadd z 100.5 new', 'zrank z m150');
  assert.deepEqual(replies, [':150', '["m100", "m101"]', ':1', ':151']);
  assert.ok(home.faults > 4, 'pages were cold');
  const replayed = await home.restart(true, CHECKPOINT);
  assert.deepEqual(replayed, [[replies]]);
  assert.equal(decodeEntry(home.log[0]!).timeMs, 1000);
});

test('a page that was read before it was changed, written and evicted is not taken for the newest', async () => {
  const home = new Home(seededRandom(6), TINY, machine);
  await home.open(CHECKPOINT);
  const entry = (line: string) =>
    home.append({
      rules: 1,
      timeMs: 1000,
      seedHigh: 1,
      seedLow: 1,
      groups: [{ kind: 'lone' as const, commands: [bytes(line.split(' '))] }],
    });
  await entry(`rpush l ${Array.from({ length: 8 }, (_, i) => `old${i}`).join(' ')}`);
  await home.bag.until(home.checkpointer.round());
  const record = home.state.find('l');
  assert.ok(record !== undefined && record !== 'absent');
  const life = lifeOf(record.record)!;
  const all = Array.from({ length: 20 }, (_, i) => ({ life, page: i + 1 }));
  home.state.evict(0);
  await home.readArgv(bytes(['lrange', 'l', '0', '-1']));
  const known = all.filter((at) => home.state.pages.find(at) !== undefined);
  home.state.evict(0);
  // The engine has answered, and the answer is late.
  const getMany = home.engine.getMany.bind(home.engine);
  let arrive = (): void => {};
  const late = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  home.engine.getMany = async (keys) => {
    home.engine.getMany = getMany;
    const values = await getMany(keys);
    await late;
    return values;
  };
  const reading = home.state.loadPages(known);
  for (let draws = 0; draws < 5; draws++) await home.bag.draw();
  await entry('lset l 3 new');
  await home.bag.until(home.checkpointer.round());
  home.state.evict(0);
  arrive();
  await home.bag.until(reading);
  assert.match(await home.read('lindex l 3'), /new/);
});

test('a command on cold pages runs again as often as its trees are deep, and not once a page', async () => {
  const home = new Home(seededRandom(7), SMALL, machine);
  await home.open(CHECKPOINT);
  const run = async (...lines: string[]): Promise<number> => {
    await home.bag.until(home.checkpointer.round());
    home.state.evict(0);
    home.faults = 0;
    const commands = lines.map((line) => bytes(line.split(' ')));
    const groups = [{ kind: 'lone' as const, commands }];
    await home.append({ rules: 1, timeMs: 1000, seedHigh: 1, seedLow: 1, groups });
    return home.faults;
  };
  const names = Array.from({ length: 2000 }, (_, i) => `m${i}`);
  await run(`zadd z ${names.map((name, i) => `${i} ${name}`).join(' ')}`, `rpush l ${names.join(' ')}`);
  const cell = home.state.find('z');
  assert.ok(cell !== undefined && cell !== 'absent' && cell.record !== undefined);
  const record = given(cell.record);
  assert.ok(record.kind === 'zset' && record.body.form === 'paged');
  const [members, scores] = record.body.roots;
  const depth = Math.max(members!.height, scores!.height);
  const some = names.filter((_, i) => i % 40 === 7);
  // One load for the key's record, and both trees on the way.
  for (const [line, most] of [
    ['zrank z m1000', 2 * depth + 1],
    ['zcount z 100 (1500', 2 * depth + 1],
    ['zrange z 1000 1009', depth + 3],
    [`zmscore z ${some.join(' ')}`, depth + 1],
    ['zrandmember z 50', depth + 1],
    // A page that is left half empty looks at its neighbour.
    [`zrem z ${some.slice(0, 20).join(' ')}`, 2 * depth + 20],
    [
      `zadd z ${some
        .slice(20)
        .map((name, i) => `${i * 61} ${name}`)
        .join(' ')}`,
      2 * depth + 30,
    ],
    ['zrange z 0 -1', depth + 3],
    ['lindex l 1000', depth + 2],
    ['lrange l 0 -1', depth + 3],
    ['del z', 1],
  ] as const) {
    const faults = await run(line);
    assert.ok(faults <= most, `${line.slice(0, 20)}: ${faults} loads, ${depth} levels`);
  }
});

test('a huge key goes at once, its pages in bounded steps through power cuts, and its name is free meanwhile', async () => {
  const home = new Home(seededRandom(8), TINY, machine);
  // So much is dirty, as it were, that a round has one step of clearing and no more.
  const settings = { ...CHECKPOINT, dirtyBytesTarget: -1 };
  await home.open(settings);
  const entry = (line: string) =>
    home.append({
      rules: 1,
      timeMs: 1000,
      seedHigh: 1,
      seedLow: 1,
      groups: [{ kind: 'lone' as const, commands: [bytes(line.split(' '))] }],
    });
  const pagesLeft = async (): Promise<number> =>
    (await home.rows()).filter(([key]) => key.readUInt16BE(4) >= 0x4000 && key.readUInt16BE(4) < 0x8000)
      .length;
  const items = Array.from({ length: 18_000 }, (_, i) => `item${i}`).join(' ');
  await entry(`rpush l ${items}`);
  await home.bag.until(home.checkpointer.round());
  const most = await pagesLeft();
  assert.ok(most > 2500, `${most} pages`);
  await entry('del l');
  await entry('rpush l a b c d e f');
  const own = '["a", "b", "c", "d", "e", "f"]';
  let rounds = 0;
  for (; home.state.pages.mayReclaim || home.state.hasUnwritten; rounds++) {
    assert.ok(rounds < 50, 'never ends');
    await home.bag.until(home.checkpointer.round());
    assert.equal(await home.read('lrange l 0 -1'), own);
    if (rounds % 2 === 0) await home.restart(true, settings);
  }
  assert.ok(rounds > 2, 'in one go');
  home.state.evict(0);
  assert.equal(await home.read('lrange l 0 -1'), own);
  assert.ok((await pagesLeft()) < 20);
});
