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

export function* randomSequence(seed: number, count: number): Generator<Buffer[]> {
  const random = seededRandom(seed);
  const dice = new Dice(random);
  for (let made = 0; made < count; made++) {
    yield dice
      .pick(MAKERS)(dice)
      .map((word) => Buffer.from(word, 'latin1'));
  }
}
