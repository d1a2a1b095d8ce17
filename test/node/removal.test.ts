/**
 * How a member that is not of the birth set comes to be, and how one that its group removed goes: each only on the word that
 * proves it, and its record on the disk first.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateMachine } from '../../src/commands/state-machine.js';
import type { Standing } from '../../src/node/forwarder.js';
import { Removals } from '../../src/node/removals.js';
import { Replicas } from '../../src/node/replicas.js';
import { TopologyView } from '../../src/node/topology.js';
import type { MemberId, Message } from '../../src/raft/message.js';
import type { Reply } from '../../src/resp/reply.js';
import type { GroupInfo, GroupMember } from '../../src/rpc/topology.js';
import { decodeBirth, memberOf } from '../../src/slot/birth.js';
import { Checkpointer } from '../../src/slot/checkpoint.js';
import { Pump } from '../../src/slot/pump.js';
import type { RecoveredReplica } from '../../src/storage/binlog.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { VirtualClock } from '../pm/virtual-env.js';
import { HandBinlog, noSnapshots, SETTINGS } from '../slot/group.js';
import { CHECKPOINT } from '../slot/home.js';
import { recoveredReplica } from './recovered.js';

const SELF = 4;
const GROUP = 10;
const FIRST = memberOf(SELF, 1);
const SECOND = memberOf(SELF, 2);

class Ground {
  readonly clock = new VirtualClock();
  readonly env = this.clock.env(1).env;
  readonly events: string[] = [];
  /** Leaders that spoke to members that are not here. */
  readonly heard: string[] = [];
  readonly binlog = new HandBinlog((what) => void this.events.push(what));
  readonly engine = new MemoryEngine();
  readonly checkpointer = new Checkpointer(this.env, this.engine, CHECKPOINT, 0, fail);
  readonly pump = new Pump<Reply>(this.env, this.binlog, 10, fail, () => {});
  readonly replicas = new Replicas({
    env: this.env,
    engine: this.engine,
    binlog: this.binlog,
    pump: this.pump,
    checkpointer: this.checkpointer,
    machine: stateMachine,
    settings: SETTINGS,
    snapshots: noSnapshots(),
    post: (to, _groupId, message) => void this.events.push(`to ${to}: ${message.kind}`),
    leaderHeard: (_groupId, { nodeId, term }) => void this.heard.push(`${nodeId} leads in ${term}`),
    statusChanged: () => {},
    isDown: () => false,
    entryApplied: () => {},
    fatal: fail,
  });
  private epoch = 0;

  constructor() {
    this.pump.start();
  }

  /** Here and in `this` group, as ids. */
  get here(): MemberId[] {
    return [...this.replicas.all].map(({ birth }) => birth.memberId);
  }

  wish(
    members: readonly GroupMember[] | undefined,
    birthNodeIds: readonly number[] = [1, 2, 3],
  ): Promise<void> {
    const group: GroupInfo = {
      groupId: GROUP,
      birthNodeIds,
      ...(members && { members, nextIncarnation: 9 }),
    };
    const table = { tableId: 4, name: 't', slots: 1, replicas: 3, mode: 'quorum' as const, groups: [group] };
    const view = new TopologyView({ clusterId: 'c', epoch: ++this.epoch, nodes: [], tables: [table] });
    return this.clock.settle(this.replicas.follow(view, SELF));
  }

  /** What a leader says to one of its members. */
  async call(to: MemberId, more: Partial<Message> = {}): Promise<void> {
    const heartbeat = { kind: 'heartbeat', from: 1, term: 5, commit: 0, readRound: 0, sentAtMs: 0 } as const;
    this.replicas.receive(GROUP, { ...heartbeat, to, ...more } as Message);
    await this.clock.pass(20);
  }
}

function fail(why: unknown): void {
  assert.fail(String(why));
}

function members(...incarnations: readonly number[]): readonly GroupMember[] {
  return [1, 2, 3]
    .map((nodeId) => ({ nodeId, incarnation: 0 }))
    .concat(incarnations.map((incarnation) => ({ nodeId: SELF, incarnation })));
}

/** A member that was born here and never got anything. */
function recoveredEmpty(given: Partial<RecoveredReplica>): RecoveredReplica {
  return recoveredReplica(1, { groupId: GROUP, memberId: FIRST, voters: [] }, given);
}

test('a wished member is born when a leader speaks to it: empty, without a vote, its birth durable before it answers', async () => {
  const ground = new Ground();
  await ground.wish(members(1));
  assert.deepEqual(ground.here, [], 'the wish alone makes nobody');
  ground.binlog.prompt = false;
  await ground.call(FIRST);
  await ground.call(FIRST);
  assert.deepEqual([ground.here, ground.events], [[], ['append birth']]);
  ground.binlog.prompt = true;
  ground.binlog.flush();
  await ground.clock.pass(5);
  await ground.call(FIRST);
  assert.deepEqual(ground.here, [FIRST]);
  const slot = ground.replicas.get(GROUP)!;
  assert.deepEqual(slot.birth, { groupId: GROUP, tableId: 4, slot: 0, memberId: FIRST, voters: [] });
  assert.deepEqual(slot.status.configuration.voters, []);
  assert.ok(ground.events.indexOf('to 1: heartbeatReply') > ground.events.indexOf('durable'));
  await ground.clock.pass(60_000);
  assert.ok(!ground.events.some((event) => /ote/.test(event)), 'it never asks for votes');
});

test('it asks for the snapshot that it must begin with', async () => {
  const ground = new Ground();
  await ground.wish(members(1));
  await ground.call(FIRST);
  const append = { kind: 'append', previousIndex: 3, previousTerm: 5, commit: 3, entries: [] } as const;
  await ground.call(FIRST, append);
  assert.equal(ground.events.at(-1), 'to 1: appendReply');
});

test("nobody is born of a candidate, an answer, an unknown group, an unwished or another node's member, or the birth set late", async () => {
  const ground = new Ground();
  await ground.call(FIRST);
  await ground.wish(members(2));
  await ground.call(FIRST);
  await ground.call(memberOf(5, 1));
  await ground.call(memberOf(SELF, 0));
  await ground.call(SECOND, { kind: 'preVote', lastIndex: 9, lastTerm: 9, transfer: false });
  await ground.call(SECOND, { kind: 'vote', lastIndex: 9, lastTerm: 9, transfer: true });
  await ground.call(SECOND, { kind: 'timeoutNow' });
  assert.deepEqual([ground.here, ground.events], [[], []]);
  await ground.call(SECOND);
  assert.deepEqual(ground.here, [SECOND]);
});

test('called, and not wished any more before its turn came: not born', async () => {
  const ground = new Ground();
  await ground.wish(members(1));
  ground.binlog.prompt = false;
  // Births and burials wait for each other: this one holds the next up.
  const held = ground.wish(members(1), [SELF]);
  await ground.clock.pass(5);
  await ground.call(FIRST);
  assert.deepEqual(ground.events, ['append birth']);
  ground.binlog.prompt = true;
  ground.binlog.flush();
  await held;
  await ground.clock.pass(50);
  assert.deepEqual(ground.here, [memberOf(SELF, 0)], 'and one replica of a group a node');
});

test('while an older member stands, a newer one waits; when that is destroyed, it is born, and the older never again', async () => {
  const ground = new Ground();
  await ground.wish(members(1));
  await ground.call(FIRST);
  await ground.wish(members(2));
  await ground.call(SECOND, { term: 7 });
  assert.deepEqual(ground.here, [FIRST]);
  assert.equal(ground.heard.at(-1), '1 leads in 7', 'so it may ask whom to go');
  await ground.clock.settle(ground.replicas.destroy(ground.replicas.get(GROUP)!, 7));
  assert.deepEqual(ground.here, []);
  const tombstones = ground.binlog.batches.flat().filter((record) => record.kind === 'tombstone');
  assert.deepEqual(
    tombstones.map(({ tombstone }) => decodeBirth(tombstone).memberId),
    [FIRST],
  );
  await ground.call(FIRST, { term: 7 });
  assert.deepEqual(ground.here, []);
  await ground.call(SECOND, { term: 7 });
  assert.deepEqual(ground.here, [SECOND]);
  await ground.wish(members(1));
  await ground.call(FIRST, { term: 8 });
  assert.deepEqual(ground.here, [SECOND], 'whatever is wished');
});

test('after a restart, who was destroyed stays away, and the others may still come', async () => {
  const ground = new Ground();
  const recovered = recoveredEmpty({ tombstone: Buffer.from('x') });
  await ground.replicas.reopen(recovered, undefined);
  await ground.wish(members(1), [1, 2, SELF]);
  assert.deepEqual(ground.here, [], 'nor is the birth set born of a group that was here');
  await ground.call(FIRST);
  assert.deepEqual(ground.here, []);
  await ground.wish(members(2));
  await ground.call(SECOND);
  assert.deepEqual(ground.here, [SECOND]);
});

test('an empty replica that restarts is as it was: no vote, no configuration', async () => {
  const ground = new Ground();
  const recovered = recoveredEmpty({ hardState: { term: 5, votedFor: 0, commit: 0 } });
  await ground.replicas.reopen(recovered, undefined);
  const { status } = ground.replicas.get(GROUP)!;
  assert.deepEqual([status.role, status.term, status.configuration.voters], ['follower', 5, []]);
  await ground.clock.pass(60_000);
  assert.deepEqual(ground.events, []);
});

test('an answer of an older term than the member has heard of destroys nothing', async () => {
  const ground = new Ground();
  await ground.wish(members(1));
  await ground.call(FIRST);
  await ground.call(FIRST, { term: 6 });
  await ground.wish(members());
  const slot = ground.replicas.get(GROUP)!;
  await ground.clock.settle(ground.replicas.destroy(slot, 5));
  assert.deepEqual(ground.here, [FIRST]);
  await ground.clock.settle(ground.replicas.destroy(slot, 6));
  assert.deepEqual(ground.here, []);
});

test('only a leader that has applied an entry of its term, under a plain configuration, says that a member is removed', async () => {
  const ground = new Ground();
  await ground.wish(undefined, [SELF]);
  const stranger = memberOf(9, 3);
  const standing = (): Standing => ground.replicas.standing(GROUP, stranger, 0);
  assert.equal(ground.replicas.standing(GROUP + 1, stranger, 0).verdict, 'unknown', 'no replica here');
  assert.equal(standing().verdict, 'unknown', 'no leader yet');
  ground.binlog.prompt = false;
  await ground.clock.pass(5000);
  const slot = ground.replicas.get(GROUP)!;
  assert.equal(slot.isLeader, true);
  assert.equal(standing().verdict, 'unknown', 'its first entry is not on the disk');
  ground.binlog.prompt = true;
  ground.binlog.flush();
  await ground.clock.pass(20);
  const { lastIndex } = slot.status;
  assert.equal(standing().verdict, 'unknown', 'no later configuration entry proves what is applied');
  assert.equal(standing().verdict, 'unknown');
  await ground.clock.pass(20);
  assert.equal(slot.status.lastIndex, lastIndex + 1, 'so it adds one');
  assert.deepEqual(standing(), { verdict: 'removed', term: slot.status.term });
  assert.equal(ground.replicas.standing(GROUP, memberOf(SELF, 0), 0).verdict, 'member');
  const learner = memberOf(2, 1);
  slot.proposeConfiguration({ add: [], addLearners: [learner], remove: [], transition: 'auto' });
  await ground.clock.pass(20);
  assert.equal(ground.replicas.standing(GROUP, learner, 0).verdict, 'member', 'a learner belongs to it');
  slot.proposeConfiguration({ add: [], addLearners: [], remove: [learner], transition: 'auto' });
  await ground.clock.pass(20);
  assert.equal(ground.replicas.standing(GROUP, learner, 0).verdict, 'unknown', 'proven is one that names it');
  await ground.clock.pass(20);
  assert.equal(ground.replicas.standing(GROUP, learner, 0).verdict, 'removed');
  slot.proposeConfiguration({ add: [learner], addLearners: [], remove: [], transition: 'joint' });
  await ground.clock.pass(20);
  assert.ok(slot.status.configuration.votersOutgoing.length > 0);
  assert.equal(standing().verdict, 'unknown', 'joint');
});

test('a removed member in a term that its group never heard of is not stuck: the leader leads on in a later one', async () => {
  const ground = new Ground();
  await ground.wish(undefined, [SELF]);
  await ground.clock.pass(5000);
  const slot = ground.replicas.get(GROUP)!;
  const { term } = slot.status;
  const stranger = memberOf(9, 3);
  const ask = (): Standing => ground.replicas.standing(GROUP, stranger, term + 3);
  assert.equal(ask().verdict, 'unknown');
  await ground.clock.pass(20);
  assert.deepEqual(ask(), { verdict: 'removed', term });
  await ground.clock.pass(5000);
  assert.equal(ask().verdict, 'unknown', 'in another term it is confirmed anew');
  await ground.clock.pass(20);
  assert.deepEqual(ask(), { verdict: 'removed', term: term + 4 });
  assert.equal(ground.replicas.standing(GROUP, memberOf(SELF, 0), term + 99).verdict, 'member');
  assert.equal(slot.status.term, term + 4, "a member's term comes by its own messages");
});

test('a replica that is not wished knows of no leader, unless it leads itself', async () => {
  const ground = new Ground();
  await ground.wish(members(1));
  await ground.call(FIRST);
  await ground.call(FIRST);
  assert.deepEqual(ground.replicas.leadership(GROUP), { nodeId: 1, term: 5 });
  await ground.wish(members());
  assert.deepEqual(ground.replicas.leadership(GROUP), { nodeId: 0, term: 0 });
  const alone = new Ground();
  await alone.wish(undefined, [SELF]);
  await alone.clock.pass(5000);
  await alone.wish(members());
  assert.equal(alone.replicas.leadership(GROUP).nodeId, SELF);
});

test('a replica that is not wished asks, the leader it knows and others by turns, and goes only on the word "removed"', async () => {
  const ground = new Ground();
  await ground.wish(members(1));
  await ground.call(FIRST);
  await ground.call(FIRST);
  const asked: number[] = [];
  let answer: Standing = { verdict: 'member', term: 99 };
  const removals = new Removals({
    env: ground.env,
    node: { nodeId: SELF, members: () => [1, 2, 3, SELF] },
    replicas: ground.replicas,
    wish: () => wished,
    leaders: { of: () => ({ nodeId: 3, term: 5 }) },
    forwarder: {
      askStanding: (nodeId, groupId, memberId, term, say) => {
        assert.deepEqual([groupId, memberId, term], [GROUP, FIRST, 5]);
        asked.push(nodeId);
        say(answer);
      },
    },
  });
  let wished: readonly MemberId[] | undefined = [1, 2, 3, FIRST];
  removals.start();
  await ground.clock.pass(10_000);
  wished = undefined;
  await ground.clock.pass(10_000);
  assert.deepEqual(
    [asked, ground.here],
    [[], [FIRST]],
    'wished, or of a table that is merely missing: nothing to ask',
  );
  wished = [1, 2, 3];
  await ground.clock.pass(10_000);
  assert.deepEqual(new Set(asked), new Set([1, 2, 3]));
  assert.ok(asked.filter((nodeId) => nodeId === 3).length > asked.length / 3);
  answer = { verdict: 'unknown', term: 99 };
  await ground.clock.pass(5000);
  assert.deepEqual(ground.here, [FIRST]);
  answer = { verdict: 'removed', term: 5 };
  await ground.clock.pass(5000);
  assert.deepEqual(ground.here, []);
  const { length } = asked;
  await ground.clock.pass(5000);
  assert.equal(asked.length, length);
  removals.close();
});
