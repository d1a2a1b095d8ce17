/**
 * What clients ask for: commands with unique values over several kinds of keys, and how each reply is taken into the history.
 *
 * - `reg`: shared registers, everything a string can do; renewed as the run goes on, so that no key's history grows too long to judge.
 * - `count`: counters that only INCR touches. `log`: words appended by anyone, never removed. `ttl`: written once with an expiry.
 * - `list`: words pushed by anyone, long enough to get into pages. `hash/f`, `zset/m`: counters in a field, in a score.
 * - `pair`: two keys of one slot that only ever change together; a read must never see them differ.
 */
import type { Random } from '../../src/random.js';
import type { Reply } from '../../src/resp/reply.js';
import type { Action } from './checks/key-model.js';
import type { Fate, History, Recorded } from './history.js';

export interface WorkloadSettings {
  readonly keys: number;
  /** Commands after which the registers are new ones. */
  readonly renewEvery: number;
  readonly flushes: boolean;
  readonly ttlMsMax: number;
  readonly valueBytesMax: number;
}

export interface Command {
  readonly argv: readonly string[];
  /** Throws when the reply could not be, whatever the state. */
  settle(fate: Fate, reply: Reply | undefined): void;
}

export interface WorkloadWorld {
  readonly history: History;
  readonly settings: WorkloadSettings;
  /** Calls `run` once the server may have let a key die that is asked for now, with this life. */
  whenMayExpire(ttlMs: number, run: () => void): void;
}

/** A FLUSHALL that is not known to have ended. */
interface Flush {
  readonly session: string;
  readonly parts: { readonly key: string; readonly recorded: Recorded }[];
}

type Maker = (session: string) => Command;

export class Workload {
  /** Commands made. */
  made = 0;
  private unique = 0;
  private readonly makers: readonly (readonly [weight: number, make: Maker])[];
  private readonly expiring: string[] = [];
  private readonly flushes = new Set<Flush>();
  private readonly weights: number;

  constructor(
    private readonly world: WorkloadWorld,
    private readonly random: Random,
  ) {
    this.makers = [
      [30, (session) => this.get(this.register(), session)],
      [22, (session) => this.set(this.register(), session)],
      [6, (session) => this.del(this.register(), session)],
      [5, (session) => this.setnx(this.register(), session)],
      [5, (session) => this.append(this.register(), session)],
      [5, (session) => this.mset(session)],
      [6, (session) => this.mget(session)],
      [7, (session) => this.increment(`count${this.random.below(3)}`, session)],
      [5, (session) => this.append(`log${this.random.below(3)}`, session)],
      [3, (session) => this.setExpiring(session)],
      [5, (session) => this.get(this.pick(this.expiring) ?? this.register(), session)],
      [3, (session) => this.setPair(session)],
      [3, (session) => this.getPair(session)],
      [4, (session) => this.push(this.list(), session)],
      [3, (session) => this.get(this.list(), session)],
      [4, (session) => this.incrementWithin(this.within(), session)],
      [3, (session) => this.get(this.within(), session)],
      [2, (session) => this.del(this.list(), session)],
      [world.settings.flushes ? 1 : 0, (session) => this.flush(session)],
    ];
    this.weights = this.makers.reduce((sum, [weight]) => sum + weight, 0);
  }

  next(session: string): Command {
    this.made++;
    let at = this.random.below(this.weights);
    for (const [weight, make] of this.makers) {
      at -= weight;
      if (at < 0) return make(session);
    }
    throw new Error('weights');
  }

  /** A read of a key, or of what is within one. */
  get(key: string, session: string): Command {
    const recorded = this.begin(key, { kind: 'get', found: undefined }, session);
    return this.command(readOf(key), (fate, reply) => {
      this.settle(key, recorded, fate, () => ({ kind: 'get', found: textOf(reply!) }));
    });
  }

  private push(key: string, session: string): Command {
    const value = `${session}-${++this.unique}`.padEnd(LIST_ITEM_BYTES, '.').concat(';');
    const recorded = this.begin(key, { kind: 'push', value, count: undefined }, session);
    return this.command(['RPUSH', key, value], (fate, reply) => {
      this.settle(key, recorded, fate, () => ({ kind: 'push', value, count: numberOf(reply!) }));
    });
  }

  private incrementWithin(key: string, session: string): Command {
    const [outer, inner] = key.split('/') as [string, string];
    const recorded = this.begin(key, { kind: 'increment', result: undefined }, session);
    const argv = outer.startsWith('hash') ? ['HINCRBY', outer, inner, '1'] : ['ZINCRBY', outer, '1', inner];
    return this.command(argv, (fate, reply) => {
      this.settle(key, recorded, fate, () => {
        const result = reply!.kind === 'bulk' ? Number(reply!.bytes) : numberOf(reply!);
        return { kind: 'increment', result };
      });
    });
  }

  private list(): string {
    return `list${this.random.below(2)}`;
  }

  private within(): string {
    return `${this.random.below(2) === 0 ? 'hash' : 'zset'}${this.random.below(2)}/${this.random.below(3)}`;
  }

  set(key: string, session: string): Command {
    const value = this.value(session);
    const recorded = this.begin(key, { kind: 'set', value }, session);
    return this.command(['SET', key, value], (fate) => this.settle(key, recorded, fate));
  }

  increment(key: string, session: string): Command {
    const recorded = this.begin(key, { kind: 'increment', result: undefined }, session);
    return this.command(['INCR', key], (fate, reply) => {
      this.settle(key, recorded, fate, () => ({ kind: 'increment', result: numberOf(reply!) }));
    });
  }

  append(key: string, session: string): Command {
    const value = `${session}-${++this.unique};`;
    const recorded = this.begin(key, { kind: 'append', value, length: undefined }, session);
    return this.command(['APPEND', key, value], (fate, reply) => {
      this.settle(key, recorded, fate, () => ({ kind: 'append', value, length: numberOf(reply!) }));
    });
  }

  mset(session: string, keys = this.registers()): Command {
    const parts = keys.map((key) => {
      const value = this.value(session);
      return { key, value, recorded: this.begin(key, { kind: 'set', value }, session) };
    });
    return this.command(['MSET', ...parts.flatMap(({ key, value }) => [key, value])], (fate) => {
      for (const { key, recorded } of parts) this.settle(key, recorded, fate);
    });
  }

  mget(session: string, keys = this.registers()): Command {
    const parts = keys.map((key) => ({
      key,
      recorded: this.begin(key, { kind: 'get', found: undefined }, session),
    }));
    return this.command(['MGET', ...keys], (fate, reply) => {
      const items = fate === 'done' ? itemsOf(reply!) : [];
      parts.forEach(({ key, recorded }, i) => {
        this.settle(key, recorded, fate, () => ({ kind: 'get', found: textOf(items[i]!) }));
      });
    });
  }

  /** The server may let it go by itself, once, from then on. */
  setExpiring(session: string, ttlMs = 1 + this.random.below(this.world.settings.ttlMsMax)): Command {
    const value = this.value(session);
    const key = `ttl-${value}`;
    this.expiring.push(key);
    if (this.expiring.length > 4) this.expiring.shift();
    const recorded = this.begin(key, { kind: 'set', value }, session);
    const { history } = this.world;
    this.world.whenMayExpire(ttlMs, () => history.begin(key, { kind: 'vanish', value }, 'the server'));
    return this.command(['SET', key, value, 'PX', String(ttlMs)], (fate) => this.settle(key, recorded, fate));
  }

  /** Every key may lose its value, each slot at its own moment. */
  flush(session: string): Command {
    const { history } = this.world;
    const flush: Flush = { session, parts: [] };
    for (const key of history.keys.keys()) flush.parts.push({ key, recorded: this.flushed(key, session) });
    this.flushes.add(flush);
    return this.command(['FLUSHALL'], (fate) => {
      if (fate !== 'unknown') this.flushes.delete(flush);
      for (const { key, recorded } of flush.parts) this.settle(key, recorded, fate);
    });
  }

  private flushed(key: string, session: string): Recorded {
    return this.world.history.begin(key, { kind: 'delete', removed: undefined }, session);
  }

  private del(key: string, session: string): Command {
    const recorded = this.begin(key, { kind: 'delete', removed: undefined }, session);
    return this.command(['DEL', key], (fate, reply) => {
      this.settle(key, recorded, fate, () => ({ kind: 'delete', removed: numberOf(reply!) === 1 }));
    });
  }

  private setnx(key: string, session: string): Command {
    const value = this.value(session);
    const recorded = this.begin(key, { kind: 'setnx', value, done: undefined }, session);
    return this.command(['SETNX', key, value], (fate, reply) => {
      this.settle(key, recorded, fate, () => ({ kind: 'setnx', value, done: numberOf(reply!) === 1 }));
    });
  }

  private setPair(session: string): Command {
    const [a, b] = this.pair();
    const value = this.value(session);
    const recorded = this.begin(a, { kind: 'set', value }, session);
    return this.command(['MSET', a, value, b, value], (fate) => this.settle(a, recorded, fate));
  }

  private getPair(session: string): Command {
    const [a, b] = this.pair();
    const recorded = this.begin(a, { kind: 'get', found: undefined }, session);
    return this.command(['MGET', a, b], (fate, reply) => {
      const [left, right] = fate === 'done' ? itemsOf(reply!).map(textOf) : [null, null];
      if (left !== right) throw new Error(`half of an MSET was seen: ${a} is ${left}, ${b} is ${right}`);
      this.settle(a, recorded, fate, () => ({ kind: 'get', found: left! }));
    });
  }

  private pair(): readonly [string, string] {
    const tag = `{pair${this.epoch()}}`;
    return [`${tag}a`, `${tag}b`];
  }

  private register(): string {
    return `reg${this.epoch()}-${this.random.below(this.world.settings.keys)}`;
  }

  private registers(): string[] {
    const keys = new Set<string>();
    for (let left = 2 + this.random.below(2); left > 0; left--) keys.add(this.register());
    return [...keys];
  }

  private epoch(): number {
    return Math.floor(this.made / this.world.settings.renewEvery);
  }

  private value(session: string): string {
    const value = `${session}.${++this.unique}`;
    const { valueBytesMax } = this.world.settings;
    return valueBytesMax > 100 && this.random.below(8) === 0
      ? value.padEnd(this.random.below(valueBytesMax), '.')
      : value;
  }

  private pick<T>(list: readonly T[]): T | undefined {
    return list[this.random.below(Math.max(1, list.length))];
  }

  /** A key that is new while a flush is under way may be hit by it. */
  private begin(key: string, action: Action, session: string): Recorded {
    if (!this.world.history.keys.has(key)) {
      for (const flush of this.flushes) flush.parts.push({ key, recorded: this.flushed(key, flush.session) });
    }
    return this.world.history.begin(key, action, session);
  }

  private settle(key: string, recorded: Recorded, fate: Fate, action?: () => Action): void {
    if (fate === 'done' && action !== undefined) this.world.history.settle(key, recorded, fate, action());
    else this.world.history.settle(key, recorded, fate);
  }

  private command(argv: readonly string[], settle: Command['settle']): Command {
    return { argv, settle };
  }
}

export function encodeCommand(argv: readonly string[]): Buffer {
  const parts = argv.map((argument) => `$${Buffer.byteLength(argument)}\r\n${argument}\r\n`);
  return Buffer.from(`*${argv.length}\r\n${parts.join('')}`);
}

/** So that a few are more than may be inline. */
const LIST_ITEM_BYTES = 1400;

function readOf(key: string): string[] {
  const [outer, inner] = key.split('/') as [string, string?];
  if (key.startsWith('list')) return ['LRANGE', key, '0', '-1'];
  if (inner === undefined) return ['GET', key];
  return [outer.startsWith('hash') ? 'HGET' : 'ZSCORE', outer, inner];
}

/** A list's text is that of its items, one after the other. */
export function textOf(reply: Reply): string | null {
  if (reply.kind === 'array') return reply.items.map(textOf).join('') || null;
  if (reply.kind === 'bulk') return reply.bytes.toString('latin1');
  if (reply.kind === 'null') return null;
  throw new Error(`no string: ${JSON.stringify(reply)}`);
}

function numberOf(reply: Reply): number {
  if (reply.kind !== 'integer') throw new Error(`no integer: ${JSON.stringify(reply)}`);
  return Number(reply.value);
}

function itemsOf(reply: Reply): readonly Reply[] {
  if (reply.kind !== 'array') throw new Error(`no array: ${JSON.stringify(reply)}`);
  return reply.items;
}
