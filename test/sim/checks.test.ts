/** The judges see what they are there to see. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeSlot } from '../../src/node/replicas.js';
import { createCodec } from '../../src/rpc/codec.js';
import { encodeEntry } from '../../src/slot/entry.js';
import type { BinlogEntry } from '../../src/storage/binlog.js';
import { decodeEntries, encodeEntries } from '../../src/storage/binlog-record.js';
import { judge } from './checks/judge.js';
import type { Action } from './checks/key-model.js';
import { Oracles } from './checks/oracles.js';
import { History } from './history.js';

type Step = readonly [session: string, asked: Action, fate: 'done' | 'unknown', answered?: Action];

/** One after the other. */
function faultsOf(key: string, steps: readonly Step[]): readonly string[] {
  const history = new History();
  for (const [session, asked, fate, answered] of steps) {
    history.settle(key, history.begin(key, asked, session), fate, answered);
  }
  return judge(history).faults;
}

const get = (session: string, found: string | null): Step => [
  session,
  { kind: 'get', found: undefined },
  'done',
  { kind: 'get', found },
];
const set = (session: string, value: string): Step => [session, { kind: 'set', value }, 'done'];

test('a lost write, a stale read and a value from nowhere are found', () => {
  assert.deepEqual(faultsOf('reg', [set('a', '1'), get('b', '1')]), []);
  assert.equal(faultsOf('reg', [set('a', '1'), get('b', null)]).length, 1);
  assert.equal(faultsOf('reg', [set('a', '1'), set('a', '2'), get('b', '1')]).length, 1);
  assert.equal(faultsOf('reg', [set('a', '1'), get('b', '7')]).length, 1);
});

test('a write of unknown fate may be seen or not, but not unseen again', () => {
  const maybe: Step = ['a', { kind: 'set', value: '1' }, 'unknown'];
  assert.deepEqual(faultsOf('reg', [maybe, get('b', '1')]), []);
  assert.deepEqual(faultsOf('reg', [maybe, get('b', null)]), []);
  assert.equal(faultsOf('reg', [maybe, get('b', '1'), get('b', null)]).length, 1);
});

test('a refused write that happened is found', () => {
  const history = new History();
  history.settle('reg', history.begin('reg', { kind: 'set', value: '1' }, 'a'), 'refused');
  history.settle('reg', history.begin('reg', { kind: 'get', found: undefined }, 'b'), 'done', {
    kind: 'get',
    found: '1',
  });
  assert.equal(judge(history).faults.length, 1);
});

test('what a session sees of itself out of order is found, also among commands under way together', () => {
  const history = new History();
  const read = history.begin('reg', { kind: 'get', found: undefined }, 'a');
  const write = history.begin('reg', { kind: 'set', value: '1' }, 'a');
  history.settle('reg', write, 'done');
  history.settle('reg', read, 'done', { kind: 'get', found: '1' });
  assert.equal(judge(history).faults.length, 1);
});

test('a key that may vanish vanishes once', () => {
  const vanish: Step = ['the server', { kind: 'vanish', value: '1' }, 'unknown'];
  assert.deepEqual(faultsOf('ttl', [set('a', '1'), vanish, get('b', '1'), get('b', null)]), []);
  assert.equal(faultsOf('ttl', [set('a', '1'), vanish, get('b', null), get('b', '1')]).length, 1);
});

test('a counter and a log that lost or doubled an acknowledged step are found', () => {
  const add = (result: number): Step => [
    'a',
    { kind: 'increment', result: undefined },
    'done',
    { kind: 'increment', result },
  ];
  assert.deepEqual(faultsOf('count', [add(1), add(2), get('b', '2')]), []);
  assert.ok(faultsOf('count', [add(1), add(1), get('b', '1')]).length > 0);
  const word = (value: string, length: number): Step => [
    'a',
    { kind: 'append', value, length: undefined },
    'done',
    { kind: 'append', value, length },
  ];
  assert.deepEqual(faultsOf('log', [word('a-1;', 4), word('a-2;', 8), get('b', 'a-1;a-2;')]), []);
  assert.ok(faultsOf('log', [word('a-1;', 4), get('b', null)]).length > 0);
  assert.ok(faultsOf('log', [word('a-1;', 4), get('b', 'a-1;a-1;')]).length > 0);
});

interface Seen {
  readonly role?: 'leader' | 'follower';
  readonly term?: number;
  readonly lastIndex?: number;
  readonly commitIndex?: number;
}

/** As much of a replica as the oracles look at. */
function replica(seen: Seen): NodeSlot {
  const configuration = {
    voters: [1, 2, 3],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  const status = { role: 'follower', term: 1, lastIndex: 9, commitIndex: 9, configuration, ...seen };
  return { birth: { groupId: 1, voters: [1, 2, 3] }, status } as unknown as NodeSlot;
}

function oracles(): { readonly oracles: Oracles; readonly faults: string[] } {
  const faults: string[] = [];
  const codec = createCodec({ encodeEntries, decodeEntries });
  return {
    oracles: new Oracles(
      codec,
      (why) => faults.push(why),
      () => {},
    ),
    faults,
  };
}

test('two leaders of one term and a leader without an applied entry are found', () => {
  const { oracles: watch, faults } = oracles();
  const [one, other] = [watch.observer(() => 1001), watch.observer(() => 2001)];
  one.statusChanged!(replica({ role: 'leader' }));
  other.statusChanged!(replica({ role: 'leader' }));
  assert.equal(faults.length, 1);
  one.entryApplied!(replica({}), command(1, 1, Buffer.alloc(0)));
  other.statusChanged!(replica({ role: 'leader', term: 2, lastIndex: 0 }));
  assert.equal(faults.length, 2);
});

test('two votes in one term are found, across lives', () => {
  const { oracles: watch, faults } = oracles();
  const codec = createCodec({ encodeEntries, decodeEntries });
  for (const to of [2, 3]) {
    const message = { kind: 'voteReply', from: 1, to, term: 4, granted: true } as const;
    watch.sent('control', codec.encodeFrames([{ groupId: 1, message }]));
  }
  assert.equal(faults.length, 1);
});

test('replicas that apply different bytes, a gap, too much, or time that goes back are found', () => {
  const entry = (timeMs: number): Buffer =>
    encodeEntry({ rules: 1, timeMs, seedHigh: 1, seedLow: 2, groups: [] });
  const { oracles: watch, faults } = oracles();
  const [one, other] = [watch.observer(() => 1001), watch.observer(() => 2001)];
  one.entryApplied!(replica({}), command(1, 1, entry(5)));
  other.entryApplied!(replica({}), command(1, 1, entry(6)));
  assert.equal(faults.length, 1);
  one.entryApplied!(replica({ commitIndex: 1 }), command(2, 1, entry(7)));
  assert.equal(faults.length, 2);
  one.entryApplied!(replica({}), command(4, 1, entry(8)));
  assert.equal(faults.length, 4);
  const { oracles: clock, faults: back } = oracles();
  const late = clock.observer(() => 1001);
  late.entryApplied!(replica({}), command(1, 1, entry(9)));
  late.entryApplied!(replica({}), command(2, 1, entry(8)));
  assert.equal(back.length, 1);
});

function command(index: number, term: number, data: Buffer): BinlogEntry {
  return { index, term, kind: data.length > 0 ? 'command' : 'empty', data };
}
