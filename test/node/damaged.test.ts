/**
 * Replicas that can't prove what they hold: shut, told to the placement manager, and destroyed only when their group shows that it
 * lives without them; then, and not before, another member is born in their place.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateMachine } from '../../src/commands/state-machine.js';
import { DAMAGE_FILE, DamageNotes } from '../../src/node/damaged-replicas.js';
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
import { DamageError } from '../../src/storage/damage.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { VirtualClock } from '../pm/virtual-env.js';
import { SimFiles } from '../sim/sim-files.js';
import { HandBinlog, noSnapshots, SETTINGS } from '../slot/group.js';
import { CHECKPOINT } from '../slot/home.js';
import { recoveredReplica } from './recovered.js';

const SELF = 1;
const GROUP = 10;
const FIRST = memberOf(SELF, 0);
const SECOND = memberOf(SELF, 1);

class Ground {
  readonly clock = new VirtualClock();
  readonly env = this.clock.env(1).env;
  readonly events: string[] = [];
  readonly binlog = new HandBinlog((what) => void this.events.push(what));
  readonly engine = new MemoryEngine();
  readonly checkpointer = new Checkpointer(this.env, this.engine, CHECKPOINT, 0, fail);
  readonly pump = new Pump<Reply>(this.env, this.binlog, 10, fail, () => {});
  readonly notes: DamageNotes;
  readonly replicas: Replicas;
  private epoch = 0;

  constructor(readonly files = new SimFiles()) {
    this.notes = new DamageNotes(files);
    this.replicas = new Replicas({
      env: this.env,
      engine: this.engine,
      binlog: this.binlog,
      pump: this.pump,
      checkpointer: this.checkpointer,
      machine: stateMachine,
      settings: SETTINGS,
      snapshots: noSnapshots(),
      post: (to, _groupId, message) => void this.events.push(`to ${to}: ${message.kind}`),
      leaderHeard: () => {},
      statusChanged: () => {},
      isDown: () => false,
      entryApplied: () => {},
      notes: this.notes,
      fatal: fail,
    });
    this.pump.start();
  }

  get here(): MemberId[] {
    return [...this.replicas.all].map(({ birth }) => birth.memberId);
  }

  /** Why its damaged replicas are. */
  get found(): string[] {
    return [...this.replicas.damaged.all].map(({ why }) => why);
  }

  get tombstones(): number[] {
    const records = this.binlog.batches.flat().filter((record) => record.kind === 'tombstone');
    return records.map(({ replicaId }) => replicaId);
  }

  view(...groups: readonly GroupInfo[]): TopologyView {
    const slots = groups.length;
    const table = { tableId: 4, name: 't', slots, replicas: 3, mode: 'quorum' as const, groups };
    return new TopologyView({ clusterId: 'c', epoch: ++this.epoch, nodes: [], tables: [table] });
  }

  follow(...groups: readonly GroupInfo[]): Promise<void> {
    return this.clock.settle(this.replicas.follow(this.view(...groups), SELF));
  }

  async call(to: MemberId): Promise<void> {
    const heartbeat = { kind: 'heartbeat', from: 2, to, term: 5, commit: 0, readRound: 0, sentAtMs: 0 };
    this.replicas.receive(GROUP, heartbeat as Message);
    await this.clock.pass(20);
  }
}

function fail(why: unknown): void {
  assert.fail(String(why));
}

function group(incarnation: number, groupId = GROUP, nodes: readonly number[] = [1, 2, 3]): GroupInfo {
  const members = nodes.map(
    (nodeId): GroupMember => ({ nodeId, incarnation: nodeId === SELF ? incarnation : 0 }),
  );
  return { groupId, birthNodeIds: nodes, members, nextIncarnation: incarnation + 1 };
}

function recovered(replicaId: number, more: Partial<RecoveredReplica>, groupId = GROUP): RecoveredReplica {
  const hardState = { term: 9, votedFor: 0, commit: 0 };
  return recoveredReplica(replicaId, { groupId, memberId: FIRST, voters: [1, 2, 3] }, { hardState, ...more });
}

test('a damaged replica says nothing, is told as lost, and goes on the word of any leader; then the new member is born', async () => {
  const ground = new Ground();
  await ground.replicas.reopen(recovered(1, { damaged: 'segment 3 at 77' }), undefined);
  await ground.replicas.settleDamage(ground.view(group(0)), SELF);
  await ground.follow(group(0));
  assert.deepEqual(ground.found, ['segment 3 at 77']);
  assert.deepEqual(ground.replicas.lostMembers(), [
    { groupId: GROUP, incarnation: 0, why: 'segment 3 at 77' },
  ]);
  await ground.call(FIRST);
  await ground.clock.pass(10_000);
  assert.deepEqual([ground.here, ground.events], [[], []]);
  await ground.follow(group(1));
  assert.deepEqual(ground.replicas.lostMembers(), [], 'another one is wished');
  await ground.call(SECOND);
  assert.deepEqual(ground.here, [], 'not beside the damaged one');
  let answer: Standing = { verdict: 'member', term: 3 };
  const asked: number[] = [];
  const removals = new Removals({
    env: ground.env,
    node: { nodeId: SELF, members: () => [1, 2, 3] },
    replicas: ground.replicas,
    wish: () => [SECOND, 2, 3],
    leaders: { of: () => ({ nodeId: 2, term: 3 }) },
    forwarder: {
      askStanding: (nodeId, _groupId, memberId, _term, say) => {
        assert.equal(memberId, FIRST);
        asked.push(nodeId);
        say(answer);
      },
    },
  });
  removals.start();
  await ground.clock.pass(5000);
  assert.ok(asked.length > 0);
  assert.deepEqual(ground.tombstones, []);
  // Older than the term that it remembers: it has no say in anything any more.
  answer = { verdict: 'removed', term: 3 };
  await ground.clock.pass(5000);
  assert.deepEqual(ground.tombstones, [1]);
  await ground.call(SECOND);
  assert.deepEqual(ground.here, [SECOND]);
  removals.close();
});

test('rows that are not as they were written shut the replica, not the process, and the next start knows it', async () => {
  const ground = new Ground();
  await ground.follow(group(0));
  const slot = ground.replicas.get(GROUP)!;
  slot.raft.campaign(ground.env.monotonicMs());
  ground.replicas.shut(slot, 'a row of state 1');
  await ground.clock.pass(10_000);
  const said = ground.events.length;
  await ground.call(FIRST);
  await ground.clock.pass(10_000);
  assert.equal(ground.events.length, said, 'it says no word more');
  assert.deepEqual(ground.here, []);
  assert.deepEqual(ground.replicas.lostMembers(), [
    { groupId: GROUP, incarnation: 0, why: 'a row of state 1' },
  ]);
  const again = new Ground(ground.files.incarnation());
  await again.notes.load();
  await again.replicas.reopen(recovered(1, {}), undefined);
  assert.deepEqual([again.here, again.found], [[], ['a row of state 1']]);
  await again.follow(group(1));
  const [damaged] = again.replicas.damaged.all;
  await again.clock.settle(again.replicas.destroyDamaged(damaged!));
  assert.equal(await again.files.readWhole(DAMAGE_FILE), undefined, 'the note goes with it');
});

test('a state that cannot be read when it is opened is the same', async () => {
  const ground = new Ground();
  const meta = {
    appliedIndex: 0,
    appliedTerm: 0,
    timeMs: 0,
    keys: 1,
    configuration: {
      voters: [1, 2, 3],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    },
  };
  ground.engine.iterate = () => ({
    next: () => Promise.reject(new DamageError('the row 00')),
    close: () => Promise.resolve(),
  });
  await ground.replicas.reopen(recovered(1, {}), { stateId: 7, meta });
  assert.deepEqual([ground.here, ground.found], [[], ['the row 00']]);
});

test('replicas without a birth: every group that could have been theirs is taken for lost, once, and never born again', async () => {
  const ground = new Ground();
  await ground.replicas.reopen(recovered(1, {}, 11), undefined);
  await ground.replicas.reopen(
    recovered(2, { birth: Buffer.alloc(0), damaged: 'segment 1 is missing' }),
    undefined,
  );
  const groups = [group(0), group(0, 11), group(2, 12), group(0, 13, [2, 3, 4])];
  await ground.clock.settle(ground.replicas.settleDamage(ground.view(...groups), SELF));
  await ground.follow(...groups);
  assert.deepEqual(ground.here, [FIRST], 'group 11 is known by its birth');
  const lost = ground.replicas.lostMembers().map(({ groupId, incarnation }) => `${groupId}.${incarnation}`);
  assert.deepEqual(lost, ['10.0', '12.2']);
  const records = ground.binlog.batches.flat();
  const births = records.flatMap((record) => (record.kind === 'birth' ? [decodeBirth(record.birth)] : []));
  assert.deepEqual(
    births.map(({ groupId, memberId }) => [groupId, memberId]),
    [
      [10, FIRST],
      [12, memberOf(SELF, 2)],
    ],
  );
  assert.ok(records.findIndex(({ replicaId, kind }) => kind === 'tombstone' && replicaId === 2) > 0);
  assert.deepEqual(records.at(-1)!.replicaId, 2, 'its own tombstone comes after theirs');
});

test('frames of anyone lost: replicas that left no trace are reckoned with too', async () => {
  const ground = new Ground();
  ground.replicas.nameless.suspect('binlog/00000001.seg at 32');
  await ground.clock.settle(ground.replicas.settleDamage(ground.view(group(0)), SELF));
  await ground.follow(group(0));
  assert.deepEqual(ground.here, [], 'a voter that may have voted is not born for the second time');
  assert.equal(ground.replicas.lostMembers().length, 1);
});

test('the only copy is damaged: refused where nothing else is here, and kept shut where something is', async () => {
  const lone = group(0, GROUP, [SELF]);
  const ground = new Ground();
  await ground.replicas.reopen(recovered(1, { damaged: 'segment 3 at 77' }), undefined);
  await assert.rejects(
    ground.replicas.settleDamage(ground.view(lone), SELF),
    /all 1 slots here are damaged and have no other copy.*slot 0 of table 4: segment 3 at 77/,
  );
  const other = new Ground();
  await other.replicas.reopen(recovered(1, { damaged: 'segment 3 at 77' }), undefined);
  await other.replicas.reopen(recovered(2, {}, 11), undefined);
  await other.replicas.settleDamage(other.view(lone, group(0, 11)), SELF);
  assert.equal(other.here.length, 1);
  const nameless = new Ground();
  await nameless.replicas.reopen(recovered(2, { birth: Buffer.alloc(0), damaged: 'lost' }), undefined);
  await assert.rejects(
    nameless.replicas.settleDamage(nameless.view(lone), SELF),
    /slot 0 of table 4 has its only copy here/,
  );
  assert.deepEqual(nameless.tombstones, [], 'nothing is given up');
});
