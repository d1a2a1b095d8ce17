/**
 * Seeded commands over few keys and telling values, so that they meet each other's effects.
 *
 * Times are far away or long past, and no two are close: what one millisecond more or less decides would prove nothing.
 */
import { type Random, seededRandom } from '../../src/random.js';

const KEYS = ['a', 'b', 'c', 'd', 'e:1', 'e:2'];
const VALUES = [
  '',
  '0',
  '1',
  '-1',
  '41',
  '007',
  'abc',
  'hello world',
  '3.5',
  '-0.125',
  '1e3',
  '9007199254740991',
  '9223372036854775807',
  '-9223372036854775808',
  '99999999999999999999',
  '\u0000\r\n\u00ff',
  'x'.repeat(200),
];
const INTEGERS = [
  '0',
  '1',
  '-1',
  '5',
  '-7',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  'x',
];
const FLOATS = ['0.1', '-0.1', '1e10', '2.5e-3', '100', '1234.5678', '-1e17', '7', 'nan', '.5', '1e-19'];
const ODD_SECONDS = ['-1', '0', 'x', '9223372036854775807'];
const MOMENTS = ['32503680000', '1', '32503680999', '0', '-4'];
const INDEXES = ['0', '1', '-1', '3', '-3', '10', '-10', '100', '-100'];
const ELEMENTS = ['a', 'b', 'c', 'd', '', '1', '2', '10', '-3', 'long '.repeat(20)];
const SCORES = ['0', '1', '-1', '2.5', '1e3', '-inf', 'inf', '3', '3', 'x', '0.1'];
const SCORE_BOUNDS = ['-inf', '+inf', '0', '1', '(1', '(2.5', '3', '(-inf', 'x', '1000'];
const LEX_BOUNDS = ['-', '+', '[a', '(a', '[c', '(c', '[', 'b'];
const ADD_OPTIONS = ['nx', 'xx', 'gt', 'lt', 'ch', 'CH', 'incr'];
const CONDITIONS = ['nx', 'xx', 'gt', 'lt', 'NX', 'foo'];

type Make = (dice: Dice) => string[];

class Dice {
  constructor(private readonly random: Random) {}

  pick<Item>(items: readonly Item[]): Item {
    return items[this.random.below(items.length)]!;
  }

  key(): string {
    return this.pick(KEYS);
  }

  value(): string {
    return this.pick(VALUES);
  }

  keys(): string[] {
    return Array.from({ length: 1 + this.random.below(4) }, () => this.key());
  }

  pairs(): string[] {
    return this.keys().flatMap((key) => [key, this.value()]);
  }

  /** Mostly of one type a key, so that commands of that type find something. */
  of(type: string): string {
    return this.random.below(12) === 0 ? this.key() : `${type}:${this.random.below(3)}`;
  }

  elements(): string[] {
    return Array.from({ length: 1 + this.random.below(4) }, () => this.pick(ELEMENTS));
  }

  valued(items: readonly string[]): string[] {
    return this.elements().flatMap((element) => [element, this.pick(items)]);
  }

  scored(): string[] {
    return this.elements().flatMap((element) => [this.pick(SCORES), element]);
  }

  bounds(items: readonly string[]): string[] {
    return [this.pick(items), this.pick(items)];
  }

  limit(): string[] {
    return this.random.below(3) === 0
      ? ['limit', this.pick(['0', '1', '-1', '3']), this.pick(['0', '1', '2', '-1'])]
      : [];
  }

  /** Mostly a time of its own, so that GT and LT never hang on the moment of the call. */
  seconds(): string {
    return this.random.below(4) === 0
      ? this.pick(ODD_SECONDS)
      : String(100 * (1 + this.random.below(1_000_000)));
  }

  /** None, one or two of the words. */
  some(items: readonly string[]): string[] {
    return Array.from({ length: Math.max(0, this.random.below(4) - 1) }, () => this.pick(items));
  }

  setOptions(): string[] {
    const option = () =>
      this.pick([
        ['nx'],
        ['xx'],
        ['get'],
        ['keepttl'],
        ['ex', this.seconds()],
        ['px', `${this.seconds()}000`],
        ['exat', this.pick(MOMENTS)],
        ['pxat', `${this.pick(MOMENTS)}000`],
        ['persist'],
      ]);
    return Array.from({ length: this.random.below(3) }, option).flat();
  }
}

const MAKERS: readonly Make[] = [
  (dice) => ['set', dice.key(), dice.value()],
  (dice) => ['set', dice.key(), dice.value(), ...dice.setOptions()],
  (dice) => ['get', dice.key()],
  (dice) => ['getset', dice.key(), dice.value()],
  (dice) => ['getdel', dice.key()],
  (dice) => ['getex', dice.key(), ...dice.setOptions()],
  (dice) => ['setnx', dice.key(), dice.value()],
  (dice) => ['setex', dice.key(), dice.seconds(), dice.value()],
  (dice) => ['psetex', dice.key(), `${dice.seconds()}000`, dice.value()],
  (dice) => ['mget', ...dice.keys()],
  (dice) => ['mset', ...dice.pairs()],
  (dice) => ['msetnx', ...dice.pairs()],
  (dice) => ['append', dice.key(), dice.value()],
  (dice) => ['strlen', dice.key()],
  (dice) => ['getrange', dice.key(), dice.pick(INDEXES), dice.pick(INDEXES)],
  (dice) => ['setrange', dice.key(), dice.pick(INDEXES), dice.value()],
  (dice) => ['incr', dice.key()],
  (dice) => ['decr', dice.key()],
  (dice) => ['incrby', dice.key(), dice.pick(INTEGERS)],
  (dice) => ['decrby', dice.key(), dice.pick(INTEGERS)],
  (dice) => ['incrbyfloat', dice.key(), dice.pick(FLOATS)],
  (dice) => ['set', dice.key(), dice.pick(FLOATS)],
  (dice) => ['del', ...dice.keys()],
  (dice) => ['exists', ...dice.keys()],
  (dice) => ['type', dice.key()],
  (dice) => ['rename', dice.key(), dice.key()],
  (dice) => ['renamenx', dice.key(), dice.key()],
  (dice) => ['copy', dice.key(), dice.key(), ...dice.some(['replace'])],
  (dice) => ['expire', dice.key(), dice.seconds(), ...dice.some(CONDITIONS)],
  (dice) => ['pexpire', dice.key(), `${dice.seconds()}000`, ...dice.some(CONDITIONS)],
  (dice) => ['expireat', dice.key(), dice.pick(MOMENTS), ...dice.some(CONDITIONS)],
  (dice) => ['pexpireat', dice.key(), `${dice.pick(MOMENTS)}000`, ...dice.some(CONDITIONS)],
  (dice) => [dice.pick(['ttl', 'pttl', 'expiretime', 'pexpiretime']), dice.key()],
  (dice) => ['persist', dice.key()],
  (dice) => ['keys', dice.pick(['*', 'e:*', '[ab]', '?', 'e:[^1]'])],
];

/** Picks at random are left out: what they take differs. Names are ordered within one score only, so that is what BYLEX meets. */
const COLLECTION_MAKERS: readonly Make[] = [
  (dice) => ['hset', dice.of('h'), ...dice.valued(VALUES)],
  (dice) => ['hmset', dice.of('h'), ...dice.valued(VALUES)],
  (dice) => ['hsetnx', dice.of('h'), dice.pick(ELEMENTS), dice.value()],
  (dice) => [dice.pick(['hget', 'hexists', 'hstrlen']), dice.of('h'), dice.pick(ELEMENTS)],
  (dice) => [dice.pick(['hmget', 'hdel']), dice.of('h'), ...dice.elements()],
  (dice) => [dice.pick(['hlen', 'hgetall', 'hkeys', 'hvals']), dice.of('h')],
  (dice) => ['hincrby', dice.of('h'), dice.pick(ELEMENTS), dice.pick(INTEGERS)],
  (dice) => ['hincrbyfloat', dice.of('h'), dice.pick(ELEMENTS), dice.pick(FLOATS)],
  (dice) => ['sadd', dice.of('s'), ...dice.elements()],
  (dice) => [dice.pick(['srem', 'smismember']), dice.of('s'), ...dice.elements()],
  (dice) => ['sismember', dice.of('s'), dice.pick(ELEMENTS)],
  (dice) => [dice.pick(['scard', 'smembers']), dice.of('s')],
  (dice) => ['spop', dice.of('s'), dice.pick(['0', '100', 'x', '-1'])],
  (dice) => [
    dice.pick(['hscan', 'sscan', 'zscan']),
    dice.pick(['h:0', 's:0', 'z:0', 'none']),
    '0',
    'count',
    '100',
  ],
  (dice) => ['zadd', dice.of('z'), ...dice.some(ADD_OPTIONS), ...dice.scored()],
  (dice) => ['zadd', dice.of('z'), ...dice.scored()],
  (dice) => ['zincrby', dice.of('z'), dice.pick(SCORES), dice.pick(ELEMENTS)],
  (dice) => [dice.pick(['zrem', 'zmscore']), dice.of('z'), ...dice.elements()],
  (dice) => [dice.pick(['zscore', 'zrank', 'zrevrank']), dice.of('z'), dice.pick(ELEMENTS)],
  (dice) => ['zcard', dice.of('z')],
  (dice) => [dice.pick(['zpopmin', 'zpopmax']), dice.of('z'), ...dice.some(['0', '1', '2', 'x', '-1'])],
  (dice) => [
    dice.pick(['zrange', 'zrevrange', 'zremrangebyrank']),
    dice.of('z'),
    ...dice.bounds(INDEXES),
    ...dice.some(['withscores', 'rev']),
  ],
  (dice) => [
    dice.pick(['zrangebyscore', 'zrevrangebyscore']),
    dice.of('z'),
    ...dice.bounds(SCORE_BOUNDS),
    ...dice.some(['withscores']),
    ...dice.limit(),
  ],
  (dice) => [
    'zrange',
    dice.of('z'),
    ...dice.bounds(SCORE_BOUNDS),
    ...dice.some(['withscores', 'rev', 'byscore', 'byscore']),
    ...dice.limit(),
  ],
  (dice) => [dice.pick(['zcount', 'zremrangebyscore']), dice.of('z'), ...dice.bounds(SCORE_BOUNDS)],
  (dice) => ['zadd', 'y', '7', dice.pick(ELEMENTS), '7', dice.pick(ELEMENTS)],
  (dice) => [dice.pick(['zrangebylex', 'zrevrangebylex']), 'y', ...dice.bounds(LEX_BOUNDS), ...dice.limit()],
  (dice) => ['zrange', 'y', ...dice.bounds(LEX_BOUNDS), 'bylex', ...dice.some(['rev']), ...dice.limit()],
  (dice) => [dice.pick(['zlexcount', 'zremrangebylex']), 'y', ...dice.bounds(LEX_BOUNDS)],
  (dice) => [dice.pick(['lpush', 'rpush', 'lpushx', 'rpushx']), dice.of('l'), ...dice.elements()],
  (dice) => [dice.pick(['lpop', 'rpop']), dice.of('l'), ...dice.some(['0', '1', '2', 'x', '-1'])],
  (dice) => ['llen', dice.of('l')],
  (dice) => ['lindex', dice.of('l'), dice.pick(INDEXES)],
  (dice) => ['lrange', dice.of('l'), ...dice.bounds(INDEXES)],
  (dice) => ['ltrim', dice.of('l'), ...dice.bounds(INDEXES)],
  (dice) => ['lset', dice.of('l'), dice.pick(INDEXES), dice.pick(ELEMENTS)],
  (dice) => ['lrem', dice.of('l'), dice.pick(['0', '1', '-1', '2', 'x']), dice.pick(ELEMENTS)],
  (dice) => [
    'linsert',
    dice.of('l'),
    dice.pick(['before', 'after', 'x']),
    dice.pick(ELEMENTS),
    dice.pick(ELEMENTS),
  ],
  (dice) => ['rename', dice.of(dice.pick(['h', 's', 'z', 'l'])), dice.of(dice.pick(['h', 's', 'z', 'l']))],
  (dice) => ['copy', dice.of('z'), dice.of('z'), ...dice.some(['replace'])],
  (dice) => ['del', dice.of(dice.pick(['h', 's', 'z', 'l']))],
  (dice) => ['type', dice.of(dice.pick(['h', 's', 'z', 'l']))],
];

export function* randomSequence(seed: number, count: number): Generator<Buffer[]> {
  const random = seededRandom(seed);
  const dice = new Dice(random);
  for (let made = 0; made < count; made++) {
    yield dice
      .pick(random.below(2) === 0 ? MAKERS : COLLECTION_MAKERS)(dice)
      .map((word) => Buffer.from(word, 'latin1'));
  }
}
