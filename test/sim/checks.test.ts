/** The judges see what they are there to see. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/node/node.js';
import type { NodeSlot } from '../../src/node/replicas.js';
import type { NodeSettings } from '../../src/node/settings.js';
import { RaftLog } from '../../src/raft/log.js';
import { seededRandom } from '../../src/random.js';
import { createCodec } from '../../src/rpc/codec.js';
import { encodeBirth, memberOf } from '../../src/slot/birth.js';
import { type CommandEntry, encodeEntry } from '../../src/slot/entry.js';
import type { BinlogEntry, BinlogRecord } from '../../src/storage/binlog.js';
import { decodeEntries, encodeEntries } from '../../src/storage/binlog-record.js';
import { openBinlog } from '../../src/storage/binlog-recovery.js';
import { CutWrites } from './checks/cut-writes.js';
import { DurableImage } from './checks/durable-image.js';
import { judge } from './checks/judge.js';
import type { Action } from './checks/key-model.js';
import { Leases } from './checks/leases.js';
import { Ledger } from './checks/ledger.js';
import { Logs } from './checks/logs.js';
import { Members } from './checks/members.js';
import { Oracles } from './checks/oracles.js';
import { Reads } from './checks/reads.js';
import type { Tell } from './checks/tell.js';
import { History } from './history.js';
import { SimFiles } from './sim-files.js';

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

function tell(): { readonly faults: string[]; readonly tell: Tell } {
  const faults: string[] = [];
  return { faults, tell: { fail: (why) => faults.push(why), counted: () => {} } };
}

/** As much of a replica as the oracles look at, with a real log. */
class Replica {
  term = 1;
  leads = false;
  appliedIndex = 0;
  readonly log = new RaftLog(
    { compactedIndex: 0, compactedTerm: 0, terms: [], lastIndex: 0, entries: [] },
    0,
    0,
    { memoryBytesMax: 1 << 20 },
  );
  readonly slot: NodeSlot;

  constructor(memberId = 1) {
    const replica = this;
    const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };
    const seen = {
      birth: { groupId: 1, memberId, voters: [1, 2, 3] },
      raft: { state: { log: replica.log, votedFor: 0, configuration } },
      get isLeader() {
        return replica.leads;
      },
      get appliedTo() {
        return { index: replica.appliedIndex };
      },
      get status() {
        const role = replica.leads ? 'leader' : 'follower';
        return { role, term: replica.term, commitIndex: replica.log.commitIndex, configuration };
      },
    };
    Object.defineProperty(seen.raft.state, 'term', { get: () => replica.term });
    this.slot = seen as unknown as NodeSlot;
  }

  /** Takes entries over, as a follower does. */
  follow(previous: number, ...entries: readonly (readonly [term: number, text: string])[]): this {
    this.log.merge(
      entries.map(([term, text], i) => ({
        index: previous + 1 + i,
        term,
        kind: 'command' as const,
        data: Buffer.from(text),
      })),
    );
    return this;
  }
}

function logs(): { readonly faults: string[]; readonly look: (replica: Replica) => number } {
  const { faults, tell: own } = tell();
  const watch = new Logs(own, { committed: () => {}, opened: () => {} });
  return {
    faults,
    look: (replica) => {
      watch.look(replica.slot);
      return faults.length;
    },
  };
}

test('two logs that agree on an entry and not on what is before it are found', () => {
  const { look } = logs();
  assert.equal(look(new Replica().follow(0, [1, 'a'], [2, 'b'])), 0);
  assert.equal(look(new Replica().follow(0, [1, 'a'], [2, 'b'])), 0);
  assert.equal(look(new Replica().follow(0, [1, 'x'], [2, 'b'])), 2);
});

test('an entry that another one of its index and term took the place of is found', () => {
  const { look } = logs();
  const replica = new Replica().follow(0, [1, 'a'], [1, 'b']);
  assert.equal(look(replica), 0);
  replica.follow(1, [2, 'c']).follow(1, [3, 'x']);
  assert.equal(look(replica), 0);
  replica.log['truncateFrom'](2);
  replica.log['tail'].push({ index: 2, term: 3, kind: 'command', data: Buffer.from('y') });
  replica.log.lastIndex = 2;
  assert.equal(look(replica), 1);
});

test('a leader that cuts its log, and a cut of what was known committed, are found', () => {
  const { look, faults } = logs();
  const leader = new Replica().follow(0, [1, 'a'], [1, 'b']);
  leader.leads = true;
  look(leader);
  leader.follow(1, [2, 'c']);
  assert.equal(look(leader), 1);
  const follower = new Replica().follow(0, [1, 'a']);
  follower.log.commitTo(1);
  look(follower);
  follower.log.commitIndex = 0;
  follower.follow(0, [3, 'x']);
  look(follower);
  assert.ok(faults.some((fault) => fault.includes('committed was 1')));
});

test('two entries committed at one place, and a leader without what was committed before, are found', () => {
  const { look } = logs();
  const [one, other] = [new Replica().follow(0, [1, 'a']), new Replica().follow(0, [2, 'b'])];
  one.log.commitTo(1);
  look(one);
  other.log.commitTo(1);
  assert.equal(look(other), 1);
  const late = new Replica();
  late.term = 5;
  late.leads = true;
  assert.equal(look(late), 2);
});

test('a term, a commit or an applied index that falls, and one applied beyond the commit, are found', () => {
  const { look } = logs();
  const replica = new Replica().follow(0, [1, 'a'], [1, 'b']);
  replica.log.commitTo(2);
  replica.appliedIndex = 1;
  look(replica);
  replica.term = 0;
  assert.equal(look(replica), 1);
  replica.log.commitIndex = 1;
  assert.equal(look(replica), 2);
  replica.appliedIndex = 2;
  assert.equal(look(replica), 3);
});

test('a leader that commits an entry of an earlier term by counting is found', () => {
  const { look } = logs();
  const leader = new Replica().follow(0, [1, 'a']);
  leader.term = 2;
  leader.leads = true;
  look(leader);
  leader.log.commitTo(1);
  assert.equal(look(leader), 1);
});

test('a read at an index below what was committed when it was asked is found', () => {
  const { faults, tell: own } = tell();
  const reads = new Reads(own, () => 5);
  const { slot } = new Replica();
  const requests = {};
  Object.assign(slot, { requests });
  reads.look(slot);
  for (const [context, index] of [
    [1, 5],
    [2, 4],
  ] as const) {
    reads.asked(requests, context);
    reads.known(requests, context, index);
  }
  assert.equal(faults.length, 1);
});

function oracles(): { readonly oracles: Oracles; readonly faults: string[] } {
  const { faults, tell: own } = tell();
  const codec = createCodec({ encodeEntries, decodeEntries });
  const settings = {} as NodeSettings['slot'];
  return { oracles: new Oracles({ codec, tell: own, settings, disks: () => [] }), faults };
}

test('two leaders of one term are found', () => {
  const { oracles: watch, faults } = oracles();
  const replica = new Replica();
  replica.leads = true;
  for (const owner of [1001, 2001]) watch.observer(() => owner).statusChanged!(replica.slot);
  assert.equal(faults.length, 1);
});

test('two votes in one term are found, across lives, and each that is not on disk', () => {
  const { oracles: watch, faults } = oracles();
  const codec = createCodec({ encodeEntries, decodeEntries });
  for (const to of [2, 3]) {
    const message = { kind: 'voteReply', from: 1, to, term: 4, granted: true } as const;
    watch.sent('control', codec.encodeFrames([{ groupId: 1, message }]));
  }
  assert.equal(faults.filter((fault) => fault.includes('voted for')).length, 1);
  assert.equal(faults.filter((fault) => fault.includes('its disk says')).length, 2);
});

test('replicas that apply different bytes, a gap, too much, or time that goes back are found', () => {
  const entry = (timeMs: number): Buffer =>
    encodeEntry({ rules: 1, timeMs, seedHigh: 1, seedLow: 2, groups: [] });
  const { oracles: watch, faults } = oracles();
  const [one, other] = [watch.observer(() => 1001), watch.observer(() => 2001)];
  const replica = new Replica();
  replica.log.commitIndex = 9;
  one.entryApplied!(replica.slot, command(1, 1, entry(5)));
  other.entryApplied!(replica.slot, command(1, 1, entry(6)));
  assert.equal(faults.length, 1);
  replica.log.commitIndex = 1;
  one.entryApplied!(replica.slot, command(2, 1, entry(7)));
  assert.equal(faults.length, 2);
  replica.log.commitIndex = 9;
  one.entryApplied!(replica.slot, command(4, 1, entry(8)));
  assert.equal(faults.length, 4);
  const { oracles: clock, faults: back } = oracles();
  const late = clock.observer(() => 1001);
  late.entryApplied!(replica.slot, command(1, 1, entry(9)));
  late.entryApplied!(replica.slot, command(2, 1, entry(8)));
  assert.equal(back.length, 1);
});

test('what is on disk is what was synced, and after a crash what survived', async () => {
  let syncs = true;
  const files = new SimFiles((label, run) => {
    if (syncs || !label.startsWith('sync ')) queueMicrotask(run);
  });
  const options = { segmentBytes: 1 << 20, binlogBytesMax: 1 << 30, freeBytesMin: 0, onPinned: () => {} };
  const { binlog } = await openBinlog(files, options, () => 0);
  const birth = { groupId: 7, tableId: 0, slot: 0, memberId: 1, voters: [1] };
  const entries = (index: number, term: number): BinlogRecord => ({
    kind: 'entries',
    replicaId: 1,
    entries: [{ index, term, kind: 'command', data: Buffer.from('x') }],
  });
  await binlog.append([
    { kind: 'birth', replicaId: 1, birth: encodeBirth(birth) },
    entries(1, 1),
    entries(2, 1),
  ]);
  const image = new DurableImage();
  assert.ok(image.logOf(files, 7, 1)!.holds(2, 1));
  await binlog.append([entries(2, 2)]);
  assert.ok(image.logOf(files, 7, 1)!.holds(2, 2) && !image.logOf(files, 7, 1)!.holds(2, 1));
  syncs = false;
  void binlog.append([entries(3, 2)]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!image.logOf(files, 7, 1)!.reaches(3));
  files.crash(seededRandom(1), 'drop');
  assert.ok(image.logOf(files, 7, 1)!.holds(2, 2));
});

test('a write that is acknowledged and not logged, logged twice, or refused and logged is found', () => {
  const entry = (word: string): CommandEntry => {
    const commands = [['SET', 'key', word].map((text) => Buffer.from(text))];
    return { rules: 1, timeMs: 1, seedHigh: 1, seedLow: 1, groups: [{ kind: 'lone', commands }] };
  };
  const { faults, tell: own } = tell();
  const ledger = new Ledger(own);
  ledger.applied(entry('c1s1.1'));
  ledger.settled(['SET', 'key', 'c1s1.1'], 'done');
  assert.equal(faults.length, 0);
  ledger.settled(['SET', 'key', 'c1s1.2'], 'done');
  assert.equal(faults.length, 1);
  ledger.applied(entry('c1s1.1'));
  assert.equal(faults.length, 2);
  ledger.settled(['SET', 'key', 'c1s1.3'], 'refused');
  ledger.applied(entry('c1s1.3'));
  assert.equal(faults.length, 3);
});

/** A leader of an async group has logged words; another one's log has another entry from `keptTo` on, and commits. */
function lostTail(keptTo: number): {
  readonly faults: string[];
  readonly watch: CutWrites;
  readonly node: Node;
} {
  const word = (index: number): string =>
    encodeEntry({
      ...{ rules: 1, timeMs: 1, seedHigh: 1, seedLow: 1 },
      groups: [{ kind: 'lone', commands: [['SET', 'key', `x${index};`].map((text) => Buffer.from(text))] }],
    }).toString('latin1');
  const { faults, tell: own } = tell();
  const replica = new Replica();
  Object.assign(replica.slot.birth, { isAsync: true });
  const watch = new CutWrites(own, (_groupId, index) => replica.log.term(index));
  replica.leads = true;
  for (const index of [1, 2, 3])
    replica.log.append({ index, term: 1, kind: 'command', data: Buffer.from(word(index), 'latin1') });
  watch.look(1, replica.slot);
  Object.assign(replica, { leads: false, term: 2 });
  replica.follow(keptTo, [2, word(9)]);
  replica.log.commitTo(keptTo + 1);
  watch.look(1, replica.slot);
  const cuts = { writes: 3 - keptTo };
  return { faults, watch, node: { replicas: { all: [replica.slot], cuts } } as unknown as Node };
}

test('what an async leader lost and does not count, or counts and did not lose, is found', () => {
  const { faults, watch, node } = lostTail(1);
  watch.judgeCounts(1, node);
  assert.deepEqual(faults, []);
  Object.assign(node.replicas.cuts, { writes: 1 });
  watch.judgeCounts(1, node);
  assert.equal(faults.length, 1);
  Object.assign(node.replicas.cuts, { writes: 3 });
  watch.judgeCounts(1, node);
  assert.equal(faults.length, 2);
});

test('an acknowledged async write may be lost as part of a suffix; one in no log, and one refused and kept, are found', () => {
  const { faults, watch } = lostTail(1);
  watch.settled(['x1', 'x2', 'x3'], 'done');
  watch.judgeLosses();
  assert.deepEqual(faults, []);
  const nowhere = lostTail(1);
  nowhere.watch.settled(['x7'], 'done');
  nowhere.watch.judgeLosses();
  assert.equal(nowhere.faults.length, 1);
  const refused = lostTail(1);
  refused.watch.settled(['x1'], 'refused');
  refused.watch.judgeLosses();
  assert.equal(refused.faults.length, 1);
});

test('a lease that outlives the election of another leader is found', () => {
  const { faults, tell: judge } = tell();
  const leases = new Leases(judge);
  let leaseHolds = true;
  const slot = {
    isLeader: true,
    status: { term: 3 },
    birth: { groupId: 7 },
    raft: { leaseHolds: () => leaseHolds },
    now: () => 0,
  } as unknown as NodeSlot;
  leases.elected(7, 3);
  leases.elected(8, 9);
  leases.look(slot);
  assert.deepEqual(faults, [], 'its own term, and another group');
  leases.elected(7, 4);
  leaseHolds = false;
  leases.look(slot);
  assert.deepEqual(faults, [], 'it thinks that it leads, and answers nobody');
  leaseHolds = true;
  leases.look(slot);
  assert.equal(faults.length, 1);
});

test('a member id that comes back is found, and a new one of its node is not', () => {
  const { faults, tell: judge } = tell();
  const members = new Members(judge);
  members.wished(1, new Set([1, 2, 3]));
  members.wished(1, new Set([1, 3]));
  members.wished(1, new Set([1, 3, memberOf(2, 1)]));
  members.wished(2, new Set([2]));
  assert.deepEqual(faults, []);
  members.wished(1, new Set([1, 2, 3]));
  assert.equal(faults.length, 1);
});

function command(index: number, term: number, data: Buffer): BinlogEntry {
  return { index, term, kind: 'command', data };
}
