/**
 * A slot's state against a plain Map, through everything that may happen between two entries: checkpoints half done,
 * evictions, clears, restarts with and without the page cache. What comes out must never depend on any of it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, seededRandom } from '../../src/random.js';
import { given } from '../../src/slot/cell.js';
import type { CommandEntry, CommandGroup } from '../../src/slot/entry.js';
import { decodeEntry } from '../../src/slot/entry.js';
import { hash32 } from '../../src/slot/keys.js';
import { runs } from '../runs.js';
import { CHECKPOINT, Home } from './home.js';
import { argv, Model, show } from './tiny-machine.js';

const KEYS = 24;
const SEEDS = 40;
const STEPS = 60;

test('any history of entries, checkpoints, evictions, clears and restarts equals the model, reply by reply', async () => {
  for (let seed = 1; seed <= runs(SEEDS); seed++) await new Story(seed).run();
});

class Story {
  private readonly random: Random;
  private readonly home: Home;
  private readonly model = new Model();
  private readonly replies: string[][][] = [];
  private timeMs = 1000;

  constructor(private readonly seed: number) {
    this.random = seededRandom(seed);
    this.home = new Home(seededRandom(seed, 1));
    if (seed % 2 === 0) this.home.expiriesKept = 2;
  }

  async run(): Promise<void> {
    try {
      await this.home.open();
      for (let step = 0; step < STEPS; step++) await this.step();
      await this.compare();
      await this.noLeftovers();
    } catch (why) {
      throw new Error(`seed ${this.seed}`, { cause: why });
    }
  }

  private async step(): Promise<void> {
    const { home, random } = this;
    const dice = random.below(100);
    if (dice < 70) await this.append();
    else if (dice < 80) void home.checkpointer.round();
    else if (dice < 84) await home.bag.until(home.checkpointer.round());
    else if (dice < 90) home.state.evict(random.below(home.state.poolBytes + 1));
    else if (dice < 95) await home.bag.draw();
    else if (dice < 97) await this.restart();
    else await this.compare();
    assert.equal(home.state.keys, this.model.records.size, 'keys');
  }

  private async append(): Promise<void> {
    this.timeMs += this.random.below(4) === 0 ? this.random.below(60) : 0;
    const entry: CommandEntry = {
      rules: 1,
      timeMs: this.timeMs,
      seedHigh: this.random.u32(),
      seedLow: this.random.u32(),
      groups: Array.from({ length: this.random.below(4) }, () => this.group()),
    };
    const expected = this.model.apply(entry, this.home.log.length + 1);
    this.replies.push(expected);
    assert.deepEqual(await this.home.append(entry), expected);
  }

  private group(): CommandGroup {
    const kind = this.random.below(3) === 0 ? 'atomic' : 'lone';
    return { kind, commands: Array.from({ length: 1 + this.random.below(3) }, () => argv(this.command())) };
  }

  private command(): string {
    const { random } = this;
    const key = this.key();
    const dice = random.below(60);
    if (dice < 18) return `set ${key} ${random.u32()}`;
    if (dice < 28) return `expire ${key} ${this.timeMs + random.below(120) - 10}`;
    if (dice < 36) return `del ${key}`;
    if (dice < 40) return `both ${key} ${this.key()} ${random.u32()}`;
    if (dice < 44) return `roll ${key}`;
    if (dice < 48) return `boom ${key}`;
    if (dice < 52) return `get ${key}`;
    if (dice < 56) return 'size';
    // A wide page: how pages are cut may depend on what is in memory, what is in them may not.
    if (dice < 59) return 'scan 0 1000';
    return random.below(3) === 0 ? 'clear' : 'size';
  }

  /** Few keys, some of which share a hash slot, one with zeros in it. */
  private key(): string {
    const number = this.random.below(KEYS);
    return number % 3 === 0 ? `{tag}${number}` : `k\0${number}`;
  }

  private async restart(): Promise<void> {
    const from = this.home.durableIndex;
    const replayed = await this.home.restart(this.random.below(2) === 0);
    const first = this.home.log.length - replayed.length;
    assert.ok(first >= from, 'what a finished checkpoint held is there');
    assert.deepEqual(replayed, this.replies.slice(first), 'a replay answers what the first run answered');
    this.timeMs = Math.max(this.timeMs, ...this.home.log.slice(-1).map((data) => decodeEntry(data).timeMs));
  }

  private async compare(): Promise<void> {
    const { home, model } = this;
    for (let number = 0; number < KEYS; number++) {
      const key = number % 3 === 0 ? `{tag}${number}` : `k\0${number}`;
      assert.equal(await home.read(`get ${key}`), show(model.records.get(key)));
    }
    assert.equal(await home.read('size'), String(model.records.size));
    for (const count of [1, 3, 1000]) assert.deepEqual(await scanAll(home, count), model.names);
  }

  /** Once all is written and garbage is gone, the engine holds this state and nothing else. */
  private async noLeftovers(): Promise<void> {
    const { home, model } = this;
    for (let round = 0; round < 10; round++) await home.bag.until(home.checkpointer.round());
    const rows = home.engine.iterate({ from: Buffer.alloc(0), to: Buffer.alloc(4, 0xff) });
    const found = await home.bag.until(rows.next(10_000));
    const own = found.filter(([key]) => key.readUInt32BE() !== 0);
    assert.ok(
      own.every(([key]) => key.readUInt32BE() === home.state.stateId),
      'only the newest state',
    );
    assert.equal(own.length, home.log.length === 0 ? 0 : model.records.size + model.expiring + 1);
    assert.ok(found.length - own.length <= 2, 'one pointer, one counter');
  }
}

async function scanAll(home: Home, count: number): Promise<string[]> {
  const names: string[] = [];
  for (let from = '0'; from !== 'end'; ) {
    const page = await home.read(`scan ${from} ${count}`);
    const [next, ...keys] = page.split(/: | /);
    names.push(...keys.filter((name) => name !== ''));
    from = next!;
  }
  return names;
}

test('a scan meets every key that is there all the while, whatever happens to the others between its pages', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = seededRandom(seed);
    const home = new Home(seededRandom(seed, 1));
    await home.open();
    const entry = (...lines: string[]): Promise<string[][]> =>
      home.append({
        rules: 1,
        timeMs: 1000,
        seedHigh: 1,
        seedLow: 1,
        groups: [{ kind: 'lone', commands: lines.map(argv) }],
      });
    const stays = Array.from({ length: 40 }, (_, i) => `stays${i}`);
    for (const name of stays) await entry(`set ${name} v`, `set goes${name} v`);
    await home.bag.until(home.checkpointer.round());
    const seen = new Set<string>();
    for (let from = '0'; from !== 'end'; ) {
      const [next, ...keys] = (await home.read(`scan ${from} 3`)).split(/: | /);
      for (const name of keys) seen.add(name);
      from = next!;
      const victim = `goes${stays[random.below(stays.length)]}`;
      await entry(
        random.below(2) === 0 ? `del ${victim}` : `set ${victim} again`,
        `set ${stays[random.below(40)]} w`,
      );
      if (random.below(3) === 0) home.state.evict(0);
      if (random.below(3) === 0) await home.bag.until(home.checkpointer.round());
    }
    for (const name of stays) assert.ok(seen.has(name), `${name}, seed ${seed}`);
  }
});

test('keys that share a position stay together, though the page asked for fewer', async () => {
  // No two short keys collide by chance, so the tag gives the hash slot and 32 bits are found by search.
  const [one, other] = collision();
  const home = new Home(seededRandom(3));
  await home.open();
  for (const key of [one, other, `{${TAG}}x`, `{${TAG}}y`]) {
    await home.append({
      rules: 1,
      timeMs: 1,
      seedHigh: 0,
      seedLow: 0,
      groups: [{ kind: 'lone', commands: [argv(`set ${key} v`)] }],
    });
  }
  for (const written of [false, true]) {
    if (written) await home.bag.until(home.checkpointer.round());
    home.state.evict(0);
    const pages: string[][] = [];
    for (let from = '0'; from !== 'end'; ) {
      const [next, ...keys] = (await home.read(`scan ${from} 1`)).split(/: | /);
      pages.push(keys.filter((name) => name !== ''));
      from = next!;
    }
    const together = pages.find((keys) => keys.includes(one));
    assert.ok(together?.includes(other), JSON.stringify(pages));
    assert.equal(pages.flat().length, 4);
  }
});

const TAG = 'tag';

function collision(): [string, string] {
  const seen = new Map<number, string>();
  for (let number = 0; ; number++) {
    const key = `{${TAG}}${number.toString(36)}`;
    const hash = hash32(Buffer.from(key));
    const before = seen.get(hash);
    if (before !== undefined) return [before, key];
    seen.set(hash, key);
  }
}

test('more keys due than one entry removes: the rest is dead to all, and goes with the next entries', async () => {
  const home = new Home(seededRandom(9));
  home.expiriesKept = 50;
  await home.open();
  const groups = (lines: string[]): CommandGroup[] =>
    lines.map((line) => ({ kind: 'lone', commands: [argv(line)] }));
  const at = (timeMs: number, lines: string[]): Promise<string[][]> =>
    home.append({ rules: 1, timeMs, seedHigh: 0, seedLow: 0, groups: groups(lines) });
  const names = Array.from({ length: 1500 }, (_, i) => `k${i}`);
  await at(
    1,
    names.flatMap((name) => [`set ${name} v`, `expire ${name} 100`]),
  );
  assert.equal(home.state.keys, 1500);
  await home.bag.until(home.checkpointer.round());
  home.state.evict(0);
  // Dead to a write at once, though its removal is still to come.
  const dead = await at(100, ['get k1499', 'del k1499', 'set k1498 new']);
  assert.deepEqual(dead, [['(none)'], ['0'], ['ok']]);
  assert.ok(home.state.keys > 400);
  await at(100, []);
  assert.equal(home.state.keys, 1);
  assert.equal(home.state.expiry.nextMs, Infinity);
});

test('clearing garbage leaves the round to what is dirty, and begins again after a crash', async () => {
  const home = new Home(seededRandom(11));
  // Always more dirty than wished for: the least that a round clears is what it clears.
  const busy = { ...CHECKPOINT, dirtyBytesTarget: -1 };
  await home.open(busy);
  const commands = Array.from({ length: 2500 }, (_, i) => argv(`set k${i} v`));
  const append = (lines: Buffer[][]): Promise<string[][]> =>
    home.append({
      rules: 1,
      timeMs: 1,
      seedHigh: 0,
      seedLow: 0,
      groups: [{ kind: 'lone', commands: lines }],
    });
  const round = (): Promise<void> => home.bag.until(home.checkpointer.round());
  const left = async (): Promise<number> => {
    const rows = home.engine.iterate({ from: Buffer.from([0, 0, 0, 1]), to: Buffer.alloc(4, 0xff) });
    return (await home.bag.until(rows.next(10_000))).length;
  };
  await append(commands);
  await round();
  assert.equal(await left(), 2501);
  await append([argv('clear')]);
  await round();
  assert.equal(await left(), 1502);
  await home.restart(true);
  await round();
  await round();
  assert.equal(await left(), 1);
});

test('a record that was read before it was changed, written and evicted is not taken for the newest', async () => {
  const home = new Home(seededRandom(5));
  await home.open();
  const set = (value: string): Promise<string[][]> =>
    home.append({
      rules: 1,
      timeMs: 1,
      seedHigh: 0,
      seedLow: 0,
      groups: [{ kind: 'lone', commands: [argv(`set a ${value}`)] }],
    });
  const written = async (): Promise<void> => {
    await home.bag.until(home.checkpointer.round());
    home.state.evict(0);
  };
  await set('old');
  await written();
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
  const loading = home.state.load([Buffer.from('a')]);
  for (let draws = 0; draws < 5; draws++) await home.bag.draw();
  await set('new');
  await written();
  arrive();
  await home.bag.until(loading);
  assert.equal(await home.read('get a'), 'new@never');
});

test('an empty string is a value: counted, found, written and read again', async () => {
  const home = new Home(seededRandom(1));
  await home.open();
  const empty = { kind: 'string', value: Buffer.alloc(0), expireAtMs: undefined } as const;
  for (let times = 0; times < 2; times++) home.state.publish('k', empty);
  assert.equal(home.state.keys, 1);
  await home.bag.until(home.checkpointer.round());
  home.state.evict(0);
  assert.equal(home.state.find('k'), undefined, 'only the engine knows');
  await home.bag.until(home.state.load([Buffer.from('k')]));
  const cell = home.state.find('k');
  assert.ok(cell !== undefined && cell !== 'absent' && cell.record !== undefined);
  assert.deepEqual(given(cell.record), empty);
  home.state.publish('k', undefined);
  assert.equal(home.state.keys, 0);
});
