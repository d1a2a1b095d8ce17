/**
 * What the soak asks for: strings, hashes, lists, sets and sorted sets, written, overwritten, read, shortened, deleted and left to
 * expire, at full speed; and now and then a large key that is built and goes.
 *
 * Every kind has a bounded space of keys and of elements, small enough to be filled within minutes and larger than the pools: so
 * that whatever grows after that should not. Which command comes next is drawn from seeded dice.
 */
import { type Random, seededRandom } from '../src/random.js';
import { command, errorsOf, type PipelinedClient, type Word } from './pipeline.js';

const STRINGS = 300_000;
const STRING_BYTES_MAX = 600;
const HASHES = 5000;
const FIELDS = 200;
const LISTS = 2000;
const LIST_LENGTH = 300;
const SETS = 2000;
const SET_MEMBERS = 1000;
const SORTED_SETS = 2000;
const SORTED_MEMBERS = 500;
const EXPIRES_SECONDS_MIN = 5;
const EXPIRES_SECONDS_MAX = 180;

/** Large keys: built in small commands, then deleted, overwritten, or left to expire, in turn. */
const LARGE_MEMBERS = 100_000;
const LARGE_A_COMMAND = 200;
const LARGE_EVERY_MS = 20_000;

const FILLER = 'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(20);

type Draw = (dice: Dice) => readonly Word[];

class Dice {
  constructor(private readonly random: Random) {}

  below(limit: number): number {
    return this.random.u32() % limit;
  }

  text(bytesMax: number): string {
    const from = this.below(36);
    return FILLER.slice(from, from + 1 + this.below(bytesMax));
  }

  seconds(): number {
    return EXPIRES_SECONDS_MIN + this.below(EXPIRES_SECONDS_MAX - EXPIRES_SECONDS_MIN);
  }

  some<T>(count: number, one: () => readonly T[]): T[] {
    return Array.from({ length: count }, one).flat();
  }
}

const string = (dice: Dice): string => `s:${dice.below(STRINGS)}`;
const hash = (dice: Dice): string => `h:${dice.below(HASHES)}`;
const list = (dice: Dice): string => `l:${dice.below(LISTS)}`;
const set = (dice: Dice): string => `e:${dice.below(SETS)}`;
const sorted = (dice: Dice): string => `z:${dice.below(SORTED_SETS)}`;
const field = (dice: Dice): string => `field:${dice.below(FIELDS)}`;
const element = (dice: Dice): string => `member:${dice.below(SET_MEMBERS)}`;
const ranked = (dice: Dice): string => `member:${dice.below(SORTED_MEMBERS)}`;

/** Each with its share of a hundred. */
const DRAWS: readonly (readonly [share: number, draw: Draw])[] = [
  [16, (dice) => ['SET', string(dice), dice.text(STRING_BYTES_MAX)]],
  [12, (dice) => ['SET', string(dice), dice.text(STRING_BYTES_MAX), 'EX', dice.seconds()]],
  [14, (dice) => ['GET', string(dice)]],
  [4, (dice) => ['DEL', string(dice)]],
  [2, (dice) => ['EXPIRE', string(dice), dice.seconds()]],
  [8, (dice) => ['HSET', hash(dice), ...dice.some(4, () => [field(dice), dice.text(60)])]],
  [3, (dice) => ['HDEL', hash(dice), field(dice), field(dice)]],
  [4, (dice) => ['HMGET', hash(dice), field(dice), field(dice)]],
  [6, (dice) => ['RPUSH', list(dice), ...dice.some(4, () => [dice.text(100)])]],
  [5, (dice) => ['LTRIM', list(dice), -LIST_LENGTH, -1]],
  [3, (dice) => ['LRANGE', list(dice), 100, 109]],
  [6, (dice) => ['SADD', set(dice), ...dice.some(8, () => [element(dice)])]],
  [3, (dice) => ['SREM', set(dice), ...dice.some(8, () => [element(dice)])]],
  [2, (dice) => ['SRANDMEMBER', set(dice), 3]],
  [6, (dice) => ['ZADD', sorted(dice), ...dice.some(4, () => [dice.below(1_000_000), ranked(dice)])]],
  [2, (dice) => ['ZREM', sorted(dice), ranked(dice), ranked(dice)]],
  [2, (dice) => ['ZRANGE', sorted(dice), 100, 109]],
  [1, (dice) => ['DEL', dice.below(2) === 0 ? hash(dice) : sorted(dice)]],
  [1, (dice) => ['EXPIRE', dice.below(2) === 0 ? list(dice) : set(dice), dice.seconds()]],
];
const SHARES = DRAWS.reduce((sum, [share]) => sum + share, 0);

function draw(dice: Dice): readonly Word[] {
  let left = dice.below(SHARES);
  for (const [share, one] of DRAWS) {
    if (left < share) return one(dice);
    left -= share;
  }
  throw new Error('shares that do not add up');
}

export class SoakLoad {
  done = 0;
  /** Connections that were lost: an hour without one is what a user expects. */
  lost = 0;
  private over = false;
  private readonly running: Promise<unknown>;

  constructor(
    private readonly clients: readonly PipelinedClient[],
    depth: number,
    seed: number,
  ) {
    const drives = clients.flatMap((client, at) =>
      Array.from({ length: depth }, (_, lane) => this.drive(client, new Dice(seededRandom(seed, at, lane)))),
    );
    this.running = Promise.all([...drives, this.driveLarge(clients[0]!)]);
  }

  get errors(): string {
    return errorsOf(this.clients);
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.running;
    for (const client of this.clients) client.close();
  }

  private async drive(client: PipelinedClient, dice: Dice): Promise<void> {
    try {
      while (!this.over) {
        await client.send(command(...draw(dice)));
        this.done++;
      }
    } catch {
      this.lost++;
    }
  }

  private async driveLarge(client: PipelinedClient): Promise<void> {
    const ends: readonly Draw[] = [
      () => ['DEL', 'large'],
      () => ['SET', 'large', 'small'],
      () => ['EXPIRE', 'large', EXPIRES_SECONDS_MIN],
    ];
    const dice = new Dice(seededRandom(0));
    try {
      for (let round = 0; !this.over; round++) {
        const startMs = performance.now();
        // What was overwritten by a string would refuse members.
        await client.send(command('DEL', 'large'));
        for (let at = 0; at < LARGE_MEMBERS && !this.over; at += LARGE_A_COMMAND) {
          const some = Array.from({ length: LARGE_A_COMMAND }, (_, i) => `member:${at + i}`);
          await client.send(command('SADD', 'large', ...some));
        }
        await client.send(command(...ends[round % ends.length]!(dice)));
        const leftMs = LARGE_EVERY_MS - (performance.now() - startMs);
        if (leftMs > 0 && !this.over) await new Promise((resolve) => setTimeout(resolve, leftMs));
      }
    } catch {
      this.lost++;
    }
  }
}
