/**
 * The commands of a load as bytes: templates with places for numbers, filled with random ones for each command.
 *
 * Names are those of `redis-benchmark` (`key:000000012345`), so that either generator finds the other's keys. Each kind of value
 * has a prefix of its own: no command meets a key of another type.
 */
import { hash14 } from '../../src/slot/hash.js';
import type { LoadPlan, Target } from './plan.js';

const DIGITS = 12;
const HOLE = '0'.repeat(DIGITS);
/** Members of a collection: it grows to so many and stays. */
const MEMBERS = 100;
const VALUE = Symbol('value');

type Word = string | typeof VALUE;

/** In a word, `#` is the key's number and `@` a member's. */
const COMMANDS: Readonly<Record<string, readonly Word[]>> = {
  set: ['SET', 'key:#', VALUE],
  get: ['GET', 'key:#'],
  incr: ['INCR', 'counter:#'],
  hset: ['HSET', 'hash:#', 'field:@', VALUE],
  sadd: ['SADD', 'set:#', 'member:@'],
  zadd: ['ZADD', 'zset:#', '@', 'member:@'],
  lpush: ['LPUSH', 'list:#', VALUE],
};

interface Template {
  readonly bytes: Buffer;
  readonly keyAt: number;
  readonly membersAt: readonly number[];
  readonly replies: number;
  /** Numbers of the keys that may be asked for. */
  readonly keys: Int32Array;
}

export interface Batch {
  readonly size: number;
  readonly bytes: Buffer;
  readonly replies: number;
}

/** Throws of a name that is none. `90/10` is nine GETs and one SET of ten. */
export function commandsOfMix(mix: string): readonly (readonly [command: string, share: number])[] {
  const [reads, writes] = mix.split('/').map(Number);
  if (writes !== undefined && reads! + writes === 100)
    return [
      ['get', reads! / 100],
      ['set', writes / 100],
    ];
  if (COMMANDS[mix] === undefined)
    throw new Error(`mix: ${JSON.stringify(mix)} is none of ${Object.keys(COMMANDS).join(', ')}, 90/10`);
  return [[mix, 1]];
}

/** Words of a command for `redis-benchmark`, which puts a random number of its own wherever `__rand_int__` stands. */
export function benchmarkWords(command: string, value: string): readonly string[] {
  return COMMANDS[command]!.map((word) => (word === VALUE ? value : word.replace(/[#@]/g, '__rand_int__')));
}

/** Batches for one target. */
export class Commands {
  private readonly templates: readonly (readonly [template: Template, share: number])[];
  private next = 0;

  constructor(plan: LoadPlan, target: Target) {
    const mix = plan.mix === 'fill' ? 'set' : plan.mix;
    this.templates = commandsOfMix(mix).map(([name, share]) => [templateOf(name, plan, target), share]);
  }

  /** So many commands, their keys at random. */
  batch(size: number): Batch {
    const chosen: Template[] = [];
    let bytes = 0;
    for (let i = 0; i < size; i++) {
      const template = this.choose();
      chosen.push(template);
      bytes += template.bytes.length;
    }
    const buffer = Buffer.allocUnsafe(bytes);
    let at = 0;
    let replies = 0;
    for (const template of chosen) {
      at = fill(buffer, at, template, template.keys[Math.floor(Math.random() * template.keys.length)]!);
      replies += template.replies;
    }
    return { size, bytes: buffer, replies };
  }

  /** The next `size` keys in turn; fewer, or none, when all had theirs. */
  fillBatch(size: number): Batch {
    const [[template]] = this.templates as readonly [readonly [Template, number]];
    const count = Math.min(size, template.keys.length - this.next);
    const buffer = Buffer.allocUnsafe(count * template.bytes.length);
    let at = 0;
    for (let i = 0; i < count; i++) at = fill(buffer, at, template, template.keys[this.next++]!);
    return { size: count, bytes: buffer, replies: count * template.replies };
  }

  private choose(): Template {
    let dice = Math.random();
    for (const [template, share] of this.templates) {
      dice -= share;
      if (dice < 0) return template;
    }
    return this.templates.at(-1)![0];
  }
}

export function encodeCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

function templateOf(name: string, plan: LoadPlan, target: Target): Template {
  const words = COMMANDS[name]!.map((word) => (word === VALUE ? 'x'.repeat(plan.valueBytes) : word));
  const marked = words.map((word) => word.replace(/[#@]/g, (mark) => mark.repeat(DIGITS)));
  // A read has nothing to wait for.
  const isWaited = plan.wait && name !== 'get';
  const text = encodeCommand(marked) + (isWaited ? encodeCommand(['WAIT', '1', '0']) : '');
  const membersAt = [...text.matchAll(/@+/g)].map(({ index }) => index);
  const prefix = words[1]!.replace('#', '');
  return {
    bytes: Buffer.from(text.replace(/#+|@+/g, HOLE), 'latin1'),
    keyAt: text.indexOf('#'),
    membersAt,
    replies: isWaited ? 2 : 1,
    keys: keysOf(prefix, plan.keys, target),
  };
}

function keysOf(prefix: string, count: number, { hashes }: Target): Int32Array {
  const all = Int32Array.from({ length: count }, (_, number) => number);
  if (hashes === undefined) return all;
  return all.filter((number) => {
    const hash = hash14(Buffer.from(prefix + String(number).padStart(DIGITS, '0')));
    return hashes.some(([first, last]) => hash >= first && hash <= last);
  });
}

function fill(buffer: Buffer, at: number, template: Template, key: number): number {
  buffer.set(template.bytes, at);
  writeDigits(buffer, at + template.keyAt, key);
  if (template.membersAt.length > 0) {
    const member = Math.floor(Math.random() * MEMBERS);
    for (const memberAt of template.membersAt) writeDigits(buffer, at + memberAt, member);
  }
  return at + template.bytes.length;
}

function writeDigits(buffer: Buffer, at: number, number: number): void {
  for (let place = at + DIGITS - 1, rest = number; rest > 0; place--, rest = Math.floor(rest / 10))
    buffer[place] = 48 + (rest % 10);
}
