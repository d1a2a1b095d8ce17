/** How replicas come to be on a node and how they go: births and tombstones are durable before anyone can tell. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateMachine } from '../../src/commands/state-machine.js';
import { Replicas } from '../../src/node/replicas.js';
import { TopologyView } from '../../src/node/topology.js';
import type { Reply } from '../../src/resp/reply.js';
import { decodeBirth } from '../../src/slot/birth.js';
import { Checkpointer } from '../../src/slot/checkpoint.js';
import { Pump } from '../../src/slot/pump.js';
import { readStoredStates } from '../../src/slot/states.js';
import type { RecoveredReplica } from '../../src/storage/binlog.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { VirtualClock } from '../pm/virtual-env.js';
import { HandBinlog, noSnapshots, SETTINGS } from '../slot/group.js';
import { CHECKPOINT } from '../slot/home.js';
import { recoveredReplica } from './recovered.js';

const SELF = 1;

class Ground {
  readonly clock = new VirtualClock();
  readonly env = this.clock.env(1).env;
  readonly events: string[] = [];
  readonly binlog = new HandBinlog((what) => void this.events.push(what));
  readonly engine = new MemoryEngine();
  readonly checkpointer = new Checkpointer(this.env, this.engine, CHECKPOINT, 0, (why) =>
    assert.fail(String(why)),
  );
  readonly pump = new Pump<Reply>(
    this.env,
    this.binlog,
    10,
    (why) => assert.fail(String(why)),
    () => {},
  );
  readonly replicas = new Replicas({
    env: this.env,
    engine: this.engine,
    binlog: this.binlog,
    pump: this.pump,
    checkpointer: this.checkpointer,
    machine: stateMachine,
    settings: SETTINGS,
    snapshots: noSnapshots(),
    post: (to, groupId, message) => void this.events.push(`${groupId} to ${to}: ${message.kind}`),
    leaderHeard: () => {},
    statusChanged: () => {},
    entryApplied: () => {},
    isDown: () => false,
    fatal: (why) => assert.fail(String(why)),
  });

  constructor() {
    this.pump.start();
  }

  get groups(): number[] {
    return [...this.replicas.all].map(({ birth }) => birth.groupId);
  }
}

function topology(
  epoch: number,
  groups: Readonly<Record<number, readonly number[]>>,
  dropped: readonly number[] = [],
): TopologyView {
  const list = Object.entries(groups).map(([groupId, birthNodeIds]) => ({
    groupId: Number(groupId),
    birthNodeIds,
  }));
  const table = {
    tableId: 4,
    name: 't',
    slots: list.length,
    replicas: 1,
    mode: 'quorum' as const,
    groups: list,
  };
  return new TopologyView({
    clusterId: 'c',
    epoch,
    nodes: [],
    tables: list.length === 0 ? [] : [table],
    droppedTableIds: dropped,
  });
}

test('a replica is born where the birth set says so, once, and speaks only when its birth is durable', async () => {
  const ground = new Ground();
  ground.binlog.prompt = false;
  const following = ground.replicas.follow(topology(1, { 10: [1, 2, 3], 11: [2, 3, 4] }), SELF);
  await ground.clock.pass(5000);
  assert.deepEqual([ground.groups, ground.events], [[], ['append birth']]);
  ground.binlog.prompt = true;
  ground.binlog.flush();
  await ground.clock.settle(following);
  await ground.clock.settle(ground.replicas.follow(topology(2, { 10: [1, 2, 3], 11: [2, 3, 4] }), SELF));
  await ground.clock.pass(5000);
  assert.deepEqual(ground.groups, [10]);
  assert.equal(ground.events.filter((event) => event === 'append birth').length, 1);
  assert.ok(ground.events.indexOf('10 to 2: preVote') > ground.events.indexOf('durable'));
  assert.deepEqual(ground.replicas.get(10)!.birth.voters, [1, 2, 3]);
});

test('a table that is merely missing loses nothing; one that is named as dropped goes, for good, tombstone first', async () => {
  const ground = new Ground();
  const birth = topology(1, { 10: [SELF] });
  await ground.clock.settle(ground.replicas.follow(birth, SELF));
  await ground.clock.pass(3000);
  await ground.clock.settle(ground.checkpointer.round());
  await ground.clock.settle(ground.replicas.follow(topology(2, {}), SELF));
  assert.deepEqual(ground.groups, [10]);
  ground.binlog.prompt = false;
  const burying = ground.replicas.follow(topology(3, {}, [4]), SELF);
  await ground.clock.pass(100);
  assert.equal(ground.events.at(-1), 'append tombstone');
  assert.equal((await readStoredStates(ground.engine)).byReplica.size, 1);
  ground.binlog.prompt = true;
  ground.binlog.flush();
  await ground.clock.settle(burying);
  assert.equal((await readStoredStates(ground.engine)).byReplica.size, 0);
  await ground.clock.settle(ground.replicas.follow(birth, SELF));
  assert.deepEqual(ground.groups, []);
});

test('what was buried or is damaged stays shut after a restart, and is not born again', async () => {
  const recovered = (replicaId: number, groupId: number, more: Partial<RecoveredReplica>): RecoveredReplica =>
    recoveredReplica(replicaId, { groupId, memberId: SELF, voters: [SELF] }, more);
  const ground = new Ground();
  await ground.replicas.reopen(recovered(1, 10, { tombstone: Buffer.from('x') }), undefined);
  await ground.replicas.reopen(recovered(2, 11, { damaged: 'a frame is missing' }), undefined);
  await ground.replicas.reopen(recovered(3, 12, {}), undefined);
  await ground.clock.settle(
    ground.replicas.follow(topology(1, { 10: [SELF], 11: [SELF], 12: [SELF], 13: [SELF] }), SELF),
  );
  assert.deepEqual(ground.groups, [12, 13]);
  const births = ground.binlog.batches.flat().filter((record) => record.kind === 'birth');
  assert.deepEqual(
    births.map(({ birth }) => decodeBirth(birth).groupId),
    [13],
  );
});

test('a message for another member, or another group, reaches nobody', async () => {
  const ground = new Ground();
  await ground.clock.settle(ground.replicas.follow(topology(1, { 10: [1, 2, 3] }), SELF));
  const before = ground.replicas.get(10)!.status.term;
  const heartbeat = {
    kind: 'heartbeat',
    from: 2,
    term: 99,
    commit: 0,
    readRound: 0,
    sentAtMs: 0,
    sleep: false,
  } as const;
  ground.replicas.receive(10, { ...heartbeat, to: 4294967296 + SELF });
  ground.replicas.receive(11, { ...heartbeat, to: SELF });
  assert.equal(ground.replicas.get(10)!.status.term, before);
  ground.replicas.receive(10, { ...heartbeat, to: SELF });
  assert.equal(ground.replicas.get(10)!.status.term, 99);
});
