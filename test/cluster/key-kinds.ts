/**
 * What one writer does to its key, a kind each: the next command, the plain model's state after it, and the reply that follows from the
 * model. States are never changed, only replaced. Collections grow past what may be inline, so that they lie in pages.
 */
import type { RespReply } from '../../jepsen-style/resp-parser.js';
import type { Random } from '../../src/random.js';

export interface Step<State = unknown> {
  readonly argv: readonly string[];
  readonly after: State;
  readonly reply: string;
}

export interface KeyKind<State = unknown> {
  readonly name: string;
  readonly empty: State;
  step(state: State, key: string, random: Random): Step<State>;
  /** Comparable with `shown` of the reply to `read`. */
  text(state: State): readonly string[];
  read(key: string): readonly string[];
  shown(reply: RespReply): readonly string[];
}

const FIELDS = 160;
const ITEMS_MAX = 300;
const PADDING = '.'.repeat(60);
/** A large key's items, and how many of them make it large enough to go. */
const LARGE_PUSH = 40;
const LARGE_ITEMS = 240;

let unique = 0;
const word = (): string => `${++unique}${PADDING}`;
const one = (random: Random): boolean => random.below(3) === 0;

const string: KeyKind<string> = {
  name: 'string',
  empty: '',
  step(state, key, random) {
    const added = word();
    if (state.length > 0 && state.length < 2000 && random.below(2) === 0) {
      const after = state + added;
      return { argv: ['APPEND', key, added], after, reply: String(after.length) };
    }
    return { argv: ['SET', key, added], after: added, reply: 'OK' };
  },
  text: (state) => (state === '' ? [] : [state]),
  read: (key) => ['GET', key],
  shown: (reply) => (reply.kind === 'bulk' ? [reply.text] : []),
};

type Fields = ReadonlyMap<string, string>;

const hash: KeyKind<Fields> = {
  name: 'hash',
  empty: new Map(),
  step(state, key, random) {
    const field = `f${random.below(FIELDS)}`;
    const known = state.has(field);
    if (one(random))
      return { argv: ['HDEL', key, field], after: without(state, field), reply: known ? '1' : '0' };
    const value = word();
    const after = new Map(state).set(field, value);
    return { argv: ['HSET', key, field, value], after, reply: known ? '0' : '1' };
  },
  text: (state) => [...state].map(([field, value]) => `${field}=${value}`).sort(),
  read: (key) => ['HGETALL', key],
  shown: (reply) => pairsOf(reply).sort(),
};

const set: KeyKind<Fields> = {
  name: 'set',
  empty: new Map(),
  step(state, key, random) {
    const member = `m${random.below(FIELDS)}${PADDING}`;
    const known = state.has(member);
    if (one(random))
      return { argv: ['SREM', key, member], after: without(state, member), reply: known ? '1' : '0' };
    return { argv: ['SADD', key, member], after: new Map(state).set(member, ''), reply: known ? '0' : '1' };
  },
  text: (state) => [...state.keys()].sort(),
  read: (key) => ['SMEMBERS', key],
  shown: (reply) => itemsOf(reply).sort(),
};

const zset: KeyKind<Fields> = {
  name: 'zset',
  empty: new Map(),
  step(state, key, random) {
    const member = `m${random.below(FIELDS)}${PADDING}`;
    const known = state.has(member);
    if (one(random))
      return { argv: ['ZREM', key, member], after: without(state, member), reply: known ? '1' : '0' };
    const score = String(random.below(50));
    return {
      argv: ['ZADD', key, score, member],
      after: new Map(state).set(member, score),
      reply: known ? '0' : '1',
    };
  },
  text: (state) => {
    const ordered = [...state].sort(([a, x], [b, y]) => Number(x) - Number(y) || (a < b ? -1 : 1));
    return ordered.map(([member, score]) => `${member}=${score}`);
  },
  read: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  shown: pairsOf,
};

const list: KeyKind<readonly string[]> = {
  name: 'list',
  empty: [],
  step(state, key, random) {
    const first = random.below(2) === 0;
    if (state.length > 0 && (one(random) || state.length > ITEMS_MAX)) {
      const gone = first ? state[0]! : state[state.length - 1]!;
      return {
        argv: [first ? 'LPOP' : 'RPOP', key],
        after: first ? state.slice(1) : state.slice(0, -1),
        reply: gone,
      };
    }
    const item = word();
    const after = first ? [item, ...state] : [...state, item];
    return { argv: [first ? 'LPUSH' : 'RPUSH', key, item], after, reply: String(after.length) };
  },
  text: (state) => state,
  read: (key) => ['LRANGE', key, '0', '-1'],
  shown: itemsOf,
};

/** Grows, and is gone at once; its pages are reclaimed behind it. */
const large: KeyKind<readonly string[]> = {
  ...list,
  name: 'large',
  step(state, key) {
    if (state.length >= LARGE_ITEMS) return { argv: ['DEL', key], after: [], reply: '1' };
    const items = Array.from({ length: LARGE_PUSH }, word);
    const after = [...state, ...items];
    return { argv: ['RPUSH', key, ...items], after, reply: String(after.length) };
  },
};

export const KINDS = [string, hash, set, zset, list, large] as readonly KeyKind[];

function without(state: Fields, name: string): Fields {
  const after = new Map(state);
  after.delete(name);
  return after;
}

function itemsOf(reply: RespReply): string[] {
  if (reply.kind !== 'array') return [`not an array: ${JSON.stringify(reply)}`];
  return reply.items.map((item) => ('text' in item ? item.text : item.kind));
}

function pairsOf(reply: RespReply): string[] {
  const items = itemsOf(reply);
  return items.flatMap((item, i) => (i % 2 === 0 ? [`${item}=${items[i + 1]}`] : []));
}
